"""Dictionary codes: few distinct atoms and bonds occur, so each becomes a small id.

A *word* is the tuple of codes of one atom, or of one bond, written as one integer in the mixed
radix of the sizes of its fields (``chem.fields``). Some 80 words cover the atoms of drug-like
libraries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.chem.packed import PackedGraphs

_ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads what differs in few bits (Knuth's golden ratio)

_FEW = 2048  # words: to sort these takes less than to make the table


@dataclass(frozen=True, slots=True)
class Coded:
    """N things: their distinct ``words`` (V,) int64, sorted, and the place of each in them,
    ``ids`` (N,), of the narrowest unsigned type."""

    words: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True, slots=True)
class CodedGraphs:
    """``PackedGraphs`` in codes: ``ends`` (M, 2) of the narrowest unsigned type, and the sizes of
    each molecule, ``num_atoms`` and ``num_bonds`` (B,)."""

    atoms: Coded
    bonds: Coded
    ends: np.ndarray
    num_atoms: np.ndarray
    num_bonds: np.ndarray

    def select(self, keep: np.ndarray) -> "CodedGraphs":
        """The molecules where ``keep`` (B,) is true."""
        atoms, bonds = np.repeat(keep, self.num_atoms), np.repeat(keep, self.num_bonds)
        return CodedGraphs(
            Coded(self.atoms.words, self.atoms.ids[atoms]),
            Coded(self.bonds.words, self.bonds.ids[bonds]),
            self.ends[bonds],
            self.num_atoms[keep],
            self.num_bonds[keep],
        )


def encode(graphs: PackedGraphs) -> CodedGraphs:
    """The same graphs in codes; ``tuples`` and the ids give every field back."""
    most = int(graphs.num_atoms.max(initial=0))
    return CodedGraphs(
        distinct(_words(graphs.atoms, ATOM_SIZES)),
        distinct(_words(graphs.bonds, BOND_SIZES)),
        graphs.bond_ends.astype(narrowest(most)),
        graphs.num_atoms,
        graphs.num_bonds,
    )


def distinct(words: np.ndarray) -> Coded:
    """The distinct values of ``words`` (N,) int64 >= 0, and each one's place among them.

    Hashes the words into a table, which costs a tenth of sorting many; sorts few words, and those
    of which two fall into one place. The result is the same.
    """
    if len(words) < _FEW:
        return _sorted(words)
    places = (words.astype(np.uint64) * _ODD) >> np.uint64(48)
    table = np.full(1 << 16, -1)
    table[places] = words
    if (table[places] != words).any():
        return _sorted(words)
    used = np.flatnonzero(table >= 0)
    used = used[np.argsort(table[used])]
    rank = np.empty(len(table), dtype=narrowest(len(used)))
    rank[used] = np.arange(len(used))
    return Coded(table[used], rank[places])


def _sorted(words: np.ndarray) -> Coded:
    values, ids = np.unique(words, return_inverse=True)
    return Coded(values, ids.astype(narrowest(len(values))))


def _words(codes: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Column by column: ``np.ravel_multi_index`` does the same at a third of the speed."""
    words = np.zeros(len(codes), dtype=np.int64)
    for column, size in zip(codes.T, sizes, strict=True):
        words *= size
        words += column
    return words


def tuples(words: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """The words (V,) as rows of codes (V, F) uint8."""
    return np.stack(np.unravel_index(words, sizes), axis=1).astype(np.uint8)


def recode(parts: Sequence[Coded]) -> tuple[np.ndarray, list[np.ndarray]]:
    """One vocabulary for all parts, sorted, and the ids of each part in it. It depends on what the
    parts hold together, not on how they are cut."""
    words = np.unique(np.concatenate([part.words for part in parts]))
    kind = narrowest(len(words))
    return words, [np.searchsorted(words, p.words).astype(kind)[p.ids] for p in parts]


def narrowest(count: int) -> type[np.unsignedinteger]:
    """The smallest unsigned type for the numbers 0 to count - 1."""
    return next(t for t in (np.uint8, np.uint16, np.uint32) if count <= np.iinfo(t).max + 1)
