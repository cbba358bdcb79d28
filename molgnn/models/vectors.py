"""Distances between molecules as a model's networks see them."""

from dataclasses import dataclass

import numpy as np

_ROWS, _BLOCK = 256, 4096  # molecules and training molecules compared at once: 8 MB
_ROUNDING = 1e-5  # of the squares of the lengths: what a product of matrices may be off, and more


@dataclass(frozen=True)
class Vectors:
    """Vectors (V, D) of training molecules, each channel divided by its standard deviation there,
    ``scale`` (D,); ``rows`` (V,) says which training molecule each is."""

    scaled: np.ndarray
    scale: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, rows: np.ndarray) -> "Vectors":
        """A channel that is the same for all training molecules stays as it is."""
        scale = vectors.std(axis=0, dtype=np.float64)
        scale = np.where(scale > 0, scale, 1.0)
        return cls((vectors / scale).astype(np.float32), scale, rows)

    def nearest(self, vectors: np.ndarray, rows: int = _ROWS, block: int = _BLOCK):
        """Vectors (B, D) -> distance (B,) to the nearest training molecule, and its row (B,).

        d(a, b) = sqrt(mean_c ((a_c - b_c) / scale_c)^2): 0 for what the networks cannot tell
        apart, about 1.4 for two training molecules drawn at random. The nearest is found by
        matrix products, and its distance then by the formula, so that ties are ties: they go to
        the lower row, whatever ``rows`` and ``block`` are compared at once.
        """
        asked = (vectors / self.scale).astype(np.float32)
        square, index = np.full(len(asked), np.inf), np.zeros(len(asked), dtype=np.int64)
        for start in range(0, len(self.scaled), block):
            part = self.scaled[start : start + block].astype(np.float64)
            for first in range(0, len(asked), rows):
                some = slice(first, first + rows)
                found, best = _closest(asked[some].astype(np.float64), part)
                better = found < square[some]
                square[some] = np.where(better, found, square[some])
                index[some] = np.where(better, self.rows[best + start], index[some])
        return np.sqrt(square / max(1, self.scaled.shape[1])), index


def _closest(asked: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(q, D) and (r, D) float64 -> the smallest square distance (q,), and the first row with it."""
    lengths, others = (asked**2).sum(axis=1), (known**2).sum(axis=1)
    rough = lengths[:, None] + others - 2 * asked @ known.T
    slack = _ROUNDING * (lengths + others.max()) + 1e-300
    query, row = np.nonzero(rough <= (rough.min(axis=1) + slack)[:, None])
    exact = ((asked[query] - known[row]) ** 2).sum(axis=1)
    order = np.lexsort((row, exact, query))
    _, place = np.unique(query[order], return_index=True)
    return exact[order][place], row[order][place]
