"""GraphSAGE: an atom beside a summary of its neighbours."""

import torch
from torch import Tensor, nn

from molgnn.errors import choices
from molgnn.nn.depth import Stack
from molgnn.nn.embed import FieldEmbedding, both_ways
from molgnn.nn.neighbours import largest_at, mean_at


class GraphSAGEEncoder(nn.Module):
    """h_v <- relu(W_1 h_v + W_2 mean_{u in N(v)} (h_u + e_uv) + b).

    Hamilton et al. 2017, arXiv:1706.02216, algorithm 1 without sampling: molecules are small.
    Bond features are added to the neighbour's message, a table for each layer. A mean does not say
    which bond leads to which neighbour; ``aggregate=max`` does: the pooling of equation 3,
    max_u relu(W_3 h_u + e_uv + c), in the place of the mean. ``residual`` adds a layer's input.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 300,
        depth: int = 3,
        aggregate: str = "mean",
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = False,
        jk: str = "last",
    ):
        super().__init__()
        if aggregate not in ("mean", "max"):
            raise choices("aggregate", aggregate, ("mean", "max"))
        self.atom_in = FieldEmbedding(atom_sizes, dim)
        layers = [SAGELayer(bond_sizes, dim, pool=aggregate == "max") for _ in range(depth)]
        self.stack = Stack(layers, dim, dropout, norm, residual, jk)
        self.out_dim = self.stack.out_dim

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        return self.stack(self.atom_in(x), edge_index, edge_attr)


class SAGELayer(nn.Module):
    """W_1 h_v + W_2 m_v + b, m_v the mean of the neighbours' messages or their largest values."""

    def __init__(self, bond_sizes, dim: int, pool: bool):
        super().__init__()
        self.bond_in = FieldEmbedding(bond_sizes, dim)
        self.pool = nn.Linear(dim, dim) if pool else None
        self.own = nn.Linear(dim, dim, bias=False)
        self.gather = nn.Linear(dim, dim)

    def forward(self, h: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """h (N, D), edge_index (2, E), edge_attr (E, 3) -> (N, D)."""
        source, target = edge_index
        sent = h if self.pool is None else self.pool(h)
        message = sent.index_select(0, source) + both_ways(self.bond_in, edge_attr)
        if self.pool is None:
            gathered = mean_at(message, target, len(h))
        else:
            gathered = largest_at(torch.relu(message), target, len(h))
        return self.own(h) + self.gather(gathered)
