"""Fit calibrations to predictions of molecules that a model did not learn from."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from molgnn.data.levels import Levels
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task, tasks_at
from molgnn.models.calibration import (
    FEW,
    FEWEST,
    MOST,
    TINY,
    ClassScale,
    ErrorScale,
    Scale,
    thinned,
    words_of,
)
from molgnn.models.doubts import of_each_class
from molgnn.train import plots
from molgnn.train.metrics import by_task
from molgnn.train.options import SplitOptions
from molgnn.train.reliability import (
    covered,
    curve,
    figures_of_std,
    miscalibration_area,
    of_classes,
    of_intervals,
    of_sets,
    sure_and_right,
)

FILE = "calibration.png"


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
    """From held-out classes (n,) and probabilities (n, C); None for fewer than
    ``FEW``, or where a class has fewer than ``FEWEST``.

    A binary task also gets isotonic steps where they lower the log loss of molecules that were left
    out of them, in ten folds, by more than its standard error: with few molecules they rarely do.
    """
    counts = np.bincount(y.astype(int), minlength=p.shape[1])
    if len(y) < FEW or counts.min() < FEWEST:
        return None
    temperature = _temperature(y, p)
    plain = ClassScale(temperature, (), (), ())
    knots: tuple = ()
    if p.shape[1] == 2 and _steps_help(y, p):
        knots = _isotonic(y, plain.probability(p)[:, 1])
    scale = ClassScale(temperature, knots, (), ())
    calibrated = scale.probability(p)
    misses = [np.clip(1.0 - calibrated[y == c, c], 0.0, 1.0) for c in range(p.shape[1])]
    return ClassScale(temperature, knots, tuple(map(thinned, misses)), tuple(counts.tolist()))


def _temperature(y: np.ndarray, p: np.ndarray) -> float:
    """The temperature of the lowest log loss, between 0.05 and 20."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(y)), y.astype(int)

    def loss(log_t: float) -> float:
        scale = ClassScale(math.exp(log_t), (), (), ())
        return float(-np.log(np.maximum(scale.probability(p)[rows], TINY)).mean())

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
            np.log(np.maximum(s.probability(p[test])[rows], TINY)) for s in (plain, stepped)
        )
        gains[test] = two - one
    return bool(gains.mean() > gains.std(ddof=1) / math.sqrt(len(gains)))


class Held(NamedTuple):
    """The exact labels of a task among some molecules, (n,), what is predicted (n, O), and the
    spread of the members (n,), 0 for one member."""

    task: Task
    y: np.ndarray
    outputs: np.ndarray
    std: np.ndarray


def held_of(
    dataset: Dataset, tasks: Sequence[Task], rows: np.ndarray, predicted: Levels, spread: Levels
) -> list[Held]:
    """The tasks of molecules, of the molecules ``rows`` alone. Where one member answered alone,
    its spread, NaN, is 0."""
    labels, bounds = dataset.labels.select(rows), dataset.bounds.select(rows)
    own = tasks_at(tasks, "molecule")
    pairs = (by_task(labels, bounds, levels.select(rows), own) for levels in (predicted, spread))
    found = []
    for (task, y, bound, outputs), (*_, stds) in zip(*pairs, strict=True):
        known = ~np.isnan(y) & (bound == 0)
        found.append(Held(task, y[known], outputs[known], np.nan_to_num(stds[known, 0])))
    return found


def calibration_of(held: Sequence[Held]) -> dict[str, Scale]:
    """The calibration of each task from molecules that the model did not learn from; none where
    they are too few, and of quantiles, which are intervals already."""
    found: dict[str, Scale | None] = {}
    for task, y, outputs, std in held:
        if task.kind == "regression" and not task.quantiles:
            found[task.name] = fit_errors(y, outputs[:, 0], std)
        elif task.kind != "regression":
            found[task.name] = fit_classes(y, of_each_class(outputs))
    return {name: scale for name, scale in found.items() if scale is not None}


def of_errors(held: Sequence[Held]) -> dict[str, dict[str, float]]:
    """Task -> what the standard deviations of a regression are worth before any calibration:
    ``spearman`` between them and the absolute errors, and ``nll``, the mean negative log-likelihood
    of the labels under a normal of that deviation."""
    found = {}
    for task, y, outputs, std in held:
        if task.kind == "regression" and len(y) > 1:
            error = np.abs(y - outputs[:, 0])
            found[task.name] = figures_of_std(error, std)
    return found


def judge_calibration(
    out: Path, scales: Mapping[str, Scale], held: Mapping[str, Sequence[Held]], split: SplitOptions
) -> dict:
    """``metrics.json``'s "calibration": the ``words`` that it needs, and for valid and test,
    task by task, figures before and after. Those of valid are of the molecules it was fitted to.
    Draws ``calibration.png``. Empty without a calibration."""
    if not scales:
        return {}
    plots.calibration(out / FILE, [_curves(name, scales, held) for name in scales])
    parts = {part: reported(scales, each) for part, each in held.items()}
    return {"words": words_of(split.name), **parts}


def _curves(name: str, scales: Mapping[str, Scale], held: Mapping[str, Sequence[Held]]) -> tuple:
    """Of a task, for its panel: the task, and (promised, found, number) of each line."""
    scale, lines = scales[name], {}
    (task,) = {each.task for each in held["valid"] if each.task.name == name}
    for part, each in held.items():
        (one,) = (each for each in each if each.task.name == name)
        if not len(one.y):
            continue
        if isinstance(scale, ErrorScale):
            lines[part] = covered(one.y, one.outputs[:, 0], one.std, scale)
        else:
            p = of_each_class(one.outputs)
            lines[f"{part}, before"] = curve(*sure_and_right(one.y, p))
            lines[part] = curve(*sure_and_right(one.y, scale.probability(p)))
    return task, lines


def reported(scales: Mapping[str, Scale], held: Sequence[Held]) -> dict[str, dict]:
    """Task -> figures ``before`` and ``after`` calibration; of molecules that ``scales`` were not
    learnt from these are honest."""
    return {
        one.task.name: _figures(one, scales[one.task.name])
        for one in held
        if one.task.name in scales and len(one.y)
    }


def _figures(held: Held, scale: Scale) -> dict[str, dict[str, float]]:
    if isinstance(scale, ErrorScale):
        found = {"after": of_intervals(held.y, held.outputs[:, 0], held.std, scale)}
        if held.std.any():  # what the members say of themselves
            z = (held.y - held.outputs[:, 0]) / np.maximum(held.std, 1e-12)
            found["before"] = {"miscalibration_area": miscalibration_area(z)}
        return found
    p = of_each_class(held.outputs)
    calibrated = scale.probability(p)
    after = of_classes(held.y, calibrated) | of_sets(held.y, calibrated, scale)
    return {"before": of_classes(held.y, p), "after": after}
