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
        """Count finite scores (B,). Mean and deviation depend, in their last digit, on how the
        scores are cut into calls: whoever wants equal bits adds a shard's scores in one."""
        if len(scores) == 0:
            return
        scores = np.asarray(scores, dtype=np.float64)
        self._merge_moments(len(scores), *_moments(scores))
        self._stretch(float(scores.min()), float(scores.max()))
        self._merge(np.floor(np.ldexp(scores, -self._exponent)).astype(np.int64), 1)

    def merge(self, later: "Histogram") -> None:
        """Take the counts of other scores: a sum of counts, and as exact."""
        if later.count == 0:
            return
        self._merge_moments(later.count, later._mean, later._m2)
        self._stretch(min(self.min, later.min), max(self.max, later.max))
        self._merge(later._bins >> min(self._exponent - later._exponent, 63), later._counts)

    def state(self) -> dict:
        """All of it as plain data; through JSON and ``of_state`` it comes back to the bit."""
        return {
            "count": self.count,
            "range": [self.min, self.max] if self.count else None,
            "moments": [self._mean, self._m2],
            "exponent": self._exponent,
            "bins": self._bins.tolist(),
            "counts": self._counts.tolist(),
        }

    @classmethod
    def of_state(cls, state: dict) -> "Histogram":
        histogram = cls()
        histogram.count = state["count"]
        histogram.min, histogram.max = state["range"] or (math.inf, -math.inf)
        histogram._mean, histogram._m2 = state["moments"]
        histogram._exponent = state["exponent"]
        histogram._bins = np.array(state["bins"], dtype=np.int64)
        histogram._counts = np.array(state["counts"], dtype=np.int64)
        return histogram

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

    def _merge_moments(self, n: int, mean: float, m2: float) -> None:
        """Chan's update of mean and squared deviations, which does not cancel as sums would."""
        total, shift = self.count + n, mean - self._mean
        self._m2 += m2 + shift**2 * self.count * n / total
        self._mean += shift * n / total
        self.count = total

    def _stretch(self, low: float, high: float) -> None:
        self.min, self.max = min(self.min, low), max(self.max, high)
        self._widen(_exponent(self.min, self.max))

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


def _moments(scores: np.ndarray) -> tuple[float, float]:
    mean = float(scores.mean())
    return mean, float(((scores - mean) ** 2).sum())


def _exponent(low: float, high: float) -> int:
    """The smallest e with at most MAX_BINS bins of 2^e over [low, high].

    It stays within 40 bits of the largest magnitude, where a float still tells bins apart.
    """
    largest = max(abs(low), abs(high), 1e-30)
    exponent = math.frexp(largest)[1] - 40
    while math.floor(high * 2.0**-exponent) - math.floor(low * 2.0**-exponent) >= MAX_BINS:
        exponent += 1
    return exponent
