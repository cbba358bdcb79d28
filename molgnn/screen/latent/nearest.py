"""Exact nearest neighbours among many vectors, block by block."""

import numpy as np

BLOCK = 16384  # rows of the library at a time, 16 MB in double precision at 128 dimensions
QUERIES = 256


def nearest_rows(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """vectors (R, D), queries (Q, D) -> Euclidean distances (Q, k) and rows (Q, k) int64, nearest
    first; equally near ones in the order of rows. k is at most R.

    Products find candidates, |b - q|^2 = |b|^2 - 2 b.q + |q|^2, with all that rounding may hide;
    their distances are then those of differences, so that equal vectors are exactly 0 apart.
    """
    k, found = min(k, len(vectors)), []
    for start in range(0, len(queries), QUERIES):
        found.append(_nearest(vectors, queries[start : start + QUERIES].astype(np.float64), k))
    if not found:
        return np.zeros((0, k)), np.zeros((0, k), dtype=np.int64)
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _nearest(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    best = [(np.zeros(0), np.zeros(0, dtype=np.int64)) for _ in queries]
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float64)
        lengths = np.square(block).sum(axis=1)
        near = lengths - 2 * (queries @ block.T)
        slack = 1e-12 * block.shape[1] * (lengths.max() + np.square(queries).sum(axis=1))
        for number, query in enumerate(queries):
            rows = _candidates(near[number], k, slack[number])
            squares = np.square(block[rows] - query).sum(axis=1)
            best[number] = _merged(best[number], (squares, rows + start), k)
    squares, rows = (np.stack(parts) for parts in zip(*best, strict=True))
    return np.sqrt(squares), rows


def _candidates(near: np.ndarray, k: int, slack: float) -> np.ndarray:
    """Rows that may be among the k lowest, each value being right to within ``slack``."""
    if len(near) <= k:
        return np.arange(len(near))
    return np.flatnonzero(near <= np.partition(near, k - 1)[k - 1] + 2 * slack)


def _merged(old, new, k: int) -> tuple[np.ndarray, np.ndarray]:
    squares, rows = (np.concatenate(parts) for parts in zip(old, new, strict=True))
    order = np.lexsort((rows, squares))[:k]
    return squares[order], rows[order]
