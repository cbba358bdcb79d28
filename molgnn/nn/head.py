"""Heads: from the vectors of molecules, atoms or bonds to the outputs of all their tasks."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from molgnn.nn.embed import FieldEmbedding


class MLPHead(nn.Module):
    """``layers`` hidden layers with relu and dropout, then one linear map to O outputs."""

    def __init__(
        self, in_dim: int, out_dim: int, hidden: int = 300, layers: int = 1, dropout: float = 0.0
    ):
        super().__init__()
        self.out_dim = out_dim
        widths = [in_dim] + [hidden] * layers
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [nn.Dropout(dropout), nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*parts, nn.Dropout(dropout), nn.Linear(widths[-1], out_dim))

    def forward(self, h: Tensor) -> Tensor:
        """h (R, D), one row a molecule or an atom -> logits (R, O)."""
        return self.layers(h)


class BondHead(nn.Module):
    """y_uv = head(h_u + h_v ‖ |h_u - h_v| ‖ e_uv): it plays no part which end is named first.

    ``head`` takes 3 D inputs; e_uv is the embedding sum of the bond's fields.
    """

    def __init__(self, head: nn.Module, dim: int, bond_sizes: Sequence[int]):
        super().__init__()
        self.head, self.bond_in = head, FieldEmbedding(bond_sizes, dim)
        self.out_dim = head.out_dim

    def forward(self, h: Tensor, ends: Tensor, codes: Tensor) -> Tensor:
        """Atoms h (N, D), ends (2, M), bond codes (M, F) -> logits (M, O)."""
        first, second = h[ends[0]], h[ends[1]]
        rows = [first + second, (first - second).abs(), self.bond_in(codes)]
        return self.head(torch.cat(rows, dim=1))
