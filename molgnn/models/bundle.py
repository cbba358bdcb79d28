"""A model on disk: a folder of safetensors and JSON, from which nothing can run.

``model.safetensors`` holds the weights of the networks (names ``<member>.<parameter>``) and the
arrays of models without a graph (``shallow.<number>.<task>.<array>``),
``config.json`` everything else as plain data, ``training.parquet`` the training molecules with
labels and Morgan fingerprints, ``README.md`` the model card.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save

from molgnn.chem.descriptors import features_hash, values_of
from molgnn.chem.features import schema, schema_hash
from molgnn.data.targets import Task, widths
from molgnn.errors import Refusal
from molgnn.models.build import build_model
from molgnn.models.calibration import to_json
from molgnn.models.card import model_card
from molgnn.models.config import FORMAT, VERSION, calibration_of, read_config, shares_of, tasks_of
from molgnn.models.domain import rule_of
from molgnn.models.ensemble import Predictor
from molgnn.models.property import PropertyModel
from molgnn.models.shallow.model import ShallowModel
from molgnn.models.stored import read_weights, shipped

FILES = ("model.safetensors", "config.json", "training.parquet", "README.md")


def save_bundle(folder: Path, predictor: Predictor, spec: dict, training: pa.Table) -> None:
    """Write the bundle. ``spec`` = {"encoder", "readout", "head"} as ``build_model`` takes them;
    ``predictor.card`` adds what is known of data, training and metrics."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{i}.{name}": tensor.detach().cpu().contiguous()
        for i, member in enumerate(predictor.members)
        for name, tensor in member.state_dict().items()
    } | {
        f"shallow.{i}.{name}": torch.from_numpy(np.ascontiguousarray(array))
        for i, model in enumerate(predictor.shallow)
        for name, array in model.arrays.items()
    }
    weights = save(tensors)
    config = {
        "format": FORMAT,
        "version": VERSION,
        **predictor.card,
        "model": spec if predictor.members else {},
        "members": len(predictor.members),
        "hybrid": [member.features is not None for member in predictor.members],
        "shallow": [model.spec() for model in predictor.shallow],
        "shares": None if predictor.shares is None else list(predictor.shares),
        "molecule_features": {
            "blocks": list(predictor.blocks),
            "hash": features_hash(predictor.blocks),
            "values": {block: list(values_of(block)) for block in predictor.blocks},
        },
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "tasks": [task.to_json() for task in predictor.tasks],
        "calibration": to_json(predictor.calibration),
        "recipe": predictor.recipe,
        "features": {"hash": schema_hash(), **schema()},
    }
    (folder / "model.safetensors").write_bytes(weights)  # save_file would hide it from others
    pq.write_table(training, folder / "training.parquet", compression="zstd")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(config), encoding="utf-8")


def load_bundle(model: str | os.PathLike, device: str = "auto") -> Predictor:
    """A bundle's folder, a run folder that holds one, or the name of a bundled model.

    Raises Refusal for anything else: no such model, another format or version, other features.
    """
    folder = find_bundle(model)
    config = read_config(folder / "config.json")
    tasks = tasks_of(folder / "config.json", config)
    rule_of(config, folder / "config.json")
    tensors, digest = read_weights(folder / "model.safetensors", config)
    members = _members(folder / "model.safetensors", tensors, config, widths(tasks))
    shallow = _shallow(folder, tensors, config, tasks, members)
    return Predictor(
        members,
        tasks,
        config["recipe"],
        config,
        resolve_device(device),
        digest,
        folder,
        shallow,
        config["molecule_features"]["blocks"],
        shares_of(folder / "config.json", config, len(members) + len(shallow)),
        calibration_of(folder / "config.json", config, tasks),
    )


