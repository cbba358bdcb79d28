"""Readouts: pool the atom vectors of each molecule into one molecule vector.

``graph_id`` (N,) says which molecule an atom is in; B is passed in, so that no readout waits for
the GPU to count it. A molecule without atoms gives zeros.
"""

import torch
from torch import Tensor, nn
from torch_geometric.nn.aggr import AttentionalAggregation, Set2Set
from torch_geometric.utils import scatter


class ScatterReadout(nn.Module):
    """h_m = mean or max over the atoms i in m: independent of size, for intensive properties."""

    def __init__(self, dim: int, reduce: str):
        super().__init__()
        self.reduce = reduce
        self.out_dim = dim

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, D)."""
        return scatter(h, graph_id, dim_size=num_graphs, reduce=self.reduce)


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
        return scatter(h, graph_id, dim_size=num_graphs, reduce="sum") / self.scale


class MeanMaxReadout(nn.Module):
    """h_m = [mean_i h_i, max_i h_i]: how much on average, and whether anywhere."""

    def __init__(self, dim: int):
        super().__init__()
        self.out_dim = 2 * dim

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, 2 D)."""
        pooled = (scatter(h, graph_id, dim_size=num_graphs, reduce=r) for r in ("mean", "max"))
        return torch.cat(list(pooled), dim=-1)


class AttentionReadout(nn.Module):
    """h_m = sum_i softmax_i(w . h_i) h_i: soft attention, Li et al. 2016, arXiv:1511.05493."""

    def __init__(self, dim: int):
        super().__init__()
        self.out_dim = dim
        self.pool = AttentionalAggregation(nn.Linear(dim, 1))

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, D)."""
        return self.pool(h, graph_id, dim_size=num_graphs)


class Set2SetReadout(nn.Module):
    """An LSTM that attends to the atoms ``steps`` times: Vinyals et al. 2016, arXiv:1511.06391."""

    def __init__(self, dim: int, steps: int = 3):
        super().__init__()
        self.out_dim = 2 * dim
        self.pool = Set2Set(dim, processing_steps=steps)

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, D), graph_id (N,) -> (B, 2 D)."""
        pooled = self.pool(h, graph_id, dim_size=num_graphs)
        atoms = scatter(torch.ones_like(graph_id), graph_id, dim_size=num_graphs, reduce="sum")
        return pooled * (atoms > 0).unsqueeze(
            1
        )  # the LSTM alone would answer for an empty molecule
