"""Calibration: what held-out molecules say of a model's probabilities and of its errors.

It is fitted on predictions of molecules that the model did not learn from, kept in the bundle as
plain data, and applied to every prediction. That it holds for a new molecule rests on this molecule
being drawn as the held-out ones were (exchangeability): not so for another kind of chemistry.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from molgnn.data.targets import Task

FEW, FEWEST = 20, 5  # held-out labels, and labels of a class: with fewer nothing can be said
MOST = 1000  # scores and knots that are kept
_SLOPE = 0.01  # of a step: what is left of the order of the molecules on it
_LARGEST = 1e100  # of errors and of their scores
TINY = 1e-6  # probabilities are kept so far from 0 and 1


@dataclass(frozen=True)
class ErrorScale:
    """Errors of a regression: sigma^2 = floor^2 + (factor * std)^2 with ``std`` what members or the
    head say, and sorted ``scores`` |y - mu| / sigma of n held-out molecules.

    Variance scaling: Laves 2020, arXiv:2006.13092, with a floor, as members may agree on an error.
    Intervals: split conformal, Lei 2018, doi:10.1080/01621459.2017.1307116, normalised.
    """

    floor: float
    factor: float
    scores: tuple[float, ...]
    n: int

    def sigma(self, std: np.ndarray) -> np.ndarray:
        """The calibrated standard deviation (B,) of predictions whose ``std`` is (B,)."""
        return np.sqrt(self.floor**2 + (self.factor * std) ** 2)

    def half_width(self, std: np.ndarray, level: float) -> np.ndarray:
        """(B,) the interval is the prediction plus and minus this; infinite where n molecules are
        too few for the ``level``."""
        return self.sigma(std) * conformal_quantile(np.asarray(self.scores), self.n, level)


@dataclass(frozen=True)
class ClassScale:
    """Probabilities of classes: softmax(logits / ``temperature``), then, of a binary task, the
    increasing steps of ``knots`` (given, true) if there are any; and for each class the sorted
    ``scores`` 1 - p_y of its ``counts`` held-out molecules.

    Temperature: Guo 2017, arXiv:1706.04599; isotonic: Zadrozny and Elkan 2002,
    doi:10.1145/775047.775151; sets of classes: Mondrian conformal, Vovk 2005,
    doi:10.1007/b106715, class by class.
    """

    temperature: float
    knots: tuple[tuple[float, float], ...]
    scores: tuple[tuple[float, ...], ...]
    counts: tuple[int, ...]

    def probability(self, p: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of each class, (B, C) -> (B, C)."""
        logits = np.log(np.clip(p, TINY, 1.0)) / self.temperature
        logits -= logits.max(axis=1, keepdims=True)
        found = np.exp(logits)
        found /= found.sum(axis=1, keepdims=True)
        if self.knots:
            given, true = np.transpose(self.knots)
            steps = np.interp(found[:, 1], given, true)
            active = (1 - _SLOPE) * steps + _SLOPE * found[:, 1]  # no ties: it must still rank
            found = np.stack([1.0 - active, active], axis=1)
        return found

    def sets(self, calibrated: np.ndarray, level: float) -> np.ndarray:
        """Which classes cannot be ruled out at ``level``, (B, C) bool, of calibrated probabilities
        (B, C). Of the molecules of each class a share ``level`` at least has it in its set."""
        limits = [
            conformal_quantile(np.asarray(scores), count, level)
            for scores, count in zip(self.scores, self.counts, strict=True)
        ]
        return 1.0 - calibrated <= np.array(limits) + 1e-12


Scale = ErrorScale | ClassScale


def words_of(split: str) -> str:
    """What calibration rests on, for molecules that were held out by a split of that name."""
    if split == "random":
        return (
            "Calibration was fitted to molecules held out at random: of molecules drawn as they "
            "were, about the promised share is inside. Other chemistry need not keep it."
        )
    return (
        f"Calibration was fitted to molecules held out by the split {split!r}, which are not drawn "
        "as those of train and test are: they are not exchangeable, so nothing is guaranteed for "
        "test or for new molecules. Believe the coverage that was found, not the promised one."
    )


def conformal_quantile(scores: np.ndarray, n: int, level: float) -> float:
    """The ceil((n + 1) level)-th smallest of n scores, infinite beyond the n-th; where only some of
    the n are kept (evenly, by ``thinned``) the next larger one that is."""
    rank = math.ceil((n + 1) * level - 1e-9)
    if rank > n or not len(scores):
        return math.inf
    place = math.ceil((rank - 1) / max(1, n - 1) * (len(scores) - 1) - 1e-9)
    return float(scores[place])


def thinned(scores: np.ndarray) -> tuple[float, ...]:
    """At most ``MOST`` of the sorted scores, the first and the last among them."""
    ordered = np.sort(scores)
    if len(ordered) > MOST:
        ordered = ordered[np.linspace(0, len(ordered) - 1, MOST).round().astype(int)]
    return tuple(ordered.tolist())


def to_json(scales: Mapping[str, Scale]) -> dict:
    """Plain data for a bundle's config."""
    return {name: asdict(scale) for name, scale in scales.items()}


def from_json(data: object, tasks: Sequence[Task]) -> dict[str, Scale]:
    """What ``to_json`` gave. Raises ValueError, TypeError or KeyError for anything else."""
    kinds = {task.name: task for task in tasks}
    return {name: _scale(entry, kinds[name]) for name, entry in dict(data).items()}


def _scale(entry: Mapping, task: Task) -> Scale:
    if task.kind == "regression":
        scores = _numbers(entry["scores"], 0.0, _LARGEST)
        (floor, factor) = _numbers([entry["floor"], entry["factor"]], 0.0, _LARGEST)
        scale: Scale = ErrorScale(floor, factor, scores, entry["n"])
        kept, counts, fewest = (scores,), (scale.n,), FEW
        sound = floor > 0 and not task.quantiles
    else:
        kept = tuple(_numbers(scores, 0.0, 1.0) for scores in entry["scores"])
        knots = tuple(_numbers(knot, 0.0, 1.0) for knot in entry["knots"])
        (temperature,) = _numbers([entry["temperature"]], 0.01, 100.0)
        scale = ClassScale(temperature, knots, kept, tuple(entry["counts"]))
        counts, fewest = scale.counts, FEWEST
        sound = len(kept) == len(task.classes) and all(len(knot) == 2 for knot in knots)
        sound &= all(map(_ascends, zip(*knots, strict=True))) if sound else False
        sound &= not knots or task.kind == "binary"
    for count, scores in zip(counts, kept, strict=True):
        sound &= type(count) is int and fewest <= count and 0 < len(scores) <= min(count, MOST)
    if not sound or not all(map(_ascends, kept)) or set(entry) != set(asdict(scale)):
        raise ValueError(f"{task.name}: no calibration")
    return scale


def _numbers(values: Sequence, low: float, high: float) -> tuple[float, ...]:
    """Raises ValueError or TypeError for what are no numbers from ``low`` to ``high``."""
    found = []
    for value in values:
        if type(value) not in (int, float) or not low <= value <= high:
            raise ValueError(f"{value!r}: no number from {low:g} to {high:g}")
        found.append(float(value))
    return tuple(found)


def _ascends(values: Sequence[float]) -> bool:
    return all(a <= b for a, b in pairwise(values))
