"""What the encoder does not get to see: hidden atoms with their bonds, and what would tell of them.

A hidden field has the field's last code, ``other``: a value that it does not know either.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from molgnn.chem.fields import ATOM_FIELDS, BOND_FIELDS
from molgnn.chem.packed import PackedGraphs, offsets_of
from molgnn.train.pretrain.options import TermOptions

HIDDEN_ATOM = np.array([field.other for field in ATOM_FIELDS], dtype=np.uint8)
HIDDEN_BOND = np.array([field.other for field in BOND_FIELDS], dtype=np.uint8)
_TELLING = ("degree", "num_hs", "hybridization", "is_aromatic", "is_in_ring")
TELLING = [i for i, field in enumerate(ATOM_FIELDS) if field.name in _TELLING]


class Corrupted(NamedTuple):
    """The graphs as the encoder sees them, the rows of atoms that are decoded, (K,) int64, and
    whether each of them was hidden, (K,) bool."""

    graphs: PackedGraphs
    decoded: np.ndarray
    hidden: np.ndarray


def corrupt(graphs: PackedGraphs, terms: TermOptions, rng: np.random.Generator) -> Corrupted:
    """Hide atoms and take bonds away as ``terms`` say; the given graphs stay as they are."""
    hidden = rng.random(len(graphs.atoms)) < terms.mask
    shown = ~hidden & (rng.random(len(graphs.atoms)) < terms.shown)
    decoded = np.flatnonzero(hidden | shown)
    if not hidden.any():
        return Corrupted(graphs, decoded, hidden[decoded])
    shift = np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)
    ends = graphs.bond_ends + shift[:, None]
    touched = hidden[ends].any(axis=1)
    gone = touched & (rng.random(len(ends)) < terms.drop)
    atoms, bonds = graphs.atoms.copy(), graphs.bonds.copy()
    atoms[np.ix_(np.unique(ends[gone]), TELLING)] = HIDDEN_ATOM[TELLING]
    atoms[hidden] = HIDDEN_ATOM
    bonds[touched] = HIDDEN_BOND
    seen = replace(graphs, atoms=atoms, bonds=bonds)
    return Corrupted(_without(seen, gone), decoded, hidden[decoded])


def _without(graphs: PackedGraphs, gone: np.ndarray) -> PackedGraphs:
    """Without the bonds where ``gone`` (M,) is true."""
    owner = np.repeat(np.arange(len(graphs)), graphs.num_bonds)
    counts = np.bincount(owner[~gone], minlength=len(graphs))
    return replace(
        graphs,
        bond_ends=graphs.bond_ends[~gone],
        bonds=graphs.bonds[~gone],
        bond_offsets=offsets_of(counts),
    )
