"""Message passing with an edge network and a gated update."""

import torch
from torch import Tensor, nn

from molgnn.nn.depth import jump, norm_layer
from molgnn.nn.embed import FieldEmbedding


class MPNNEncoder(nn.Module):
    """m_v = sum_{u in N(v)} A(e_uv) h_u;  h_v <- GRU(m_v, h_v), the same weights at each step.

    A is a network from bond features to D x D matrices. Gilmer et al. 2017, arXiv:1704.01212,
    section 5. It equals PyG's ``NNConv`` + ``GRU``, but runs A once for each *kind* of bond in
    the batch, of which molecules have about ten, instead of once for each bond.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 128,
        depth: int = 4,
        edge_hidden: int = 32,
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = False,
        jk: str = "last",
    ):
        super().__init__()
        self.depth, self.residual = depth, residual
        self.atom_in = FieldEmbedding(atom_sizes, dim)
        self.edge_network = nn.Sequential(
            FieldEmbedding(bond_sizes, edge_hidden), nn.ReLU(), nn.Linear(edge_hidden, dim * dim)
        )
        self.bias = nn.Parameter(torch.zeros(dim))
        self.update = nn.GRUCell(dim, dim)
        self.norms = nn.ModuleList(norm_layer(norm, dim) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        self.jump, self.out_dim = jump(jk, dim, depth)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        h = torch.relu(self.atom_in(x))
        kinds, kind = torch.unique(edge_attr, dim=0, return_inverse=True)
        matrices = self.edge_network(kinds).view(-1, h.size(1), h.size(1))
        edges = [edge_index[:, kind == k] for k in range(len(kinds))]
        states = []
        for norm in self.norms:
            message = self.bias.expand_as(h).clone()
            for (source, target), matrix in zip(edges, matrices, strict=True):
                message = message.index_add(0, target, h.index_select(0, source) @ matrix)
            new = norm(self.update(torch.relu(message), h))
            h = self.dropout(h + new if self.residual else new)
            states.append(h)
        return self.jump(states)
