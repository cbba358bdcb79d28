"""Groups of similar molecules, and picks of different ones, by Tanimoto on packed bits.

No n x n matrix is ever held: what two molecules have in common is computed where it is needed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from molgnn.chem.fingerprint import popcount, tanimoto, words

_ROWS, _BLOCK, _BINS = 512, 4096, 256


class _Folded:
    """Fingerprints (B, W) uint8 ready to be compared at one similarity.

    Bits are added up in ``_BINS`` bins. The product of two such rows is at least the number of bits
    in both, so pairs whose product is too small are no neighbours; the others are counted exactly.
    """

    def __init__(self, bits: np.ndarray, similarity: float):
        self.similarity = similarity
        self.words = np.ascontiguousarray(words(bits).T)  # (B, K) uint64
        self.sizes = popcount(self.words).sum(axis=1, dtype=np.int64)
        self.bins = np.empty((len(bits), _BINS), dtype=np.float32)
        for start in range(0, len(bits), _BLOCK):
            some = slice(start, start + _BLOCK)
            each = np.unpackbits(bits[some], axis=1)
            each = np.pad(each, ((0, 0), (0, -each.shape[1] % _BINS)))
            each.reshape(len(each), -1, _BINS).sum(axis=1, dtype=np.float32, out=self.bins[some])
        # both >= s / (1 + s) (size + size), if both / (size + size - both) >= s
        self.needs = (self.sizes * (similarity / (1 + similarity))).astype(np.float32)

    def pairs(self, asked: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in ``asked`` and in ``others`` (indices of rows) of all neighbours."""
        bound = self.bins[asked] @ self.bins[others].T
        bound -= self.needs[asked][:, None]
        bound -= self.needs[others]
        rows, columns = np.nonzero(bound > -0.01)
        keep = [np.zeros(0, dtype=bool)]
        for start in range(0, len(rows), 1 << 16):
            some = slice(start, start + (1 << 16))
            keep.append(self._are_near(asked[rows[some]], others[columns[some]]))
        near = np.concatenate(keep)
        return rows[near], columns[near]

    def _are_near(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        both = popcount(self.words[ones] & self.words[others]).sum(axis=1, dtype=np.int64)
        either = self.sizes[ones] + self.sizes[others] - both
        return both / np.maximum(either, 1) >= self.similarity


def butina(bits: np.ndarray, similarity: float, threads: int = 1) -> np.ndarray:
    """Fingerprints (B, W) uint8 -> the cluster of each (B,) int64, from 0.

    The molecule with the most neighbours (Tanimoto at least ``similarity``) takes them all as its
    cluster, then the next of those that are left, by the neighbours that each had at first; ties go
    to the earlier molecule. Butina, J. Chem. Inf. Comput. Sci. 1999, doi:10.1021/ci9803381. Exact;
    time grows with B^2, memory with B, and the result does not depend on ``threads``.
    """
    folded = _Folded(bits, similarity)
    counts = _neighbour_counts(folded, threads)
    clusters = np.full(len(bits), -1, dtype=np.int64)
    order = np.argsort(-counts, kind="stable")
    for number, (centre, members) in enumerate(_centres(folded, order, counts, clusters)):
        clusters[members[clusters[members] < 0]] = number
        clusters[centre] = number
    return clusters


def _neighbour_counts(folded: _Folded, threads: int) -> np.ndarray:
    """Neighbours of each molecule (B,), itself not counted."""
    count = len(folded.sizes)

    def counted(start: int) -> np.ndarray:
        asked, found = np.arange(start, min(start + _ROWS, count)), np.zeros(count, dtype=np.int32)
        for first in range(start, count, _BLOCK):
            others = np.arange(first, min(first + _BLOCK, count))
            rows, columns = folded.pairs(asked, others)
            upper = asked[rows] < others[columns]
            found[asked] += np.bincount(rows[upper], minlength=len(asked))
            found[others] += np.bincount(columns[upper], minlength=len(others))
        return found

    total = np.zeros(count, dtype=np.int64)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for found in pool.map(counted, range(0, count, _ROWS)):
            total += found
    return total


def _centres(
    folded: _Folded, order: np.ndarray, counts: np.ndarray, clusters: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Each centre in its order, and its neighbours; who was put into a cluster is none any more.
    Candidates are compared many at a time, with those that are free by then."""
    first = 0
    while first < len(order):
        free = order[first:][clusters[order[first:]] < 0]
        asked, first = free[:_ROWS], first + _taken(order[first:], free[:_ROWS])
        alone = counts[asked] == 0
        near: dict[int, list[np.ndarray]] = {}
        for start in range(0, len(free), _BLOCK):
            others = free[start : start + _BLOCK]
            rows, columns = folded.pairs(asked[~alone], others)
            ends = np.searchsorted(rows, np.arange(1, (~alone).sum()))
            for i, part in zip(asked[~alone], np.split(columns, ends), strict=False):
                near.setdefault(int(i), []).append(others[part])
        for i in asked.tolist():
            if clusters[i] < 0:
                yield i, np.concatenate(near.get(i) or [np.zeros(0, dtype=np.int64)])


def _taken(order: np.ndarray, asked: np.ndarray) -> int:
    """How far in the order the last of ``asked`` stands; all of it where nobody is asked."""
    return int(np.flatnonzero(order == asked[-1])[0]) + 1 if len(asked) else len(order)


def maxmin(bits: np.ndarray, count: int) -> np.ndarray:
    """Fingerprints (B, W) uint8 -> rows of ``count`` different molecules (<= B), in their order.

    The first row comes first; each further pick is the one whose nearest pick is the least similar
    (Tanimoto), ties go to the earlier row. Ashton et al., Quant. Struct.-Act. Relat. 2002,
    doi:10.1002/qsar.200290002.
    """
    if not len(bits) or count < 1:
        return np.zeros(0, dtype=np.int64)
    known = words(bits)
    picks, nearest = [0], np.full(len(bits), -1.0)
    while len(picks) < min(count, len(bits)):
        last = picks[-1]
        for start in range(0, len(bits), _BLOCK):
            some = slice(start, start + _BLOCK)
            each = tanimoto(known[:, last : last + 1], np.ascontiguousarray(known[:, some]))[0]
            np.maximum(nearest[some], each, out=nearest[some])
        nearest[last] = np.inf  # never again, nor where all that is left equals a pick
        picks.append(int(nearest.argmin()))
    return np.array(picks, dtype=np.int64)
