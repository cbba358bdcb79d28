"""Values at the three levels that a target can have: molecules, their atoms, their bonds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from molgnn.chem.packed import PackedGraphs, ranges

LEVELS = ("molecule", "atom", "bond")


@dataclass(frozen=True)
class Levels:
    """One array a level for B molecules with N atoms and M bonds in all, in the graphs' order.

    ``molecule`` (B, ...), ``atom`` (N, ...), ``bond`` (M, ...); a level without a column has width
    0. Molecule b owns rows ``atom_offsets[b]:atom_offsets[b + 1]`` of ``atom``; ``bond`` alike.
    """

    molecule: np.ndarray
    atom: np.ndarray
    bond: np.ndarray
    atom_offsets: np.ndarray
    bond_offsets: np.ndarray

    @classmethod
    def of(cls, graphs: PackedGraphs, **arrays: np.ndarray) -> "Levels":
        """The arrays given by level; one that is not given has no column."""
        sizes = zip(LEVELS, (len(graphs), len(graphs.atoms), len(graphs.bonds)), strict=True)
        full = {level: arrays.get(level, np.zeros((size, 0))) for level, size in sizes}
        return cls(**full, atom_offsets=graphs.atom_offsets, bond_offsets=graphs.bond_offsets)

    @classmethod
    def of_molecules(cls, values: np.ndarray) -> "Levels":
        """values (B, ...) of molecules, whose atoms and bonds play no part."""
        none, offsets = np.zeros((0, 0)), np.zeros(len(values) + 1, dtype=np.int64)
        return cls(values, none, none, offsets, offsets)

    def __getitem__(self, level: str) -> np.ndarray:
        return getattr(self, level)

    def __len__(self) -> int:
        return len(self.molecule)

    def map(self, change: Callable[[str, np.ndarray], np.ndarray]) -> "Levels":
        """``change(level, array)`` of each level; it keeps the number of rows."""
        arrays = {level: change(level, self[level]) for level in LEVELS}
        return Levels(**arrays, atom_offsets=self.atom_offsets, bond_offsets=self.bond_offsets)

    def select(self, rows: Sequence[int] | np.ndarray) -> "Levels":
        """The values of the given molecules, of their atoms and of their bonds, in that order."""
        rows = np.asarray(rows, dtype=np.int64)
        atoms, atom_offsets = ranges(self.atom_offsets, rows)
        bonds, bond_offsets = ranges(self.bond_offsets, rows)
        return Levels(
            self.molecule[rows], self.atom[atoms], self.bond[bonds], atom_offsets, bond_offsets
        )

    def spread(self, level: str, values: np.ndarray) -> np.ndarray:
        """values (B,), one a molecule, repeated for each row of ``level``."""
        return values if level == "molecule" else np.repeat(values, np.diff(self.offsets(level)))

    def offsets(self, level: str) -> np.ndarray:
        """Where each molecule's rows of ``level`` start, and the last ones end (B + 1,)."""
        if level == "molecule":
            return np.arange(len(self) + 1)
        return self.atom_offsets if level == "atom" else self.bond_offsets
