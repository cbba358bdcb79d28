"""Decision trees as flat arrays: from any library that grows them, applied and saved by us."""

from dataclasses import dataclass, fields

import numpy as np

from molgnn.errors import Refusal

_ROWS = 512  # molecules that go down all the trees at once


@dataclass(frozen=True)
class Trees:
    """T trees with N nodes in all, end to end; ``roots`` (T,) says where each begins.

    At node i a molecule goes to ``left[i]`` if its feature ``feature[i]`` is at most
    ``threshold[i]``, else to ``right[i]``; children come after their parent. A leaf has feature -1
    and holds ``values[i]`` (K,).
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, roots, feature, threshold, left, right, values) -> "Trees":
        """The arrays in the types in which they are kept. ``threshold`` is rounded down to single
        precision, which decides for single-precision features as the exact one does."""
        exact = np.asarray(threshold, dtype=np.float64)
        rounded = exact.astype(np.float32)
        low = np.nextafter(rounded, np.float32(-np.inf))
        return cls(
            np.asarray(roots, dtype=np.int32),
            np.asarray(feature, dtype=np.int32),
            np.where(rounded.astype(np.float64) > exact, low, rounded).astype(np.float32),
            np.asarray(left, dtype=np.int32),
            np.asarray(right, dtype=np.int32),
            np.asarray(values, dtype=np.float32),
        )

    def sums(self, x: np.ndarray) -> np.ndarray:
        """The sum of the leaves' values over all trees, for features x (n, F): (n, K) float64. A
        molecule's sum does not depend on the others."""
        return self._added(x, squares=False)[0]

    def sums_and_squares(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``sums`` (n, K), and the sums of the squares of the same values (n, K)."""
        found = self._added(x, squares=True)
        return found[0], found[1]

    def _added(self, x: np.ndarray, squares: bool) -> np.ndarray:
        """(1 + squares, n, K)."""
        found = np.zeros((1 + squares, len(x), self.values.shape[1]))
        for start in range(0, len(x), _ROWS):
            part = np.ascontiguousarray(x[start : start + _ROWS], dtype=np.float32)
            leaves, total = self.leaves(part), found[:, start : start + _ROWS]
            for tree in range(leaves.shape[1]):  # one after the other: the same order for every row
                values = self.values[leaves[:, tree]]
                total[0] += values
                if squares:
                    total[1] += values.astype(np.float64) ** 2
        return found

    def leaves(self, x: np.ndarray) -> np.ndarray:
        """The leaf of each molecule in each tree (n, T)."""
        nodes = np.broadcast_to(self.roots, (len(x), len(self.roots))).copy()
        rows, trees = np.indices(nodes.shape, sparse=True)
        rows, trees = (np.broadcast_to(a, nodes.shape).ravel() for a in (rows, trees))
        flat = nodes.ravel()
        going = np.flatnonzero(self.feature[flat] >= 0)
        while len(going):
            at = flat[going]
            low = x[rows[going], self.feature[at]] <= self.threshold[at]
            flat[going] = np.where(low, self.left[at], self.right[at])
            going = going[self.feature[flat[going]] >= 0]
        return flat.reshape(nodes.shape)

    def arrays(self) -> dict[str, np.ndarray]:
        return {field.name: getattr(self, field.name) for field in fields(Trees)}

    def check(self, num_features: int, width: int) -> None:
        """Raises Refusal for trees out of which a molecule would never come, or in which it would
        go where nothing is."""
        n, kinds = len(self.feature), [array.dtype for array in self.arrays().values()]
        sound = kinds == [np.int32, np.int32, np.float32, np.int32, np.int32, np.float32]
        shapes = [(len(self.roots),), *[(n,)] * 4, (n, width)]
        sound &= [array.shape for array in self.arrays().values()] == shapes and len(self.roots) > 0
        if sound:
            inner = np.flatnonzero(self.feature >= 0)
            children = np.stack([self.left[inner], self.right[inner]])
            sound &= bool((self.roots >= 0).all() and (self.roots < n).all())
            sound &= bool((self.feature >= -1).all() and (self.feature < num_features).all())
            sound &= bool((children > inner).all() and (children < n).all())
            sound &= bool(np.isfinite(self.values).all() and not np.isnan(self.threshold).any())
        if not sound:
            raise Refusal("its trees are damaged")


def concat(parts: list[Trees]) -> Trees:
    """All trees of the parts, in order."""
    shifts = np.cumsum([0, *(len(part.feature) for part in parts)])

    def joined(name: str, moved: bool) -> np.ndarray:
        arrays = [getattr(part, name) for part in parts]
        if moved:
            arrays = [array + shift for array, shift in zip(arrays, shifts, strict=False)]
        return np.concatenate(arrays).astype(getattr(parts[0], name).dtype)

    return Trees(
        **{f.name: joined(f.name, f.name in ("roots", "left", "right")) for f in fields(Trees)}
    )
