"""Hidden atoms and bonds: those of which a network is told nothing.

All codes of a hidden one are its fields' ``other``. Training gives such a code the mean of the
embeddings that it met (``nn.embed.fill_unseen``): a hidden atom is an average atom.
"""

from dataclasses import replace

import numpy as np

from molgnn.chem.fields import ATOM_FIELDS, BOND_FIELDS
from molgnn.chem.packed import PackedGraphs

OTHER_ATOM = np.array([field.other for field in ATOM_FIELDS], dtype=np.uint8)
OTHER_BOND = np.array([field.other for field in BOND_FIELDS], dtype=np.uint8)


def hidden(graphs: PackedGraphs, atoms: np.ndarray) -> PackedGraphs:
    """The same graphs without what their ``atoms`` (N,) bool are, nor the bonds of these."""
    shift = np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)
    bonds = atoms[graphs.bond_ends + shift[:, None]].any(axis=1)
    return replace(
        graphs,
        atoms=np.where(atoms[:, None], OTHER_ATOM, graphs.atoms),
        bonds=np.where(bonds[:, None], OTHER_BOND, graphs.bonds),
    )


def each_hidden(graphs: PackedGraphs) -> PackedGraphs:
    """N graphs: one for each atom, which is hidden in it."""
    molecules = np.repeat(np.arange(len(graphs)), graphs.num_atoms)
    copies = graphs.select(molecules)
    own = np.arange(len(molecules)) - graphs.atom_offsets[molecules]
    mask = np.zeros(len(copies.atoms), dtype=bool)
    mask[copies.atom_offsets[:-1] + own] = True
    return hidden(copies, mask)
