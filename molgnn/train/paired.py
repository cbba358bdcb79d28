"""Is one configuration better than another? The paired test for folds that share molecules."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

LEVEL = 0.05
SMALLER_IS_BETTER = {
    "rmse": True, "mae": True, "r2": False, "spearman": False,
    "roc_auc": False, "pr_auc": False, "bedroc": False, "accuracy": False, "log_loss": True,
}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """``second`` against ``first`` on the folds on which both were measured.

    ``difference`` is the mean of second - first, in the metric's unit, between ``low`` and ``high``
    with 95 % confidence; ``p`` is two-sided. All three are None of a single fold. ``wins`` counts
    the folds on which each one was better, and ``ties`` the others.
    """

    first: str
    second: str
    metric: str
    folds: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    wins: dict[str, int]
    ties: int

    @property
    def better(self) -> str | None:
        """The name of the one that is better at the level of 5 %; None if none is shown."""
        if self.p is None or self.p >= LEVEL:
            return None
        second_is_better = (self.difference < 0) == SMALLER_IS_BETTER[self.metric]
        return self.second if second_is_better else self.first

    def words(self) -> str:
        """The verdict as a sentence."""
        wins = ", ".join(f"{name} better on {count}" for name, count in self.wins.items())
        wins = f"of {self.folds} folds {wins}" + (f", equal on {self.ties}" * bool(self.ties))
        if self.p is None:
            by = f"{self.second} - {self.first} = {self.difference:+.4f} {self.metric}"
            return f"{by}; one fold shows no difference, give more folds or repeats"
        p = f"p = {self.p:.3f}" if self.p >= 0.001 else "p < 0.001"
        if self.better is None:
            by = f"{self.second} - {self.first} = {self.difference:+.4f} {self.metric}"
            interval = f"95 % CI {self.low:+.4f} to {self.high:+.4f}"
            return f"no difference shown: {by} ({interval}, {p}); {wins}"
        ends = sorted(abs(end) for end in (self.low, self.high))
        other = self.first if self.better == self.second else self.second
        interval = f"95 % CI {ends[0]:.4f} to {ends[1]:.4f}"
        by = f"{self.better} is better than {other} by {abs(self.difference):.4f} {self.metric}"
        return f"{by} ({interval}, {p}); {wins}"


def compare(
    first: Sequence[float],
    second: Sequence[float],
    ratio: float,
    *,
    metric: str,
    names: tuple[str, str] = ("a", "b"),
) -> Comparison:
    """Compare the figures ``first`` and ``second`` (n,) of the same n folds, in the same order.

    ``ratio`` is n_test / n_train, the size of a fold over that of the rest. See `corrected_t`. The
    figures of three comparisons are not corrected for being three.
    """
    differences = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    smaller = SMALLER_IS_BETTER[metric]
    gained, lost = int((differences > 0).sum()), int((differences < 0).sum())
    wins = dict(zip(names, (gained, lost) if smaller else (lost, gained), strict=True))
    low = high = p = None
    if len(differences) > 1:
        _, half, p = corrected_t(differences, ratio)
        low, high = float(differences.mean() - half), float(differences.mean() + half)
    ties = len(differences) - gained - lost
    mean = float(differences.mean())
    return Comparison(*names, metric, len(differences), mean, low, high, p, wins, ties)


def corrected_t(differences: np.ndarray, ratio: float) -> tuple[float, float, float]:
    """(t, half of the 95 % confidence interval, two-sided p) of n >= 2 paired differences.

    t = mean(d) / sqrt((1/n + n_test/n_train) var(d)), with n - 1 degrees of freedom and the sample
    variance: the corrected resampled t-test of Nadeau and Bengio 2003, doi:10.1023/A:1024068626366.
    Folds share most of their training molecules, so their figures are correlated: 1/n alone, the
    plain t-test, calls every second pair of equals different. For molecules: Ash et al. 2025,
    doi:10.1021/acs.jcim.5c01609. Equal differences have no variance: then p is 0, or 1 if
    all are 0.
    """
    n, mean = len(differences), float(np.mean(differences))
    error = float(np.sqrt((1 / n + ratio) * np.var(differences, ddof=1)))
    if error == 0:
        return (float(np.copysign(np.inf, mean)), 0.0, 0.0) if mean else (0.0, 0.0, 1.0)
    t = mean / error
    half = float(student.ppf(1 - LEVEL / 2, n - 1)) * error
    return t, half, float(2 * student.sf(abs(t), n - 1))
