"""Graph isomorphism network with bond features."""

import torch
from torch import Tensor, nn

from molgnn.nn.depth import jump, norm_layer
from molgnn.nn.embed import FieldEmbedding


class GINEncoder(nn.Module):
    """h_v <- MLP((1 + eps) h_v + sum_{u in N(v)} relu(h_u + e_uv)), each layer with its own MLP.

    Xu et al. 2019, arXiv:1810.00826, equation 4.1; bond features as in Hu et al. 2020,
    arXiv:1905.12265, a table for each layer. ``residual`` adds the layer's input to its output;
    ``jk`` is jumping knowledge.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 300,
        depth: int = 5,
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = True,
        jk: str = "last",
    ):
        super().__init__()
        from torch_geometric.nn import GINEConv  # here: its import takes as long as torch's

        self.residual = residual
        self.atom_in = FieldEmbedding(atom_sizes, dim)
        self.bond_in = nn.ModuleList(FieldEmbedding(bond_sizes, dim) for _ in range(depth))
        self.convs = nn.ModuleList(GINEConv(_mlp(dim), train_eps=True) for _ in range(depth))
        self.norms = nn.ModuleList(norm_layer(norm, dim) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        self.jump, self.out_dim = jump(jk, dim, depth)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        h = self.atom_in(x)
        half = edge_attr[: edge_attr.size(0) // 2]
        states = []
        for layer, (conv, norm, table) in enumerate(
            zip(self.convs, self.norms, self.bond_in, strict=True)
        ):
            bonds = table(half)
            new = norm(conv(h, edge_index, torch.cat([bonds, bonds])))
            if (
                layer < len(self.convs) - 1
            ):  # the last state may be negative: a readout wants both signs
                new = torch.relu(new)
            h = self.dropout(h + new if self.residual else new)
            states.append(h)
        return self.jump(states)


def _mlp(dim: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
