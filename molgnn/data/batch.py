"""From packed graphs to the tensors of one batch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from molgnn.chem.packed import PackedGraphs


class GraphBatch(NamedTuple):
    """B molecules as one graph: see ``molgnn.nn`` for the shapes and the order of the edges;
    ``features`` (B, F) float32 are those of whole molecules, None without."""

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor
    graph_id: Tensor
    num_graphs: int
    features: Tensor | None = None

    def to(self, device: torch.device) -> "GraphBatch":
        if device.type == "cpu":
            return self
        tensors = (self.x, self.edge_index, self.edge_attr, self.graph_id)
        there = [t.to(device, non_blocking=True) for t in tensors]
        features = self.features
        features = None if features is None else features.to(device, non_blocking=True)
        return GraphBatch(*there, self.num_graphs, features)


def to_batch(graphs: PackedGraphs) -> GraphBatch:
    """All molecules of ``graphs`` in one batch: each bond in one direction, then in the other."""
    shift = np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)
    ends = graphs.bond_ends.astype(np.int64) + shift[:, None]
    bonds = torch.from_numpy(graphs.bonds.astype(np.int64))
    return GraphBatch(
        x=torch.from_numpy(graphs.atoms.astype(np.int64)),
        edge_index=torch.from_numpy(np.concatenate([ends, ends[:, ::-1]]).T.copy()),
        edge_attr=torch.cat([bonds, bonds]),
        graph_id=torch.from_numpy(np.repeat(np.arange(len(graphs)), graphs.num_atoms)),
        num_graphs=len(graphs),
        features=None if graphs.features is None else torch.from_numpy(graphs.features),
    )


def batch_rows(n: int, size: int, rng: np.random.Generator | None = None) -> Iterator[np.ndarray]:
    """Rows 0..n-1 in ceil(n / size) batches of even size, shuffled where ``rng`` is given.

    Even, because a last batch of one methane has no variance for a batch norm to divide by.
    """
    rows = np.arange(n) if rng is None else rng.permutation(n)
    return iter(np.array_split(rows, -(-n // size))) if n else iter(())


def padded(batch: GraphBatch, atoms: int = 256, bonds: int = 256) -> GraphBatch:
    """The batch with one molecule more behind, of lone atoms whose last has bonds with itself, so
    that the numbers of atoms and of bonds are multiples of ``atoms`` and ``bonds``.

    CPU libraries prepare a product anew for each shape: few shapes are a quarter faster in bf16.
    """
    own, edges = len(batch.x), batch.edge_index.size(1) // 2
    more = atoms - own % atoms  # one at least, for the bonds
    bonds_more = -edges % bonds
    last = own + more - 1
    loops = torch.full((2, bonds_more), last)
    index = batch.edge_index
    attr = F.pad(batch.edge_attr[:edges], (0, 0, 0, bonds_more))
    return GraphBatch(
        F.pad(batch.x, (0, 0, 0, more)),
        torch.cat([index[:, :edges], loops, index[:, edges:], loops], dim=1),
        torch.cat([attr, attr]),
        F.pad(batch.graph_id, (0, more), value=batch.num_graphs),
        batch.num_graphs + 1,
        None if batch.features is None else F.pad(batch.features, (0, 0, 0, 1)),
    )