def find_bundle(model: str | os.PathLike, encoders: bool = False) -> Path:
    """The folder of a model given by path or by bundled name; a folder on disk comes first. Where
    ``encoders`` serve too, a refusal names them as well."""
    if not isinstance(model, str | os.PathLike):
        raise Refusal(f"{model!r} is no model: give the folder of a run, or a model's name")
    path = Path(model)
    for folder in (path, path / "model", path / "encoder"):
        if (folder / "config.json").is_file():  # in encoder/ a pretrained one: refused by its name
            return folder
    known = shipped("pretrained_models") | bundled()
    names = ", ".join(known if encoders else bundled())
    if str(model) in known:
        return known[str(model)]
    if path.is_dir():
        raise Refusal(f"{path}: no config.json here, so this folder is no molgnn model")
    if path.is_file():
        raise Refusal(f"{path} is a file: a model is a folder (or one of {names})")
    if len(path.parts) > 1:
        raise Refusal(f"unknown model {str(model)!r}: there is no such folder")
    raise Refusal(
        f"unknown model {str(model)!r}: give the folder of a run, or one of the bundled models: "
        f"{names}"
    )


def bundled() -> dict[str, Path]:
    """The models that ship with molgnn, by name."""
    return shipped("bundled")


def resolve_device(device: str) -> torch.device:
    """``auto`` takes CUDA, then Apple's MPS, then the CPU. Raises Refusal for one not there."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.zeros(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise Refusal(f"device {device!r} cannot be used here: {reason}") from None


def _shallow(
    folder: Path, tensors: dict, config: dict, tasks: list[Task], members: list[PropertyModel]
) -> list[ShallowModel]:
    """The models without a graph. Raises Refusal for arrays that are damaged."""
    found, used = [], set()
    vectors = sum(member.readout.out_dim for member in members)
    for i, spec in enumerate(config["shallow"]):
        own = {name for name in tensors if name.startswith(f"shallow.{i}.")}
        used |= own
        try:
            arrays = {name.split(".", 2)[2]: tensors[name].numpy() for name in own}
            model = ShallowModel(
                tasks=tasks, arrays=arrays, computed=config["molecule_features"]["blocks"], **spec
            )
            model.check(vectors)
        # A tampered file can hold arrays of any shape and type under any name.
        except (TypeError, KeyError, IndexError, ValueError, OverflowError, Refusal) as error:
            said = error if isinstance(error, Refusal) else "arrays are missing or of another kind"
            raise Refusal(f"{folder}: model {i} of those without a graph: {said}") from None
        found.append(model)
    others = sorted({name for name in tensors if name.startswith("shallow.")} - used)
    if others:
        raise Refusal(f"{folder}: damaged: {others[0]} belongs to no model of config.json")
    return found


def _members(
    path: Path, tensors: dict, config: dict, out_dim: dict[str, int]
) -> list[PropertyModel]:
    """The networks of the bundle, each with its weights. Raises Refusal where they do not fit."""
    states: dict[str, dict] = {}
    for name, tensor in tensors.items():
        member, _, parameter = name.partition(".")
        if member != "shallow":
            states.setdefault(member, {})[parameter] = tensor
    names = [str(i) for i in range(min(config["members"], len(states)))]
    nothing = not names and not config["shallow"]
    if set(names) != set(states) or len(names) != config["members"] or nothing:
        raise Refusal(f"{path}: holds {len(states)} members, config.json says {config['members']}")
    hybrid = config.setdefault("hybrid", ["features" in config["model"]] * len(names))
    if not isinstance(hybrid, list) or len(hybrid) != len(names):
        where = path.with_name("config.json")
        raise Refusal(f"{where}: damaged: 'hybrid' does not say which members have features")
    members = []
    for name, is_hybrid in zip(names, hybrid, strict=True):
        computed, spec = config["molecule_features"]["blocks"], dict(config["model"])
        if not is_hybrid:
            spec.pop("features", None)
        with torch.device("meta"):  # its shapes alone: a file may ask for any width
            planned = build_model(**spec, out_dim=out_dim, computed=computed).state_dict()
        shapes = {key: tensor.shape for key, tensor in states[name].items()}
        if shapes != {key: tensor.shape for key, tensor in planned.items()}:
            raise Refusal(f"{path}: member {name} does not fit config.json")
        for tensor in states[name].values():
            if not tensor.isfinite().all() or tensor.is_complex():
                raise Refusal(f"{path}: damaged: member {name} has weights that are no numbers")
        member = build_model(**spec, out_dim=out_dim, computed=computed)
        member.load_state_dict(states[name])
        members.append(member)
    return members
