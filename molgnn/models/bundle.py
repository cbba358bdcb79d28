"""A model on disk: a folder of safetensors and JSON, from which nothing can run.

``model.safetensors`` holds the weights of the networks (names ``<member>.<parameter>``) and the
arrays of models without a graph (``shallow.<number>.<task>.<array>``),
``config.json`` everything else as plain data, ``training.parquet`` the training molecules with
labels and Morgan fingerprints, ``README.md`` the model card.
"""

import hashlib
import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from molgnn.chem.descriptors import BLOCKS, features_hash
from molgnn.chem.features import schema, schema_hash
from molgnn.chem.smiles import RECIPES
from molgnn.data.targets import Task, check_columns, widths
from molgnn.errors import Refusal
from molgnn.models.build import build_model
from molgnn.models.card import model_card
from molgnn.models.ensemble import Predictor
from molgnn.models.property import PropertyModel
from molgnn.models.shallow.model import ShallowModel

FORMAT = "molgnn-bundle"
VERSION, READ = 2, (1, 2)  # 2 has features of molecules, and models without a graph
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
        "shallow": [model.spec() for model in predictor.shallow],
        "shares": None if predictor.shares is None else list(predictor.shares),
        "molecule_features": {
            "blocks": list(predictor.blocks),
            "hash": features_hash(predictor.blocks),
        },
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "tasks": [task.to_json() for task in predictor.tasks],
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
    config = _read_config(folder)
    tasks = [_task(task, folder) for task in config["tasks"] or [None]]
    try:
        check_columns(tasks)
    except Refusal as refusal:
        raise Refusal(f"{folder / 'config.json'}: damaged: {refusal}") from None
    tensors, digest = _tensors(folder / "model.safetensors", config)
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
        _shares(folder, config["shares"], len(members) + len(shallow)),
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
    if config.get("version") not in READ:
        raise Refusal(
            f"{path}: bundle version {config.get('version')}, this molgnn reads versions up to "
            f"{VERSION}: install a matching one"
        )
    if config["version"] == 1:
        config |= {"shallow": [], "shares": None, "molecule_features": {"blocks": []}}
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
    has_network = config["members"] or not config["shallow"]
    if set(config["model"]) - {"features"} != (set(PARTS) if has_network else set()):
        raise Refusal(f"{path}: damaged: 'model' must hold {', '.join(PARTS)} and nothing else")
    _check_blocks(path, config)
    return config


_NEEDED = {
    "model": dict, "members": int, "tasks": list, "recipe": str, "features": dict,
    "shallow": list, "molecule_features": dict,
}  # fmt: skip


def _check_blocks(path: Path, config: dict) -> None:
    """Refuse features of molecules that are unknown, or computed differently here."""
    blocks = config["molecule_features"].get("blocks")
    used = [config["model"].get("features", []), *(s.get("blocks") for s in config["shallow"])]
    if not isinstance(blocks, list) or not all(isinstance(u, list) for u in used):
        raise Refusal(f"{path}: damaged: its features of molecules are no lists")
    for name in blocks:
        if name not in BLOCKS:
            raise Refusal(f"{path}: needs the molecule features {name!r}, unknown here: install a "
                          "newer molgnn")  # fmt: skip
    if any(name not in blocks for u in used for name in u):
        raise Refusal(f"{path}: damaged: a part of it uses features that are not computed")
    if blocks and config["molecule_features"].get("hash") != features_hash(blocks):
        version = config.get("versions", {}).get("rdkit", "another version")
        raise Refusal(
            f"{path}: its molecule features are those of RDKit {version}, which computes others "
            "than the one here: install that version, or train it again"
        )


def _task(data: object, folder: Path) -> Task:
    try:
        return Task.from_json(data)
    except (TypeError, KeyError, AttributeError, ValueError):
        where = folder / "config.json"
        raise Refusal(f"{where}: damaged: {str(data)[:80]} describes no task") from None


def _tensors(path: Path, config: dict) -> tuple[dict[str, torch.Tensor], str]:
    """What the file holds, and its sha256. Raises Refusal where it was changed."""
    try:
        raw = path.read_bytes()
        tensors = load(raw)
    except (SafetensorError, OSError) as error:
        raise Refusal(f"{path}: unreadable weights ({error})") from None
    digest = hashlib.sha256(raw).hexdigest()
    if config.get("weights_sha256", digest) != digest:
        raise Refusal(f"{path}: damaged: not the file that was saved with config.json")
    return tensors, digest


def _shares(folder: Path, shares: object, members: int) -> np.ndarray | None:
    if shares is None:
        return None
    numbers = isinstance(shares, list) and all(isinstance(s, int | float) for s in shares)
    if not numbers or len(shares) != members or not min(shares) > 0:
        raise Refusal(f"{folder / 'config.json'}: damaged: 'shares' are not one for each member")
    return np.array(shares, dtype=np.float64) / sum(shares)


def _shallow(
    folder: Path, tensors: dict, config: dict, tasks: list[Task], members: list[PropertyModel]
) -> list[ShallowModel]:
    """The models without a graph. Raises Refusal for arrays that are damaged."""
    found = []
    vectors = sum(member.readout.out_dim for member in members)
    for i, spec in enumerate(config["shallow"]):
        own = f"shallow.{i}."
        arrays = {k.removeprefix(own): v.numpy() for k, v in tensors.items() if k.startswith(own)}
        try:
            model = ShallowModel(
                tasks=tasks, arrays=arrays, computed=config["molecule_features"]["blocks"], **spec
            )
            model.check(vectors)
        except (TypeError, KeyError, IndexError, ValueError, Refusal) as error:
            said = error if isinstance(error, Refusal) else "arrays are missing or of another kind"
            raise Refusal(f"{folder}: model {i} of those without a graph: {said}") from None
        found.append(model)
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
    members = []
    for name in names:
        computed = config["molecule_features"]["blocks"]
        member = build_model(**config["model"], out_dim=out_dim, computed=computed)
        try:
            member.load_state_dict(states[name])
        except RuntimeError:
            raise Refusal(f"{path}: member {name} does not fit config.json") from None
        members.append(member)
    return members
