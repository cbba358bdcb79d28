"""One model without a graph: fitted to features of molecules, task by task, kept as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molgnn.chem.descriptors import columns_of, feature_names
from molgnn.data.scaling import deviation, of_shares
from molgnn.data.targets import Task
from molgnn.errors import Refusal, choices
from molgnn.models.shallow.boosting import grow_boosted
from molgnn.models.shallow.forest import grow_forest
from molgnn.models.shallow.linear import fit_linear
from molgnn.models.shallow.neighbours import Neighbours
from molgnn.models.shallow.parts import is_sound, part_of

KINDS = ("mean", "neighbours", "linear", "forest", "boosting")
COUNTS = ("morgan", "avalon", "erg")  # blocks of features that count something
NEEDED = {"mean": (), "neighbours": ("morgan",)}  # blocks; others take those that are asked for


@dataclass(frozen=True)
class Fitting:
    """What a model of some ``kind`` is fitted with; ``blocks`` are the features it sees, and
    ``embeddings`` says whether it sees the networks' molecule vectors too."""

    kind: str
    blocks: tuple[str, ...] = ()
    embeddings: bool = False
    trees: int = 500
    neighbours: int = 5

    def __post_init__(self):
        if self.kind not in KINDS:
            raise choices("model", self.kind, KINDS)
        if self.kind in NEEDED:
            object.__setattr__(self, "blocks", NEEDED[self.kind])
            object.__setattr__(self, "embeddings", False)


