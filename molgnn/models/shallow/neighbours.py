"""The nearest training molecules by Tanimoto similarity of their Morgan fingerprints."""

from dataclasses import dataclass

import numpy as np

from molgnn.errors import Refusal

_ROWS = 512  # queries compared at once


@dataclass(frozen=True)
class Neighbours:
    """R reference molecules: ``bits`` (R, W / 8) uint8 as ``numpy.packbits`` packs them, and
    ``labels`` (R, K). A prediction is the mean label of the ``k`` most similar ones, of which each
    counts its similarity times its ``weight`` (R,); of equally similar ones the first are taken.

    Tanimoto: Rogers and Tanimoto 1960, doi:10.1126/science.132.3434.1115.
    """

    bits: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    k: int

    def outputs(self, counts: np.ndarray) -> np.ndarray:
        """Counts of substructures (n, W) -> mean labels (n, K) float64."""
        found = np.empty((len(counts), self.labels.shape[1]))
        known = np.unpackbits(self.bits, axis=1).astype(np.float32)
        sizes = known.sum(axis=1)
        for start in range(0, len(counts), _ROWS):
            asked = (counts[start : start + _ROWS] > 0).astype(np.float32)
            found[start : start + _ROWS] = self._means(asked, known, sizes)
        return found

    def _means(self, asked: np.ndarray, known: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        common = asked @ known.T  # whole numbers: exact, in whatever order they are added up
        union = asked.sum(axis=1)[:, None] + sizes - common
        similarity = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : self.k]
        weight = np.take_along_axis(similarity, nearest, axis=1).astype(np.float64) + 1e-9
        weight *= self.weight[nearest]
        return (weight[:, :, None] * self.labels[nearest]).sum(axis=1) / weight.sum(axis=1)[:, None]

    def arrays(self) -> dict[str, np.ndarray]:
        arrays = {"bits": self.bits, "labels": self.labels, "weight": self.weight}
        return arrays | {"k": np.array([self.k], dtype=np.int32)}

    def check(self, num_features: int, width: int) -> None:
        """Raises Refusal for arrays that do not fit each other."""
        rows = len(self.bits)
        kinds = [self.bits.dtype, self.labels.dtype, self.weight.dtype]
        sound = kinds == [np.uint8, np.float64, np.float64] and self.bits.shape == (
            rows,
            num_features // 8,
        )
        sound = sound and self.labels.shape == (rows, width) and 0 < self.k <= rows
        sound = sound and self.weight.shape == (rows,) and (self.weight > 0).all()
        if not (sound and np.isfinite(self.labels).all() and np.isfinite(self.weight).all()):
            raise Refusal("its nearest neighbours are damaged")
