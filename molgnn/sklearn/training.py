"""From an estimator's parameters, molecules and labels to a trained model: here torch comes in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from molgnn.chem.packed import PackedGraphs
from molgnn.data.levels import Levels
from molgnn.data.tables.features import with_features
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.wishes import make_tasks
from molgnn.errors import Refusal, choices
from molgnn.models.ensemble import Predictor
from molgnn.train.learn import job_of, learn, wishes_of
from molgnn.train.options import (
    CLASS_LOSSES,
    REGRESSION_LOSSES,
    DataOptions,
    FitOptions,
    LossOptions,
    OptimOptions,
    RunOptions,
)
from molgnn.train.parts import ModelOptions, model_options
from molgnn.train.plain import from_plain


@dataclass(frozen=True)
class Lesson:
    """What a model is fitted to. ``dataset.smiles`` are the texts as they were given; a bundle is
    made of it."""

    options: RunOptions
    dataset: Dataset
    parts: Split

    def learn(
        self, weight: np.ndarray, classes: Sequence[str], epoch_done: Callable | None
    ) -> tuple[Predictor, list[list[dict]]]:
        """The model and the histories of its members; ``weight`` (n,) of molecules, above 0, and
        the names of the ``classes``, none for a regression. Raises Refusal as a run does."""
        data, options = self.dataset, self.options
        if np.ptp(weight) == 0:  # the same bits as without weights
            weight = None
        wishes = wishes_of(options)
        everything = np.arange(len(data))
        tasks = make_tasks(data.names, data.labels, data.bounds, everything, wishes, weight)
        tasks = [replace(task, classes=tuple(classes)) for task in tasks]
        followed = replace(options, model=options.model.for_tasks(tasks))
        data = with_features(data, followed.model.blocks, recipe=options.data.recipe)
        return learn(job_of(followed, data, tasks, self.parts, weight=weight), epoch_done)


def dataset_of(texts: list[str], graphs: PackedGraphs, names: list[str], y: np.ndarray) -> Dataset:
    """Molecules in memory, with labels y (n, T), as a table would give them: none is merged."""
    return Dataset(
        name="molecules in memory",
        smiles=texts,
        graphs=graphs,
        labels=Levels.of(graphs, molecule=y),
        bounds=Levels.of(graphs, molecule=np.zeros(y.shape, dtype=np.int8)),
        tasks=names,
        ids=[""] * len(texts),
        lines=list(range(1, len(texts) + 1)),
        rows=len(texts),
    )


def set_aside(groups: np.ndarray, fraction: float, seed: int) -> Split:
    """At most ``fraction`` of each group, drawn at random, is valid; the rest is train. ``groups``
    (n,): so a class, however rare, always has molecules in train."""
    if isinstance(fraction, bool) or not isinstance(fraction, Real):
        raise Refusal(f"validation_fraction={fraction}: must be a number")
    if not 0 <= fraction < 1:
        raise Refusal(f"validation_fraction={fraction}: must be at least 0 and below 1")
    rng, is_valid = np.random.default_rng(seed), np.zeros(len(groups), dtype=bool)
    for group in np.unique(groups):
        rows = rng.permutation(np.flatnonzero(groups == group))
        is_valid[rows[: min(int(fraction * len(rows) + 1e-9), len(rows) - 1)]] = True
    return Split(np.flatnonzero(~is_valid), np.flatnonzero(is_valid), np.zeros(0, dtype=np.int64))


def options_of(
    params: Mapping,
    kind: str,
    names: list[str],
    seed: int,
    class_weights: str | Mapping[str, list] = "none",
) -> RunOptions:
    """The options of the run that an estimator's ``params`` stand for. Raises Refusal for values
    that cannot be used."""
    given = plain(params)
    lr, aside = given["lr"], given["validation_fraction"]
    data = {
        "targets": names,
        "transform": given.get("target_transform", "auto"),
        "recipe": given["recipe"],
        "repeats": "keep",
        "split": {"name": "random", "sizes": [1.0 - aside, aside, 0.0]},
    }
    optim = {"lr": lr, "weight_decay": given["weight_decay"]}
    if isinstance(lr, (int, float)):
        optim["final_lr"] = lr / 10
    fit = {name: given[name] for name in ("epochs", "batch_size", "patience", "members")}
    if fit["patience"] and not aside:
        raise Refusal(f"patience={fit['patience']}: give a validation_fraction too, above 0")
    fit["valid"] = "choose" if aside else "learn"
    return RunOptions(
        data=from_plain(DataOptions, data),
        model=_model(given["model"]),
        encoder=_part("encoder", given["encoder"]),
        readout=_part("readout", given["readout"]),
        head=_part("head", given["head"]) | {"kind": kind},
        loss=_loss(given["loss"], kind, class_weights),
        optim=from_plain(OptimOptions, optim),
        fit=from_plain(FitOptions, fit | {"baseline": False, "accelerator": given["accelerator"]}),
        seed=seed,
    )


def plain(value):
    """Values as JSON has them: a search over ``np.logspace`` gives numpy's numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _part(name: str, part) -> dict:
    if not isinstance(part, (str, Mapping)):
        raise Refusal(f"{name}={part!r}: give a name, or a mapping with a name and options")
    return {"name": part} if isinstance(part, str) else dict(part)


def _model(model) -> ModelOptions:
    """By its name alone, or a mapping with a name and options."""
    if not isinstance(model, (str, Mapping)):
        raise Refusal(f"model={model!r}: give a name, or a mapping with a name and options")
    return from_plain(ModelOptions, model_options(model), "model.")


def _loss(loss, kind: str, class_weights: str | Mapping[str, list]) -> LossOptions:
    """By its name alone, or a mapping of ``LossOptions``."""
    known = REGRESSION_LOSSES if kind == "regression" else CLASS_LOSSES
    if isinstance(loss, str):
        if loss not in known:
            raise choices("loss", loss, known)
        loss = {"regression" if kind == "regression" else "classes": loss}
    if not isinstance(loss, Mapping):
        raise Refusal(f"loss={loss!r}: give a name, or a mapping of options")
    return from_plain(LossOptions, {"class_weights": class_weights, **loss}, "loss.")
