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

FEW = 20  # held-out labels, and labels of a class: with fewer nothing can be said
MOST = 1000  # scores and knots that are kept
_TINY = 1e-6  # probabilities are kept so far from 0 and 1


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
        logits = np.log(np.clip(p, _TINY, 1.0)) / self.temperature
        logits -= logits.max(axis=1, keepdims=True)
        found = np.exp(logits)
        found /= found.sum(axis=1, keepdims=True)
        if self.knots:
            given, true = np.transpose(self.knots)
            active = np.interp(found[:, 1], given, true)
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


def fit_errors(y: np.ndarray, predicted: np.ndarray, std: np.ndarray) -> ErrorScale | None:
    """From held-out labels, predictions and their spread, (n,) each; None for fewer than ``FEW``.

    Floor and factor maximise the normal likelihood of the errors.
    """
    if len(y) < FEW:
        return None
    squares = (y - predicted) ** 2
    floor, factor = _likeliest(squares, std**2)
    scale = ErrorScale(floor, factor, (), len(y))
    return ErrorScale(floor, factor, thinned(np.sqrt(squares) / scale.sigma(std)), len(y))


def _likeliest(squares: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """a, b >= 0 of the likeliest sigma^2 = a^2 + b^2 variance, by expectation-maximisation of two
    independent normal errors, one of each size."""
    mean = float(squares.mean())
    if mean == 0:
        return 1e-12, 0.0
    if not variance.any():
        return math.sqrt(mean), 0.0
    a, b = mean / 2, mean / 2 / float(variance.mean())
    for _ in range(500):
        total = a + b * variance
        own, other = a / total, b * variance / total
        before = a, b
        a = float((own**2 * squares + a * (1 - own)).mean())
        used = variance > 0
        b = float(((other**2 * squares + b * variance * (1 - other))[used] / variance[used]).mean())
        if abs(a - before[0]) <= 1e-9 * mean and abs(b - before[1]) <= 1e-9 * max(b, 1e-300):
            break
    return math.sqrt(max(a, 1e-24)), math.sqrt(b)


def fit_classes(y: np.ndarray, p: np.ndarray) -> ClassScale | None:
    """From held-out classes (n,) and probabilities (n, C); None where a class has fewer than
    ``FEW`` molecules, or there are fewer than two classes.

    A binary task also gets isotonic steps where they lower the log loss of molecules that were left
    out of them, in ten folds, by more than its standard error: with few molecules they rarely do.
    """
    counts = np.bincount(y.astype(int), minlength=p.shape[1])
    if counts.min() < FEW:
        return None
    temperature = _temperature(y, p)
    plain = ClassScale(temperature, (), (), ())
    knots: tuple = ()
    if p.shape[1] == 2 and _steps_help(y, p):
        knots = _isotonic(y, plain.probability(p)[:, 1])
    scale = ClassScale(temperature, knots, (), ())
    calibrated = scale.probability(p)
    misses = [1.0 - calibrated[y == c, c] for c in range(p.shape[1])]
    return ClassScale(temperature, knots, tuple(map(thinned, misses)), tuple(counts.tolist()))


def _temperature(y: np.ndarray, p: np.ndarray) -> float:
    """The temperature of the lowest log loss, between 0.05 and 20."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(y)), y.astype(int)

    def loss(log_t: float) -> float:
        scale = ClassScale(math.exp(log_t), (), (), ())
        return float(-np.log(np.maximum(scale.probability(p)[rows], _TINY)).mean())

    span = (math.log(0.05), math.log(20.0))
    return math.exp(float(minimize_scalar(loss, bounds=span, method="bounded").x))


def _isotonic(y: np.ndarray, active: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Knots of the isotonic regression, smoothed by one molecule of each class at either end, so
    that no probability is 0 or 1."""
    from sklearn.isotonic import IsotonicRegression

    low, high = 1.0 / (len(y) + 2), 1.0 - 1.0 / (len(y) + 2)
    fitted = IsotonicRegression(y_min=low, y_max=high, out_of_bounds="clip").fit(active, y)
    given, true = fitted.X_thresholds_, fitted.y_thresholds_
    if len(given) > MOST:
        kept = np.linspace(0, len(given) - 1, MOST).round().astype(int)
        given, true = given[kept], true[kept]
    return tuple(zip(given.tolist(), true.tolist(), strict=True))


def _steps_help(y: np.ndarray, p: np.ndarray, folds: int = 10) -> bool:
    part = np.argsort(np.argsort(np.random.default_rng(0).random(len(y)))) % folds
    gains = np.zeros(len(y))
    for fold in range(folds):
        train, test = part != fold, part == fold
        plain = ClassScale(_temperature(y[train], p[train]), (), (), ())
        knots = _isotonic(y[train], plain.probability(p[train])[:, 1])
        stepped = ClassScale(plain.temperature, knots, (), ())
        rows = np.arange(int(test.sum())), y[test].astype(int)
        one, two = (
            np.log(np.maximum(s.probability(p[test])[rows], _TINY)) for s in (plain, stepped)
        )
        gains[test] = two - one
    return bool(gains.mean() > gains.std(ddof=1) / math.sqrt(len(gains)))


def to_json(scales: Mapping[str, Scale]) -> dict:
    """Plain data for a bundle's config."""
    return {name: asdict(scale) for name, scale in scales.items()}


def from_json(data: object, tasks: Sequence[Task]) -> dict[str, Scale]:
    """What ``to_json`` gave. Raises ValueError, TypeError or KeyError for anything else."""
    found: dict[str, Scale] = {}
    kinds = {task.name: task for task in tasks}
    for name, entry in dict(data).items():
        task = kinds[name]
        if task.kind == "regression":
            scores = tuple(map(float, entry["scores"]))
            scale = ErrorScale(float(entry["floor"]), float(entry["factor"]), scores, entry["n"])
            sound = scale.floor > 0 and scale.factor >= 0 and _is_sorted(scores)
            counts, kept = (scale.n,), (scores,)
        else:
            kept = tuple(tuple(map(float, scores)) for scores in entry["scores"])
            counts = tuple(entry["counts"])
            knots = tuple((float(a), float(b)) for a, b in entry["knots"])
            scale = ClassScale(float(entry["temperature"]), knots, kept, counts)
            table = np.array(knots).reshape(-1, 2)
            sound = scale.temperature > 0 and len(kept) == len(counts) == len(task.classes)
            sound &= all(map(_is_sorted, kept)) and bool((np.diff(table, axis=0) >= 0).all())
            sound &= bool(((table >= 0) & (table <= 1)).all())
            sound &= not knots or task.kind == "binary"
        for count, scores in zip(counts, kept, strict=True):
            sound &= type(count) is int and count >= FEW and 0 < len(scores) <= min(count, MOST)
        numbers = [*asdict(scale).values()]
        if not sound or not np.isfinite(np.array(list(_flat(numbers)), dtype=float)).all():
            raise ValueError(f"{name}: no calibration")
        found[name] = scale
    return found


def _is_sorted(scores: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in pairwise(scores)) and min(scores) >= 0


def _flat(values):
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            yield value
