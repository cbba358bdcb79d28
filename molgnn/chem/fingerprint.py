"""Morgan fingerprints and Tanimoto similarity, on packed bits."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator


def morgan(mols: Sequence[Chem.Mol], radius: int = 2, size: int = 2048) -> np.ndarray:
    """Bits as (B, size / 8) uint8, most significant bit first, as ``numpy.packbits`` packs them.

    Rogers and Hahn, J. Chem. Inf. Model. 2010, doi:10.1021/ci100050t (ECFP4 for radius 2).
    """
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
    rows = [np.packbits(generator.GetFingerprintAsNumPy(mol)) for mol in mols]
    return np.array(rows, dtype=np.uint8).reshape(len(rows), size // 8)


def nearest(queries: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each query (Q, W) the nearest reference (R, W) by Tanimoto: similarity (Q,) and row (Q,).

    Ties go to the lower row. Raises ValueError where there is no reference.
    """
    if len(references) == 0:
        raise ValueError("no reference fingerprints")
    known = [_bit_vector(row) for row in references]
    similarity, index = np.zeros(len(queries)), np.zeros(len(queries), dtype=np.int64)
    for i, row in enumerate(queries):
        all_ = DataStructs.BulkTanimotoSimilarity(_bit_vector(row), known)
        index[i] = int(np.argmax(all_))
        similarity[i] = all_[index[i]]
    return similarity, index


def _bit_vector(row: np.ndarray) -> DataStructs.ExplicitBitVect:
    bits = np.unpackbits(row)
    vector = DataStructs.ExplicitBitVect(len(bits))
    vector.SetBitsFromList(np.flatnonzero(bits).tolist())
    return vector
