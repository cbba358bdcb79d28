"""Readouts: pool the atom vectors of each molecule into one molecule vector.

``graph_id`` (N,) says which molecule an atom is in; B is passed in, so that no readout waits for
the GPU to count it. A molecule without atoms gives zeros. PyG is imported where it is used: that
takes as long as importing torch.
"""

import torch
from torch import Tensor, nn

from molgnn.nn.neighbours import largest_at, mean_at, sum_at


class MeanReadout(nn.Module):
    """h_m = (1 / |m|) sum_i h_i: independent of size, for intensive properties."""

    def __init__(self, dim: int):
        super().__init__()
        self.out_dim = dim

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, D)."""
        return mean_at(h, graph_id, num_graphs)


class MaxReadout(nn.Module):
    """h_m = max_i h_i: whether anywhere, independent of size."""

    def __init__(self, dim: int):
        super().__init__()
        self.out_dim = dim

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, D)."""
        return largest_at(h, graph_id, num_graphs)


class SumReadout(nn.Module):
    """h_m = (1 / scale) sum_i h_i, for properties that grow with the molecule.

    ``scale``, about the atoms of a drug-like molecule, keeps sums of the size of means: without it
    training is unstable and worse (notebooks/LOG.md).
    """

    def __init__(self, dim: int, scale: float = 20.0):
        super().__init__()
        self.out_dim, self.scale = dim, scale

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, D)."""
        return sum_at(h, graph_id, num_graphs) / self.scale


class MeanMaxReadout(nn.Module):
    """h_m = [mean_i h_i, max_i h_i]: how much on average, and whether anywhere."""

    def __init__(self, dim: int):
        super().__init__()
        self.out_dim = 2 * dim
        self.mean = MeanReadout(dim)

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, 2 D)."""
        mean, largest = self.mean(h, graph_id, num_graphs), largest_at(h, graph_id, num_graphs)
        return torch.cat([mean, largest], dim=-1)


class AttentionReadout(nn.Module):
    """h_m = sum_i softmax_i(w . h_i) h_i: soft attention, Li et al. 2016, arXiv:1511.05493."""

    def __init__(self, dim: int):
        super().__init__()
        from torch_geometric.nn.aggr import AttentionalAggregation

        self.out_dim = dim
        self.pool = AttentionalAggregation(nn.Linear(dim, 1))

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, D)."""
        return self.pool(h, graph_id, dim_size=num_graphs)


class Set2SetReadout(nn.Module):
    """An LSTM that attends to the atoms ``steps`` times: Vinyals et al. 2016, arXiv:1511.06391."""

    def __init__(self, dim: int, steps: int = 3):
        super().__init__()
        from torch_geometric.nn.aggr import Set2Set

        self.out_dim = 2 * dim
        self.pool = Set2Set(dim, processing_steps=steps)

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, 2 D)."""
        pooled = self.pool(h, graph_id, dim_size=num_graphs)
        atoms = sum_at(torch.ones_like(graph_id).unsqueeze(1), graph_id, num_graphs)
        return pooled * (atoms > 0)  # the LSTM alone would answer for an empty molecule
