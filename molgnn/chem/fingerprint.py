"""Morgan fingerprints and Tanimoto similarity, on packed bits."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

_ROWS, _BLOCK = 64, 2048  # queries and references compared at once: 1 MB, which caches hold


def morgan(mols: Sequence[Chem.Mol], radius: int = 2, size: int = 2048) -> np.ndarray:
    """Bits as (B, size / 8) uint8, most significant bit first, as ``numpy.packbits`` packs them.

    Rogers and Hahn, J. Chem. Inf. Model. 2010, doi:10.1021/ci100050t (ECFP4 for radius 2).
    """
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
    rows = [np.packbits(generator.GetFingerprintAsNumPy(mol)) for mol in mols]
    return np.array(rows, dtype=np.uint8).reshape(len(rows), size // 8)


def nearest(
    queries: np.ndarray,
    references: np.ndarray,
    own: np.ndarray | None = None,
    *,
    rows: int = _ROWS,
    block: int = _BLOCK,
) -> tuple[np.ndarray, np.ndarray]:
    """For each query (Q, W) the nearest reference (R, W) by Tanimoto: similarity (Q,) and row (Q,).

    Tanimoto = bits in both / bits in either, 0 where neither has a bit (Rogers and Tanimoto 1960,
    doi:10.1126/science.132.3434.1115). Exact: ties go to the lower row, whatever ``rows`` (queries)
    and ``block`` (references) are compared at once; memory does not grow with Q x R. ``own`` (Q,)
    is the reference that does not count for a query, such as itself. Raises ValueError where there
    is no reference left.
    """
    if len(references) <= (own is not None):
        raise ValueError("no reference fingerprints")
    asked, known = words(queries), words(references)
    similarity, index = np.full(len(queries), -1.0), np.zeros(len(queries), dtype=np.int64)
    for start in range(0, len(references), block):
        part = np.ascontiguousarray(known[:, start : start + block])
        for first in range(0, len(queries), rows):
            some = slice(first, first + rows)
            each = tanimoto(asked[:, some], part)
            if own is not None:
                here, column = np.arange(len(each)), own[some] - start
                inside = (column >= 0) & (column < each.shape[1])
                each[here[inside], column[inside]] = -1.0
            best = each.argmax(axis=1)
            found = each[np.arange(len(each)), best]
            better = found > similarity[some]  # an equal one of an earlier block stays
            similarity[some] = np.where(better, found, similarity[some])
            index[some] = np.where(better, best + start, index[some])
    return similarity, index


def words(bits: np.ndarray) -> np.ndarray:
    """Bits (B, W) uint8 -> (ceil(W / 8), B) uint64, so that one word of all is one piece."""
    spare = -bits.shape[1] % 8
    return np.ascontiguousarray(np.pad(bits, ((0, 0), (0, spare)))).view(np.uint64).T.copy()


def tanimoto(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Words (K, q) and (K, r) -> similarities (q, r). The quotient of two small whole numbers is
    one and the same float64 wherever it is computed, so equal similarities are equal."""
    shape = asked.shape[1], known.shape[1]
    both = np.zeros(shape, dtype=np.min_scalar_type(64 * len(asked)))
    words, counts = np.empty(shape, dtype=np.uint64), np.empty(shape, dtype=np.uint8)
    for one, other in zip(asked, known, strict=True):
        np.bitwise_and(one[:, None], other, out=words)
        both += popcount(words, counts)
    either = _sizes(asked)[:, None] + _sizes(known) - both
    return np.divide(both, either, out=np.zeros(shape), where=either > 0)


def _sizes(bits: np.ndarray) -> np.ndarray:
    """Words (K, B) -> bits that are set (B,)."""
    return popcount(bits).sum(axis=0, dtype=np.int64)


def _count_by_table(words: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """``numpy.bitwise_count``, which numpy has since 2.0."""
    halves = np.ascontiguousarray(words).view(np.uint16).reshape(*words.shape, 4)
    return _TABLE[halves].sum(axis=-1, dtype=np.uint8, out=out)


_TABLE = np.unpackbits(np.arange(1 << 16, dtype=np.uint16)[:, None].view(np.uint8), axis=1).sum(
    axis=1, dtype=np.uint8
)
popcount = getattr(np, "bitwise_count", _count_by_table)
