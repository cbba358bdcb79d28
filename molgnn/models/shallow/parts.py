"""What a shallow model has learnt for one task: ``outputs(x)`` and ``check(...)`` of each kind, and
``outputs_and_spread(x)`` of one that speaks of its own errors."""

from dataclasses import dataclass

import numpy as np

from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.shallow.linear import Linear
from molgnn.models.shallow.neighbours import Neighbours
from molgnn.models.shallow.trees import Trees


def part_of(kind: str, task: Task, own: dict[str, np.ndarray]):
    """What one task has learnt: ``outputs(x)`` gives scaled values, or a share for each class."""
    if kind == "mean":
        return _Mean(**own)
    if kind == "neighbours":
        if own["k"].dtype != np.int32:
            raise TypeError("k is no whole number")
        return Neighbours(own["bits"], own["labels"], own["weight"], int(own["k"][0]))
    if kind == "forest":
        return _Forest(Trees(**own), task.kind)
    if kind == "linear":
        return _Logits(Linear(**own), task.kind)
    trees = Trees(**{k: v for k, v in own.items() if k != "start"})
    return _Logits(_Boosted(trees, own["start"]), task.kind)


@dataclass(frozen=True)
class _Mean:
    value: np.ndarray

    def outputs(self, x: np.ndarray) -> np.ndarray:
        return np.repeat(self.value[None], len(x), axis=0)

    def check(self, num_features: int, width: int) -> None:
        if not is_sound(self.value, (width,), np.float64):
            raise Refusal("its mean is damaged")


@dataclass(frozen=True)
class _Forest:
    trees: Trees
    kind: str

    def outputs(self, x: np.ndarray) -> np.ndarray:
        sums = self.trees.sums(x)
        if self.kind == "regression":
            return sums
        return sums / sums.sum(axis=1, keepdims=True)  # single precision may add up to 1.00000001

    def outputs_and_spread(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a regression, (n, 1) each: the mean of the trees and their standard deviation, by the
        law of total variance, as a leaf has none: Hutter 2014, doi:10.1016/j.artint.2013.10.003."""
        sums, squares = self.trees.sums_and_squares(x)
        variance = len(self.trees.roots) * squares - sums**2
        return sums, np.sqrt(np.maximum(variance, 0.0))

    def check(self, num_features: int, width: int) -> None:
        self.trees.check(num_features, width)
        shares = self.trees.values[self.trees.feature < 0]
        if self.kind != "regression" and not ((shares >= 0).all() and shares.sum(axis=1).all()):
            raise Refusal("its trees are damaged")


@dataclass(frozen=True)
class _Boosted:
    trees: Trees
    start: np.ndarray

    def sums(self, x: np.ndarray) -> np.ndarray:
        return self.trees.sums(x) + self.start

    def check(self, num_features: int, width: int) -> None:
        self.trees.check(num_features, width)
        if not is_sound(self.start, (width,), np.float64):
            raise Refusal("its trees are damaged")


@dataclass(frozen=True)
class _Logits:
    """A model whose ``sums`` are labels, or logits of classes."""

    model: _Boosted | Linear
    kind: str

    def outputs(self, x: np.ndarray) -> np.ndarray:
        sums = self.model.sums(x)
        if self.kind == "regression":
            return sums
        logits = np.concatenate([-sums, sums], axis=1) / 2 if self.kind == "binary" else sums
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def check(self, num_features: int, width: int) -> None:
        self.model.check(num_features, 1 if self.kind == "binary" else width)


def is_sound(array: np.ndarray, shape: tuple[int, ...], dtype: type) -> bool:
    return array.shape == shape and array.dtype == dtype and bool(np.isfinite(array).all())