class ShallowModel:
    """Predictions of molecules from their features alone.

    ``computed`` are the blocks of features that ``predict`` is given, of which it takes its own;
    ``fill`` (F,) stands in for missing ones; ``arrays`` hold what was learnt, ``<task>.<name>``.
    """

    def __init__(
        self,
        kind: str,
        blocks: Sequence[str],
        embeddings: bool,
        tasks: Sequence[Task],
        arrays: Mapping[str, np.ndarray],
        computed: Sequence[str],
    ):
        self.kind, self.blocks, self.embeddings = kind, tuple(blocks), embeddings
        self.tasks, self.arrays = list(tasks), dict(arrays)
        self._columns = columns_of(computed, self.blocks)
        self._parts = [
            part_of(kind, task, _own(self.arrays, i)) for i, task in enumerate(self.tasks)
        ]

    def predict(self, features: np.ndarray | None, vectors: np.ndarray | None, n: int):
        """Features (n, F) of the blocks computed, molecule vectors (n, D) -> (n, O) float64, in the
        users' units, or probabilities."""
        x = self._inputs(features, vectors, n)
        found = [part.outputs(x) for part in self._parts]
        pairs = zip(found, self.tasks, strict=True)
        return np.concatenate([of_shares(values, task) for values, task in pairs], axis=1)

    @property
    def speaks(self) -> list[bool]:
        """Whether it speaks of its own errors, for each column: a forest does of numbers."""
        return [
            self.kind == "forest" and task.kind == "regression"
            for task in self.tasks
            for _ in task.columns
        ]

    def said(
        self, features: np.ndarray | None, vectors: np.ndarray | None, n: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """What ``predict`` gives, and its own standard deviations (n, O) of it in the same units,
        NaN for columns that it does not speak of, None where it speaks of none."""
        if not any(self.speaks):
            return self.predict(features, vectors, n), None
        x = self._inputs(features, vectors, n)
        means, own = [], []
        for part, task in zip(self._parts, self.tasks, strict=True):
            if task.kind == "regression":
                values, spread = part.outputs_and_spread(x)
                own.append(deviation(values[:, 0], spread[:, 0], task)[:, None])
            else:
                values = part.outputs(x)
                own.append(np.full((n, len(task.columns)), np.nan))
            means.append(of_shares(values, task))
        return np.concatenate(means, axis=1), np.concatenate(own, axis=1)

    def _inputs(self, features, vectors, n: int) -> np.ndarray:
        return _filled(self._columns, self.embeddings, features, vectors, n, self.arrays["fill"])

    def spec(self) -> dict:
        return {"kind": self.kind, "blocks": list(self.blocks), "embeddings": self.embeddings}

    def check(self, vector_width: int) -> None:
        """Raises Refusal for arrays in which a prediction would go astray."""
        width = len(feature_names(self.blocks)) + vector_width * self.embeddings
        if not is_sound(self.arrays["fill"], (width,), np.float32):
            raise Refusal("its features are damaged")
        for part, task in zip(self._parts, self.tasks, strict=True):
            part.check(width, _outputs(task))
            shares = {"mean": "value", "neighbours": "labels"}.get(self.kind)
            if shares and task.kind != "regression":
                _check_shares(np.atleast_2d(getattr(part, shares)))
        own = {f"{i}.{name}" for i in range(len(self.tasks)) for name in _own(self.arrays, i)}
        if others := self.arrays.keys() - own - {"fill"}:
            raise Refusal(f"it has arrays of no task: {min(others)}")


def fit_shallow(
    fitting: Fitting,
    features: np.ndarray | None,
    vectors: np.ndarray | None,
    y: np.ndarray,
    tasks: Sequence[Task],
    seed: int,
    weight: np.ndarray | None,
    computed: Sequence[str],
) -> ShallowModel:
    """Fit to the labels y (n, T) as networks learn them, NaN where there is none."""
    columns, n = columns_of(computed, fitting.blocks), len(y)
    x = _filled(columns, fitting.embeddings, features, vectors, n, None)
    fill = np.zeros(x.shape[1], dtype=np.float32)
    known = ~np.isnan(x).all(axis=0)
    fill[known] = np.nanmedian(x[:, known], axis=0)
    x = np.where(np.isnan(x), fill, x)
    arrays = {"fill": fill}
    for i, task in enumerate(tasks):
        rows = np.flatnonzero(~np.isnan(y[:, i]))
        counted = None if weight is None else weight[rows]
        own = _fit_task(fitting, x[rows], y[rows, i].astype(np.float64), task, seed, counted)
        arrays |= {f"{i}.{name}": array for name, array in own.items()}
    return ShallowModel(fitting.kind, fitting.blocks, fitting.embeddings, tasks, arrays, computed)


def _fit_task(fitting, x, y, task: Task, seed: int, weight) -> dict[str, np.ndarray]:
    """``y`` as networks learn it: scaled, or numbers of classes."""
    if task.quantiles:
        raise Refusal(
            f"model {fitting.kind} predicts no quantiles: choose model=network, or another loss"
        )
    classes = 0 if task.kind == "regression" else len(task.classes)
    if fitting.kind == "boosting":
        trees, start = grow_boosted(x, y, classes, seed, weight)
        return {**trees.arrays(), "start": start}
    if fitting.kind == "forest":
        return grow_forest(x, y, classes, seed, weight, fitting.trees).arrays()
    if fitting.kind == "linear":
        return fit_linear(x, y, classes, weight, _is_count(fitting, x.shape[1])).arrays()
    labels = (y[:, None] == np.arange(classes)).astype(np.float64) if classes else y[:, None]
    if fitting.kind == "mean":
        return {"value": np.average(labels, axis=0, weights=weight)}
    bits = np.packbits(x > 0, axis=1)
    counted = np.ones(len(bits)) if weight is None else weight.astype(np.float64)
    return Neighbours(bits, labels, counted, min(fitting.neighbours, len(bits))).arrays()


def _is_count(fitting: Fitting, width: int) -> np.ndarray:
    """(F,) which of the features count something; vectors of networks, which come last, do not."""
    found, start = np.zeros(width, dtype=bool), 0
    for block in fitting.blocks:
        end = start + len(feature_names([block]))
        found[start:end], start = block in COUNTS, end
    return found


def _filled(columns, embeddings, features, vectors, n, fill) -> np.ndarray:
    parts = [features[:, columns]] if len(columns) else [np.zeros((n, 0), dtype=np.float32)]
    x = np.concatenate([*parts, *([vectors] if embeddings else [])], axis=1)
    return x if fill is None else np.where(np.isnan(x), fill, x)


def _check_shares(shares: np.ndarray) -> None:
    """Of classes, (n, C): each at least 0, together 1."""
    if not ((shares >= 0).all() and np.allclose(shares.sum(axis=1), 1.0)):
        raise Refusal("its shares of classes are damaged")


def _outputs(task: Task) -> int:
    """Columns that are learnt for a task, before its own: a share for each class."""
    return 1 if task.kind == "regression" else len(task.classes)


def _own(arrays: Mapping[str, np.ndarray], task: int) -> dict[str, np.ndarray]:
    own = f"{task}."
    return {k.removeprefix(own): v for k, v in arrays.items() if k.startswith(own)}
