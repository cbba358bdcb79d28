"""What scoring with a D-MPNN costs, counted from its equations: arithmetic, and bytes moved."""

from typing import NamedTuple

import numpy as np

from molgnn.chem.packed import PackedGraphs
from molgnn.models.property import PropertyModel
from molgnn.nn.dmpnn import DMPNNEncoder


class Work(NamedTuple):
    """A molecule's mean: floating-point operations of the products, and bytes to and from the
    device's memory where no operation is fused with the next and no cache holds a state."""

    flop: float
    bytes: float


def counted(model: PropertyModel, graphs: PackedGraphs, width: int) -> Work:
    """``model`` has a D-MPNN without norms; ``width`` bytes hold a number of its states."""
    encoder = model.encoder
    assert isinstance(encoder, DMPNNEncoder)
    n = max(1, len(graphs))
    atoms, edges = len(graphs.atoms) / n, 2 * len(graphs.bonds) / n
    row, layers = encoder.out_dim, encoder.depth - 1
    linears = [module for module in model.head.modules() if hasattr(module, "in_features")]
    flop = 2 * row * row * edges * layers + 2 * encoder.gather.in_features * row * atoms
    flop += sum(2 * linear.in_features * linear.out_features for linear in linears)
    # In rows of states. First states: written. A layer: the start looked up (written), incoming
    # states summed (each read, sums written), product (sums and starts read, states written), relu
    # (read, written). Atoms: states summed (read, written), own row looked up (written), product
    # (2 read, written), relu (read, written); then read, written and read again at four bytes.
    edge_rows = edges + layers * (7 * edges + _incoming(graphs) / n) + edges
    atom_rows = 7 * atoms
    return Work(flop, row * (width * (edge_rows + atom_rows) + (width + 8) * atoms))


def _incoming(graphs: PackedGraphs) -> int:
    """How many states all edges receive: at an atom of degree d each of d edges from d - 1."""
    shift = np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)
    ends = graphs.bond_ends.astype(np.int64) + shift[:, None]
    degree = np.bincount(ends.ravel(), minlength=len(graphs.atoms))
    return int((degree * (degree - 1)).sum())
