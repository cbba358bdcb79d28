"""The config.json of a bundle: read, and refused where it cannot be followed, before it is used."""

from pathlib import Path

import numpy as np

from molgnn.chem.descriptors import BLOCKS, differing, features_hash
from molgnn.chem.smiles import RECIPES
from molgnn.data.targets import Task, check_columns, tasks_at
from molgnn.errors import Refusal
from molgnn.models.calibration import Scale, from_json
from molgnn.models.shallow.model import KINDS, NEEDED
from molgnn.models.stored import BUNDLE, check_features, read_format

FORMAT = BUNDLE
# 2 has features of molecules, and models without a graph; 3 has calibration.
VERSION, READ = 3, (1, 2, 3)
PARTS = ("encoder", "readout", "head")


def read_config(path: Path) -> dict:
    """The config, one of version 1 brought up to the present one. Raises Refusal in one line for
    what is no config, one of another format or version, or of other features than here."""
    config = read_format(path, FORMAT)
    if config.get("version") not in READ:
        raise Refusal(
            f"{path}: bundle version {config.get('version')}, this molgnn reads versions up to "
            f"{VERSION}: install a matching one"
        )
    if config["version"] == 1:
        config |= {"shallow": [], "shares": None, "molecule_features": {"blocks": []}}
    if config["version"] < 3:
        config["calibration"] = {}
    for key, kind in _NEEDED.items():
        if not isinstance(config.get(key), kind):
            raise Refusal(f"{path}: damaged: {key!r} is missing or of another type")
    check_features(path, config)
    if config["recipe"] not in RECIPES:
        raise Refusal(f"{path}: unknown standardisation {config['recipe']!r}")
    has_network = config["members"] or not config["shallow"]
    if set(config["model"]) - {"features"} != (set(PARTS) if has_network else set()):
        raise Refusal(f"{path}: damaged: 'model' must hold {', '.join(PARTS)} and nothing else")
    _check_words(path, config)
    _check_shallow(path, config["shallow"], config["members"])
    _check_blocks(path, config)
    return config


_NEEDED = {
    "model": dict, "members": int, "tasks": list, "recipe": str, "features": dict,
    "shallow": list, "molecule_features": dict, "calibration": dict,
}  # fmt: skip


def _check_words(path: Path, config: dict) -> None:
    """What pages and manifests say of the model: its name, and the range of its training labels."""
    data = config.get("data", {})
    ranges = data.get("range", {}) if isinstance(data, dict) else None
    sound = isinstance(config.get("name", ""), str) and isinstance(ranges, dict)
    for ends in ranges.values() if sound else ():
        numbers = isinstance(ends, list) and all(type(end) in (int, float) for end in ends)
        sound &= numbers and len(ends) == 2 and all(abs(end) < 1e300 for end in ends)
    if not sound:
        raise Refusal(f"{path}: damaged: 'name' or the range of its training labels is no such")


def _check_shallow(path: Path, specs: list, members: int) -> None:
    wanted = {"kind": str, "blocks": list, "embeddings": bool}
    for spec in specs:
        whole = isinstance(spec, dict) and set(spec) == set(wanted)
        if not whole or not all(isinstance(spec[key], kind) for key, kind in wanted.items()):
            raise Refusal(f"{path}: damaged: {str(spec)[:80]} describes no model without a graph")
        if spec["kind"] not in KINDS:
            raise Refusal(f"{path}: unknown model {spec['kind']!r}: install a newer molgnn")
        if spec["kind"] in NEEDED and spec["blocks"] != list(NEEDED[spec["kind"]]):
            raise Refusal(f"{path}: damaged: {spec['kind']} sees features that it cannot have")
        if spec["embeddings"] and not members:
            raise Refusal(f"{path}: damaged: {spec['kind']} needs vectors, and there is no network")


def _check_blocks(path: Path, config: dict) -> None:
    """Refuse features of molecules that are unknown, or computed differently here."""
    features = config["molecule_features"]
    blocks = features.get("blocks")
    used = [config["model"].get("features", []), *(spec["blocks"] for spec in config["shallow"])]
    if not isinstance(blocks, list) or not all(isinstance(u, list) for u in used):
        raise Refusal(f"{path}: damaged: its features of molecules are no lists")
    for name in blocks:
        if not isinstance(name, str) or name not in BLOCKS:
            raise Refusal(f"{path}: needs the molecule features {name!r}, unknown here: install a "
                          "newer molgnn")  # fmt: skip
    if any(name not in blocks for u in used for name in u):
        raise Refusal(f"{path}: damaged: a part of it uses features that are not computed")
    values = features.get("values")
    try:
        complete = not blocks or list(values) == blocks
        others = differing(values) if complete and blocks else []
    except (TypeError, ValueError, AttributeError, OverflowError):
        complete = False
    if not complete:
        raise Refusal(f"{path}: damaged: 'values' of its molecule features are missing")
    if others or (blocks and features.get("hash") != features_hash(blocks)):
        versions = config.get("versions")
        known = versions.get("rdkit") if isinstance(versions, dict) else None
        raise Refusal(
            f"{path}: its molecule features ({', '.join(others or blocks)}) are those of RDKit "
            f"{known or 'of another version'}, which computes others than the one here: install "
            "that version, or train it again"
        )


def tasks_of(path: Path, config: dict) -> list[Task]:
    """Raises Refusal for what describes no task, and where there is none."""
    tasks = [_task(task, path) for task in config["tasks"] or [None]]
    try:
        check_columns(tasks)
    except Refusal as refusal:
        raise Refusal(f"{path}: damaged: {refusal}") from None
    beyond = [task.name for task in tasks if task.level != "molecule" or task.quantiles]
    if beyond and config["shallow"]:
        raise Refusal(f"{path}: damaged: a model without a graph cannot predict {beyond[0]!r}")
    if not config["members"] and any(task.spread for task in tasks):
        raise Refusal(f"{path}: damaged: without a network nothing says how far it may be off")
    return tasks


def _task(data: object, path: Path) -> Task:
    try:
        return Task.from_json(data)
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError):
        raise Refusal(f"{path}: damaged: {str(data)[:80]} describes no task") from None


def shares_of(path: Path, config: dict, members: int) -> np.ndarray | None:
    """What each member counts in the mean (members,), 1 in all; None: all the same."""
    shares = config.get("shares")
    if shares is None:
        return None
    numbers = isinstance(shares, list) and all(isinstance(s, int | float) for s in shares)
    sound = numbers and len(shares) == members and all(0 < share <= 1 for share in shares)
    if not sound or abs(sum(shares) - 1) > 1e-9:
        raise Refusal(f"{path}: damaged: 'shares' are not one for each member")
    return np.array(shares, dtype=np.float64)


def calibration_of(path: Path, config: dict, tasks: list[Task]) -> dict[str, Scale]:
    """Task -> what held-out molecules say of it. Raises Refusal for what is no calibration."""
    try:
        return from_json(config["calibration"], tasks_at(tasks, "molecule"))
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
        raise Refusal(f"{path}: damaged: 'calibration' is none of its targets") from None
