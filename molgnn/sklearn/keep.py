"""Estimators as bundles: the folder of any other model, with the estimator's parameters in it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.chem.smiles import canonical, parse
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.config import PARTS
from molgnn.sklearn.training import Lesson, plain
from molgnn.train.domain import rule_of_training
from molgnn.train.record import card, training_table

KEY = "sklearn"  # in config.json: the estimator, its params, and what it tells of itself


@dataclass(frozen=True)
class Loaded:
    """The bundle that an estimator was loaded from, so that it can be saved again."""

    card: dict
    training: pa.Table


def save(estimator, folder: Path, name: str | None, force: bool) -> None:
    """Write the bundle. Raises Refusal where the folder holds something, unless ``force``."""
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder} is a file: give another folder")
    if not force and folder.exists() and any(folder.iterdir()):
        raise Refusal(f"{folder} is not empty: give another folder, or force=True")
    source = estimator._source
    if isinstance(source, Lesson):
        said, spec, training = _of_lesson(source)
    else:
        said, spec, training = source.card, source.card["model"], source.training
    given = {key: plain(value) for key, value in estimator.get_params(deep=False).items()}
    params = {key: value for key, value in given.items() if _is_plain(value)}
    told = {"estimator": type(estimator).__name__, "params": params, **estimator._told()}
    model = copy.copy(estimator.model_)
    model.card = {**said, "name": name or folder.resolve().name, KEY: told}
    save_bundle(folder, model, spec, training)


def load(kind: type, folder, device: str):
    """An estimator of ``kind`` from a bundle. Raises Refusal for a bundle that is not its own."""
    model = load_bundle(folder, device)
    owner = _owner(model.tasks)
    if owner != kind._owner:
        targets = ", ".join(f"{task.name} ({task.kind})" for task in model.tasks[:5])
        raise Refusal(f"{folder} predicts {targets}: load it with {owner}, not with {kind._owner}")
    told = model.card.get(KEY, {})
    params = told.get("params", {}) if isinstance(told, Mapping) else None
    if not isinstance(params, Mapping):
        raise Refusal(f"{model.path / 'config.json'}: damaged: {KEY!r} tells of no estimator")
    known = {"recipe": model.recipe, **_parts(model.card), **params}
    estimator = kind()
    estimator.set_params(**{k: v for k, v in known.items() if k in estimator.get_params()})
    estimator.model_, estimator.history_ = model, []
    try:
        training = pq.read_table(model.path / "training.parquet")
    except (OSError, pa.ArrowException) as error:
        said = " ".join(str(error).split())[:200]
        raise Refusal(f"{model.path / 'training.parquet'}: not readable ({said})") from None
    estimator._source = Loaded(model.card, training)
    estimator._adopt(told)
    return estimator


def _parts(card: Mapping) -> dict:
    """The parameters that a bundle of ``molgnn train`` tells: the network's parts, and the model.
    Those of an estimator come after, from the bundle that it made itself."""
    options = card.get("options")
    told = options.get("model") if isinstance(options, Mapping) else None
    model = {"model": dict(told)} if isinstance(told, Mapping) else {}
    return {key: card["model"][key] for key in PARTS if key in card["model"]} | model


def _owner(tasks: list[Task]) -> str:
    """What loads a model of these tasks."""
    kinds = {task.kind if task.level == "molecule" else task.level for task in tasks}
    if kinds == {"regression"}:
        return "MolGNNRegressor"
    if len(tasks) == 1 and kinds <= {"binary", "multiclass"}:
        return "MolGNNClassifier"
    return "molgnn.load"


def _of_lesson(lesson: Lesson) -> tuple[dict, dict, pa.Table]:
    """Card, network and training molecules of an estimator that was fitted here."""
    options, parts = lesson.options, lesson.parts
    texts = lesson.dataset.smiles
    smiles = [canonical(parse(text, options.data.recipe)) for text in texts]
    dataset = replace(lesson.dataset, smiles=smiles)
    rule = rule_of_training([smiles[row] for row in parts.train], options.seed)
    said = card(options, dataset, parts, parts, None, {"domain": rule and rule.to_json()})
    return said, options.spec, training_table(dataset, parts)


def _is_plain(value: object) -> bool:
    """Whether JSON has it: a RandomState is left out, and a dict of class weights told apart."""
    if isinstance(value, Mapping):
        return "name" in value or not value
    return value is None or isinstance(value, (str, int, float, bool, list))
