"""Many molecules packed end to end as small integer arrays; numpy only, no RDKit."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from molgnn.chem.fields import ATOM_FIELDS, BOND_FIELDS


@dataclass(frozen=True)
class PackedGraphs:
    """B molecules with N atoms and M bonds in all, as flat arrays without padding.

    ``atoms`` (N, 9) uint8 and ``bonds`` (M, 3) uint8 hold the codes of ``chem.fields``;
    ``bond_ends`` (M, 2) int32 counts atoms from 0 within the molecule, each bond once;
    molecule b owns atoms ``atom_offsets[b]:atom_offsets[b + 1]``, and its bonds alike (int64).
    ``features`` (B, F) float32 are those of whole molecules (``chem.descriptors``), None without.
    """

    atoms: np.ndarray
    bond_ends: np.ndarray
    bonds: np.ndarray
    atom_offsets: np.ndarray
    bond_offsets: np.ndarray
    features: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.atom_offsets) - 1

    @property
    def num_atoms(self) -> np.ndarray:
        """(B,) atoms of each molecule."""
        return np.diff(self.atom_offsets)

    @property
    def num_bonds(self) -> np.ndarray:
        """(B,) bonds of each molecule."""
        return np.diff(self.bond_offsets)

    def select(self, rows: Sequence[int] | np.ndarray) -> "PackedGraphs":
        """The given molecules, in the given order; repeats are allowed."""
        rows = np.asarray(rows, dtype=np.int64)
        atom_rows, atom_offsets = ranges(self.atom_offsets, rows)
        bond_rows, bond_offsets = ranges(self.bond_offsets, rows)
        return PackedGraphs(
            self.atoms[atom_rows],
            self.bond_ends[bond_rows],
            self.bonds[bond_rows],
            atom_offsets,
            bond_offsets,
            None if self.features is None else self.features[rows],
        )

    def part(self, start: int, stop: int) -> "PackedGraphs":
        """Molecules start to stop - 1: the same arrays seen through a window, nothing copied."""
        atom_offsets = self.atom_offsets[start : stop + 1]
        bond_offsets = self.bond_offsets[start : stop + 1]
        atoms, bonds = slice(*atom_offsets[[0, -1]]), slice(*bond_offsets[[0, -1]])
        return PackedGraphs(
            self.atoms[atoms],
            self.bond_ends[bonds],
            self.bonds[bonds],
            atom_offsets - atom_offsets[0],
            bond_offsets - bond_offsets[0],
            None if self.features is None else self.features[start:stop],
        )

    @staticmethod
    def concat(parts: Sequence["PackedGraphs"]) -> "PackedGraphs":
        """All molecules of the parts, in order; with features if all parts have them."""
        if not parts:
            return empty()
        names = [name for name in ARRAYS if all(getattr(p, name) is not None for p in parts)]
        columns = {name: [getattr(part, name) for part in parts] for name in names}
        for name in ("atom_offsets", "bond_offsets"):
            counts = np.concatenate([np.diff(offsets) for offsets in columns[name]])
            columns[name] = [offsets_of(counts)]
        return PackedGraphs(**{name: np.concatenate(arrays) for name, arrays in columns.items()})


ARRAYS = tuple(field.name for field in fields(PackedGraphs))
GRAPH_ARRAYS = ARRAYS[:-1]  # without the features of whole molecules


def offsets_of(counts: np.ndarray) -> np.ndarray:
    """counts (B,) -> where each one starts and the last ends, (B + 1,) int64."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def ranges(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions start:stop of each chosen row, end to end, and the offsets of the result."""
    counts = offsets[rows + 1] - offsets[rows]
    new = offsets_of(counts)
    shift = np.repeat(offsets[rows] - new[:-1], counts)
    return np.arange(new[-1]) + shift, new


def empty() -> PackedGraphs:
    """No molecule."""
    none = np.zeros((0, len(ATOM_FIELDS)), np.uint8), np.zeros((0, len(BOND_FIELDS)), np.uint8)
    start = np.zeros(1, dtype=np.int64)
    return PackedGraphs(none[0], np.zeros((0, 2), np.int32), none[1], start, start)
