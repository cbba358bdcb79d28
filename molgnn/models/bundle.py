"""A model on disk: a folder of safetensors and JSON, from which nothing can run.

``model.safetensors`` holds the weights of all members (names ``<member>.<parameter>``),
``config.json`` everything else as plain data, ``training.parquet`` the training molecules with
labels and Morgan fingerprints, ``README.md`` the model card.
"""

import hashlib
import json
import os
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from molgnn.chem.features import schema, schema_hash
from molgnn.chem.smiles import RECIPES
from molgnn.data.targets import Task, check_columns, widths
from molgnn.errors import Refusal
from molgnn.models.build import build_model
from molgnn.models.card import model_card
from molgnn.models.ensemble import Predictor
from molgnn.models.property import PropertyModel

FORMAT = "molgnn-bundle"
VERSION = 1
PARTS = ("encoder", "readout", "head")
FILES = ("model.safetensors", "config.json", "training.parquet", "README.md")


def save_bundle(folder: Path, predictor: Predictor, spec: dict, training: pa.Table) -> None:
    """Write the bundle. ``spec`` = {"encoder", "readout", "head"} as ``build_model`` takes them;
    ``predictor.card`` adds what is known of data, training and metrics."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{i}.{name}": tensor.detach().cpu().contiguous()
        for i, member in enumerate(predictor.members)
        for name, tensor in member.state_dict().items()
    }
    config = {
        "format": FORMAT,
        "version": VERSION,
        **predictor.card,
        "model": spec,
        "members": predictor.num_members,
        "tasks": [task.to_json() for task in predictor.tasks],
        "recipe": predictor.recipe,
        "features": {"hash": schema_hash(), **schema()},
    }
    (folder / "model.safetensors").write_bytes(save(tensors))  # save_file would hide it from others
    pq.write_table(training, folder / "training.parquet", compression="zstd")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(config), encoding="utf-8")


def load_bundle(model: str | os.PathLike, device: str = "auto") -> Predictor:
    """A bundle's folder, a run folder that holds one, or the name of a bundled model.

    Raises Refusal for anything else: no such model, another format or version, other features.
    """
    folder = find_bundle(model)
    config = _read_config(folder)
    tasks = [_task(task, folder) for task in config["tasks"] or [None]]
    try:
        check_columns(tasks)
    except Refusal as refusal:
        raise Refusal(f"{folder / 'config.json'}: damaged: {refusal}") from None
    weights = folder / "model.safetensors"
    members = _members(weights, config, widths(tasks))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return Predictor(
        members, tasks, config["recipe"], config, resolve_device(device), digest, folder
    )


def find_bundle(model: str | os.PathLike) -> Path:
    """The folder of a model given by path or by bundled name; a folder on disk comes first."""
    path = Path(model)
    for folder in (path, path / "model"):
        if (folder / "config.json").is_file():
            return folder
    if str(model) in bundled():
        return bundled()[str(model)]
    if path.is_dir():
        raise Refusal(f"{path}: no config.json here, so this folder is no molgnn model")
    if path.is_file():
        raise Refusal(f"{path} is a file: a model is a folder (or one of {', '.join(bundled())})")
    raise Refusal(
        f"unknown model {str(model)!r}: give the folder of a run, or one of the bundled models: "
        f"{', '.join(bundled())}"
    )


def bundled() -> dict[str, Path]:
    """The models that ship with molgnn, by name."""
    root = Path(str(files("molgnn.models") / "bundled"))
    return {p.parent.name: p.parent for p in sorted(root.glob("*/config.json"))}


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


def _read_config(folder: Path) -> dict:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise Refusal(f"{path}: not the config of a molgnn model (no format {FORMAT!r})")
    if config.get("version") != VERSION:
        raise Refusal(
            f"{path}: bundle version {config.get('version')}, this molgnn reads version "
            f"{VERSION}: install a matching one"
        )
    for key, kind in _NEEDED.items():
        if not isinstance(config.get(key), kind):
            raise Refusal(f"{path}: damaged: {key!r} is missing or of another type")
    found = config["features"].get("hash")
    if found != schema_hash():
        raise Refusal(
            f"{path}: trained on other atom and bond features ({found}, "
            f"here {schema_hash()}): train it again with this version"
        )
    if config["recipe"] not in RECIPES:
        raise Refusal(f"{path}: unknown standardisation {config['recipe']!r}")
    if set(config["model"]) != set(PARTS):
        raise Refusal(f"{path}: damaged: 'model' must hold {', '.join(PARTS)} and nothing else")
    return config


_NEEDED = {"model": dict, "members": int, "tasks": list, "recipe": str, "features": dict}


def _task(data: object, folder: Path) -> Task:
    try:
        return Task.from_json(data)
    except (TypeError, KeyError, AttributeError, ValueError):
        where = folder / "config.json"
        raise Refusal(f"{where}: damaged: {str(data)[:80]} describes no task") from None


def _members(path: Path, config: dict, out_dim: dict[str, int]) -> list[PropertyModel]:
    """The networks of the bundle, each with its weights. Raises Refusal where they do not fit."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise Refusal(f"{path}: unreadable weights ({error})") from None
    states: dict[str, dict] = {}
    for name, tensor in tensors.items():
        member, _, parameter = name.partition(".")
        states.setdefault(member, {})[parameter] = tensor
    names = [str(i) for i in range(min(config["members"], len(states)))]
    if set(names) != set(states) or len(names) != config["members"] or not names:
        raise Refusal(f"{path}: holds {len(states)} members, config.json says {config['members']}")
    members = []
    for name in names:
        member = build_model(**config["model"], out_dim=out_dim)
        try:
            member.load_state_dict(states[name])
        except RuntimeError:
            raise Refusal(f"{path}: member {name} does not fit config.json") from None
        members.append(member)
    return members
