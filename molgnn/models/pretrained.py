"""A pretrained encoder on disk: what molgnn pretrain learnt, for molgnn train to begin with.

``model.safetensors`` holds the encoder's weights (``encoder.<parameter>``), what stood beside it
in pretraining (other names, kept as they are), and how often pretraining saw each code of each
field of atoms and bonds (``counts.atom.<field>``, ``counts.bond.<field>``); ``config.json`` says
what it is as plain data, ``README.md`` in words. Nothing in it can run.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from molgnn.chem.features import schema, schema_hash
from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.chem.smiles import RECIPES
from molgnn.errors import Refusal
from molgnn.models.build import build_encoder, whole_spec
from molgnn.models.bundle import bundled
from molgnn.models.card import pretrained_card
from molgnn.models.property import PropertyModel
from molgnn.models.stored import PRETRAINED, check_features, read_format, read_weights, shipped
from molgnn.nn.head import MLPHead
from molgnn.nn.readout import SumReadout

VERSION = 1
FILES = ("model.safetensors", "config.json", "README.md")

_ENCODER, _COUNTS = "encoder.", "counts."
_FIELDS = {"atom": ATOM_SIZES, "bond": BOND_SIZES}
_MOST = 1 << 48  # sums of counts stay exact
_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32)

Counts = tuple[list[Tensor], list[Tensor]]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """An encoder with its weights. ``spec`` has all its options, ``others`` are the tensors that
    stood beside it, ``counts`` the codes that pretraining saw, by field of atoms and of bonds."""

    spec: dict
    encoder_state: dict[str, Tensor] = field(repr=False)
    others: dict[str, Tensor] = field(repr=False)
    counts: Counts = field(repr=False)
    recipe: str
    config: dict = field(repr=False)
    sha256: str
    path: Path

    @property
    def name(self) -> str:
        return self.config["name"]

    def encoder(self) -> nn.Module:
        """The encoder itself, with its weights."""
        encoder = build_encoder(self.spec)
        encoder.load_state_dict(self.encoder_state)
        return encoder


def begin_with(model: PropertyModel, pretrained: Pretrained, head: bool = True) -> None:
    """Give a network the pretrained encoder, and with ``head`` also the hidden layer from which
    descriptors were decoded.

    Pretraining makes of molecule vectors h the mean of the latent, W_g h + b_g, and of that the
    hidden layer relu(W_d z + b_d): the head's hidden layer begins as relu(W_d W_g h + W_d b_g +
    b_d). It fits where the readout is the sum of pretraining and the widths are the same; features
    beside h keep their random weights.
    """
    model.encoder.load_state_dict(pretrained.encoder_state)
    begun = _hidden_layer(pretrained.others) if head else None
    summed = isinstance(model.readout, SumReadout) and model.readout.scale == SumReadout(1).scale
    if begun is None or not summed or not isinstance(model.head, MLPHead):
        return
    weight, bias = begun
    hidden = model.head.layers[1]
    width = model.readout.out_dim
    if weight.shape == (hidden.out_features, width) and len(model.head.layers) > 2:
        with torch.no_grad():
            hidden.weight[:, :width] = weight
            hidden.bias[:] = bias


def _hidden_layer(others: Mapping[str, Tensor]) -> tuple[Tensor, Tensor] | None:
    """(H, D) and (H,), None where pretraining decoded no descriptors."""
    names = [f"{of}.{what}" for of in ("graph_latent.mean", "descriptors.layers.1") for what in
             ("weight", "bias")]  # fmt: skip
    if not all(name in others for name in names):
        return None
    down, down_bias, up, up_bias = (others[name].float() for name in names)
    dims = down.dim() == up.dim() == 2 and down_bias.dim() == up_bias.dim() == 1
    if not dims or up.size(1) != down.size(0) or len(down_bias) != len(down):
        return None
    return (up @ down, up @ down_bias + up_bias) if len(up_bias) == len(up) else None


def save_pretrained(
    folder: Path, tensors: Mapping[str, Tensor], counts: Counts, config: Mapping
) -> None:
    """Write the folder. ``config`` has ``name``, ``encoder`` (its spec), ``recipe``, and whatever
    else is to be kept. Raises ValueError where ``load_pretrained`` would refuse what was written.
    """
    named = {
        f"{_COUNTS}{kind}.{number}": count.to(torch.int64)
        for kind, own in zip(_FIELDS, counts, strict=True)
        for number, count in enumerate(own)
    }
    if any(name.startswith(_COUNTS) for name in tensors):
        raise ValueError(f"no tensor may be called {_COUNTS}...: those are of the codes")
    every = {k: t.detach().cpu().contiguous() for k, t in {**tensors, **named}.items()}
    weights = save(every)
    config = {
        "format": PRETRAINED,
        "version": VERSION,
        **config,
        "encoder": whole_spec(config["encoder"]),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "features": {"hash": schema_hash(), **schema()},
    }
    try:
        _checked(folder / "config.json", config)
        _parts(folder / "model.safetensors", every, config["encoder"])
    except Refusal as refusal:
        raise ValueError(str(refusal)) from None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(pretrained_card(config), encoding="utf-8")


def load_pretrained(model: str | os.PathLike) -> Pretrained:
    """An encoder's folder, that of a run of molgnn pretrain, or the name of a shipped one.

    Raises Refusal in one line for anything else, and for what is damaged or does not fit."""
    folder = find_pretrained(model)
    path = folder / "config.json"
    config = _checked(path, read_format(path, PRETRAINED))
    weights = folder / "model.safetensors"
    tensors, digest = read_weights(weights, config)
    state, others, counts = _parts(weights, tensors, config["encoder"])
    recipe = config["recipe"]
    return Pretrained(config["encoder"], state, others, counts, recipe, config, digest, folder)


def find_pretrained(model: str | os.PathLike) -> Path:
    """The folder of an encoder by path or name; a folder on disk comes first. One of a trained
    model is found too, for its config to be refused as that."""
    if not isinstance(model, str | os.PathLike) or not str(model):
        raise Refusal(f"pretrained={model!r}: give the folder of a pretrained encoder, or its name")
    path = Path(model)
    for folder in (path, path / "encoder", path / "model"):
        if (folder / "config.json").is_file():
            return folder
    known = bundled() | pretrained_models()
    if str(model) in known:
        return known[str(model)]
    if path.is_dir():
        raise Refusal(f"{path}: no config.json here, so this folder is no pretrained encoder")
    names = f", or one of {', '.join(pretrained_models())}" if pretrained_models() else ""
    if path.is_file():
        raise Refusal(f"{path} is a file: a pretrained encoder is a folder{names}")
    said = "give the folder that molgnn pretrain wrote"
    raise Refusal(f"unknown pretrained encoder {str(model)!r}: {said}{names}")


def pretrained_models() -> dict[str, Path]:
    """The pretrained encoders that ship with molgnn, by name."""
    return shipped("pretrained_models")


def _checked(path: Path, config: dict) -> dict:
    """The config, its encoder with all options. Raises Refusal where it cannot be followed."""
    if config.get("version") != VERSION:
        raise Refusal(
            f"{path}: version {str(config.get('version'))[:20]} of a pretrained encoder, this "
            f"molgnn reads version {VERSION}: install a matching one"
        )
    for key, kind in _NEEDED.items():
        if not isinstance(config.get(key), kind):
            raise Refusal(f"{path}: damaged: {key!r} is missing or of another type")
    if not config["name"].isprintable() or not config["name"]:
        raise Refusal(f"{path}: damaged: 'name' is no name")
    check_features(path, config)
    if config["recipe"] not in RECIPES:
        raise Refusal(f"{path}: unknown standardisation {config['recipe'][:80]!r}")
    try:
        return config | {"encoder": whole_spec(config["encoder"])}
    except Refusal as refusal:
        raise Refusal(f"{path}: {refusal}") from None


_NEEDED = {"name": str, "encoder": dict, "recipe": str, "features": dict, "weights_sha256": str}


def _parts(path: Path, tensors: dict[str, Tensor], spec: dict) -> tuple[dict, dict, Counts]:
    """Encoder, others and counts among the tensors. Raises Refusal where they do not fit."""
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES or not tensor.isfinite().all():
            raise Refusal(f"{path}: damaged: {name[:80]!r} has weights that are no numbers")
    state, counted, others = {}, {}, {}
    for name, tensor in tensors.items():
        own = state if name.startswith(_ENCODER) else counted
        if name.startswith((_ENCODER, _COUNTS)):
            own[name.partition(".")[2]] = tensor
        else:
            others[name] = tensor
    try:
        with torch.device("meta"):  # its shapes alone: a file may ask for any width
            planned = build_encoder(spec).state_dict()
    except Refusal as refusal:
        raise Refusal(f"{path.with_name('config.json')}: {refusal}") from None
    if {k: (t.shape, t.dtype) for k, t in state.items()} != {
        k: (t.shape, t.dtype) for k, t in planned.items()
    }:
        raise Refusal(f"{path}: the encoder's weights do not fit config.json")
    return state, others, _counts(path, counted)


def _counts(path: Path, counted: dict[str, Tensor]) -> Counts:
    """By field of atoms and of bonds. Raises Refusal for what are no counts of the codes."""
    shapes = {f"{kind}.{i}": (n,) for kind, own in _FIELDS.items() for i, n in enumerate(own)}
    sound = {name: tuple(count.shape) for name, count in counted.items()} == shapes
    for count in counted.values() if sound else ():
        sound &= count.dtype == torch.int64 and bool(((count >= 0) & (count < _MOST)).all())
    if not sound:
        raise Refusal(f"{path}: damaged: how often each code was seen is missing or no count")
    return tuple([counted[f"{kind}.{i}"] for i in range(len(own))] for kind, own in _FIELDS.items())
