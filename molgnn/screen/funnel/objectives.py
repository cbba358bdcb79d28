"""Several objectives made into one order: a weighted sum, desirabilities, or Pareto ranks.

All functions take values (B,) or (B, M) of B molecules in M objectives, and none depends on the
order of the molecules.
"""

from bisect import bisect_right

import numpy as np


def desirability(
    values: np.ndarray, aim: str, low: float, high: float, target: float = 0.0, shape: float = 1.0
) -> np.ndarray:
    """values (B,) -> 0 (useless) to 1 (as good as need be), linear in between for shape 1.

    up: ((y - low) / (high - low))^shape, 0 below low and 1 above high; down: the same mirrored;
    target: 1 at the target, 0 at low and high and beyond. Derringer and Suich, J. Qual. Technol.
    1980, doi:10.1080/00224065.1980.11980968.
    """
    if aim == "up":
        share = (values - low) / (high - low)
    elif aim == "down":
        share = (high - values) / (high - low)
    else:
        share = np.minimum((values - low) / (target - low), (high - values) / (high - target))
    return np.clip(share, 0.0, 1.0) ** shape


def geometric_mean(shares: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Desirabilities (B, M), weights (M,) -> D = (prod d^w)^(1 / sum w) (B,): 0 where one is 0."""
    with np.errstate(divide="ignore"):
        logs = np.log(shares)
    return np.exp((weights * logs).sum(axis=1) / weights.sum())


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values (B, M), weights (M,) -> sum w y / sum w (B,)."""
    return (values * weights).sum(axis=1) / weights.sum()


def pareto_ranks(merits: np.ndarray) -> np.ndarray:
    """Merits (B, M), the more the better in each -> ranks (B,) int64 from 1.

    Rank 1 are those that no other dominates (at least as good in all, better in one), rank 2 those
    that none but rank 1 dominate, and so on; equal molecules share a rank. Non-dominated sorting
    with a binary search among the fronts: Zhang et al., IEEE Trans. Evol. Comput. 2015,
    doi:10.1109/TEVC.2014.2308305. Raises ValueError for NaN.
    """
    merits = np.asarray(merits, dtype=np.float64)
    if np.isnan(merits).any():
        raise ValueError("NaN has no rank")
    # Sorted, best first by the first objective, then by the next: nobody is dominated by a later.
    distinct, which = np.unique(-merits, axis=0, return_inverse=True)
    if distinct.shape[1] <= 2:
        ranks = _ranks_of_pairs(distinct)
    else:
        ranks, fronts = np.empty(len(distinct), dtype=np.int64), []
        for i, point in enumerate(distinct):
            ranks[i] = _place(fronts, point[1:])
    return ranks[which.reshape(-1)]


def _ranks_of_pairs(distinct: np.ndarray) -> np.ndarray:
    """Of sorted points (B, 1 or 2): of two objectives a front is known by its last point, and the
    fronts' last points rise."""
    if distinct.shape[1] < 2:
        return np.arange(1, len(distinct) + 1)
    ranks, last = [], []
    for value in distinct[:, 1].tolist():
        place = bisect_right(last, value)
        last[place : place + 1] = [value]
        ranks.append(place + 1)
    return np.array(ranks, dtype=np.int64)


class _Front:
    """The points of one rank, without the first objective, in which none is better than the
    point that is compared: columns of an array that grows."""

    __slots__ = ("count", "points")

    def __init__(self, width: int):
        self.points, self.count = np.empty((width, 16)), 0

    def dominates(self, point: np.ndarray) -> bool:
        """Newest first, and few before all: near points dominate most often."""
        for part in (slice(max(0, self.count - 32), self.count), slice(0, max(0, self.count - 32))):
            below = np.ones(len(self.points[0, part]), dtype=bool)
            for row, value in zip(self.points, point, strict=True):
                below &= row[part] <= value
            if below.any():
                return True
        return False

    def add(self, point: np.ndarray) -> None:
        if self.count == self.points.shape[1]:
            self.points = np.concatenate([self.points, np.empty_like(self.points)], axis=1)
        self.points[:, self.count] = point
        self.count += 1


def _place(fronts: list[_Front], point: np.ndarray) -> int:
    """Put the point into the first front that does not dominate it; gives its number from 1. Who
    is dominated by a front is dominated by all before it."""
    low, high = 0, len(fronts)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if fronts[middle].dominates(point) else (low, middle)
    if low == len(fronts):
        fronts.append(_Front(len(point)))
    fronts[low].add(point)
    return low + 1
