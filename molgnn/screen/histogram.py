"""Summary and histogram of all scores, in fixed memory and without knowing their range before."""

import math

import numpy as np

MAX_BINS = 512
METHOD = (
    "exact counts of all scored molecules; bins are powers of two wide, widened by merging pairs "
    "as the range grows"
)


class Histogram:
    """Exact running counts on an adaptive grid.

    Bin i holds the scores in [i w, (i + 1) w) with w = 2^e. The exponent e is the smallest for
    which the range seen so far fits ``MAX_BINS`` bins, so it depends on the scores alone, not on
    their order; growing merges whole bins, so no count is ever estimated.
    """

    def __init__(self):
        self.count = 0
        self.min, self.max = math.inf, -math.inf
        self._mean = self._m2 = 0.0
        self._exponent = -1074
        self._bins = np.empty(0, dtype=np.int64)
        self._counts = np.empty(0, dtype=np.int64)

    def add(self, scores: np.ndarray) -> None:
        """Count finite scores (B,)."""
        if len(scores) == 0:
            return
        scores = np.asarray(scores, dtype=np.float64)
        self._add_moments(scores)
        self.min = min(self.min, float(scores.min()))
        self.max = max(self.max, float(scores.max()))
        self._widen(_exponent(self.min, self.max))
        self._merge(np.floor(np.ldexp(scores, -self._exponent)).astype(np.int64), 1)

    def summary(self) -> dict:
        """count, min, max, mean, std (of the sample as it is) and the histogram, as plain data."""
        if self.count == 0:
            return {"count": 0, "min": None, "max": None, "mean": None, "std": None}
        first, last = int(self._bins[0]), int(self._bins[-1])
        counts = np.zeros(last - first + 1, dtype=np.int64)
        counts[self._bins - first] = self._counts
        width = math.ldexp(1.0, self._exponent)
        return {
            "count": self.count,
            "min": self.min,
            "max": self.max,
            "mean": self._mean,
            "std": math.sqrt(self._m2 / self.count),
            "histogram": {
                "method": METHOD,
                "first_edge": first * width,
                "bin_width": width,
                "counts": counts.tolist(),
            },
        }

    def _add_moments(self, scores: np.ndarray) -> None:
        """Mean and squared deviations by Chan's update, which does not cancel as sums would."""
        n, mean = len(scores), float(scores.mean())
        m2 = float(((scores - mean) ** 2).sum())
        total, shift = self.count + n, mean - self._mean
        self._m2 += m2 + shift**2 * self.count * n / total
        self._mean += shift * n / total
        self.count = total

    def _widen(self, exponent: int) -> None:
        if exponent > self._exponent:
            steps = min(exponent - self._exponent, 63)
            self._exponent = exponent
            bins, counts = self._bins >> steps, self._counts
            self._bins, self._counts = self._bins[:0], self._counts[:0]
            self._merge(bins, counts)

    def _merge(self, bins: np.ndarray, counts) -> None:
        counts = np.broadcast_to(counts, bins.shape)
        bins = np.concatenate([self._bins, bins])
        counts = np.concatenate([self._counts, counts])
        self._bins, where = np.unique(bins, return_inverse=True)
        self._counts = np.bincount(where, counts, len(self._bins)).astype(np.int64)


def _exponent(low: float, high: float) -> int:
    """The smallest e with at most MAX_BINS bins of 2^e over [low, high].

    It stays within 40 bits of the largest magnitude, where a float still tells bins apart.
    """
    largest = max(abs(low), abs(high), 1e-30)
    exponent = math.frexp(largest)[1] - 40
    while math.floor(high * 2.0**-exponent) - math.floor(low * 2.0**-exponent) >= MAX_BINS:
        exponent += 1
    return exponent
