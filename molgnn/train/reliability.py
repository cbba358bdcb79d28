"""How far doubts can be believed: figures of intervals and of probabilities on judged molecules."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm, spearmanr

from molgnn.models.calibration import ClassScale, ErrorScale

LEVELS = (0.8, 0.9, 0.95)
BINS = 15


def of_intervals(
    y: np.ndarray, predicted: np.ndarray, std: np.ndarray, scale: ErrorScale
) -> dict[str, float]:
    """Of labels, predictions and their spread (n,): ``coverage_80`` ... the share of labels within
    the interval of that level, ``width_80`` ... the median width of it, ``nll`` the mean negative
    log-likelihood under a normal error of the calibrated size, and ``miscalibration_area``, the
    area between the share of labels below each predicted quantile and the diagonal: Tran 2020,
    doi:10.1088/2632-2153/ab7e1a."""
    sigma, error = scale.sigma(std), y - predicted
    found: dict[str, float] = {}
    for level in LEVELS:
        half, name = scale.half_width(std, level), round(100 * level)
        found[f"coverage_{name}"] = float((np.abs(error) <= half).mean())
        found[f"width_{name}"] = float(np.median(2 * half))
    found["nll"] = float(-norm.logpdf(error / sigma).mean() + np.log(sigma).mean())
    found["miscalibration_area"] = miscalibration_area(error / sigma)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def figures_of_std(error: np.ndarray, std: np.ndarray) -> dict[str, float]:
    """Of absolute errors and standard deviations (n,): ``spearman`` between the two, where both
    differ, and ``nll`` under a normal error, where all deviations are above 0."""
    found: dict[str, float] = {}
    if np.ptp(error) > 0 and np.ptp(std) > 0:
        found["spearman"] = float(spearmanr(std, error).statistic)
    if (std > 0).all():
        found["nll"] = float(-norm.logpdf(error, scale=std).mean())
    return found


def miscalibration_area(z: np.ndarray, points: int = 99) -> float:
    """The mean distance between expected and observed shares of |z| below a normal's quantiles."""
    shares = np.arange(1, points + 1) / (points + 1)
    limits = norm.ppf(0.5 + shares / 2)
    observed = np.searchsorted(np.sort(np.abs(z)), limits, side="right") / len(z)
    return float(np.abs(observed - shares).mean())


def of_classes(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Of classes (n,) and probabilities (n, C): ``ece``, ``brier`` and ``nll``. The expected
    calibration error is that of the probability of 1 in a binary task, else that of the likeliest
    class. Naeini 2015, doi:10.1609/aaai.v29i1.9602; Brier 1950."""
    rows = np.arange(len(y)), y.astype(int)
    right, sure = sure_and_right(y, p)
    hot = np.zeros_like(p)
    hot[rows] = 1.0
    squares = ((p - hot) ** 2).sum(axis=1) / (2 if p.shape[1] == 2 else 1)
    return {
        "ece": expected_calibration_error(right, sure),
        "brier": float(squares.mean()),
        "nll": float(-np.log(np.maximum(p[rows], 1e-12)).mean()),
    }


def sure_and_right(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether (n,) and how surely (n,) something holds of classes (n,) with probabilities (n, C):
    that a binary class is 1, or that the likeliest of several is the right one."""
    if p.shape[1] == 2:
        return y == 1, p[:, 1]
    return p.argmax(axis=1) == y, p.max(axis=1)


def covered(
    y: np.ndarray, predicted: np.ndarray, std: np.ndarray, scale: ErrorScale, points: int = 19
) -> list[tuple[float, float, int]]:
    """(level, the share of labels within the interval of that level, n) for levels up to 95 %."""
    error, found = np.abs(y - predicted), []
    for level in (np.arange(1, points + 1) / (points + 1)).tolist():
        share = float((error <= scale.half_width(std, level)).mean())
        found.append((level, share, len(y)))
    return found


def expected_calibration_error(right: np.ndarray, sure: np.ndarray, bins: int = BINS) -> float:
    """The distance of mean probability and share of ``bins`` equal bins, weighted by their size."""
    part = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(part, weights=right.astype(float) - sure, minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))


def of_sets(y: np.ndarray, calibrated: np.ndarray, scale: ClassScale) -> dict[str, float]:
    """``coverage_80`` ... the share of molecules whose class is in their set, and ``set_size_80``
    ... the mean number of classes in it."""
    rows, found = (np.arange(len(y)), y.astype(int)), {}
    for level in LEVELS:
        sets, name = scale.sets(calibrated, level), round(100 * level)
        found[f"coverage_{name}"] = float(sets[rows].mean())
        found[f"set_size_{name}"] = float(sets.sum(axis=1).mean())
    return found


def quintiles(spread: np.ndarray, error: np.ndarray, parts: int = 5) -> list[float]:
    """Root mean square of errors (n,) in ``parts`` equal parts of the spread (n,), from the
    smallest on."""
    order = np.argsort(spread, kind="stable")
    return [float(np.sqrt(np.mean(error[rows] ** 2))) for rows in np.array_split(order, parts)]


def curve(right: np.ndarray, sure: np.ndarray, bins: int = 10) -> Sequence[tuple]:
    """(mean probability, share, number) of up to ``bins`` equal parts of the molecules, of 10 at
    least: a reliability diagram."""
    order = np.argsort(sure, kind="stable")
    rows = np.array_split(order, min(bins, max(1, len(order) // 10)))
    return [(float(sure[r].mean()), float(right[r].mean()), len(r)) for r in rows if len(r)]
