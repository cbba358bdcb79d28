"""Embedding sums: the first layer, from integer codes to vectors.

A linear layer on concatenated one-hot fields is the same function; this one reads a few rows of a
table instead of multiplying by a matrix that is mostly zeros.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molgnn.nn.neighbours import sum_at


class FieldEmbedding(nn.Module):
    """h = sum_f W_f[code_f] for integer fields f with ``sizes[f]`` codes each."""

    def __init__(self, sizes: Sequence[int], dim: int):
        super().__init__()
        self.out_dim = dim
        self.weight = nn.Parameter(torch.empty(sum(sizes), dim))
        # As nn.Linear draws it for the one-hot input. A larger start memorises rare codes first.
        bound = sum(sizes) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        self.sizes = tuple(sizes)
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """codes (N, F) integer -> (N, D)."""
        return F.embedding_bag(codes + self.starts, self.weight, mode="sum")

    @torch.no_grad()
    def fill_unseen(self, counts: Sequence[Tensor]) -> None:
        """Codes that training never met take the mean of those it did, weighed by ``counts``.

        ``counts[f]`` (sizes[f],) says how often each code of field f occurred. Without this such a
        code would add the random vector that it started with to every prediction.
        """
        for rows, count in zip(self.weight.split(self.sizes), counts, strict=True):
            share = (count / count.sum().clamp(min=1)).to(rows)
            rows[count == 0] = share @ rows


class BondedAtoms(nn.Module):
    """h_v = W[x_v] + sum_{u in N(v)} V[e_uv]: atoms that know which bonds they have.

    For encoders that move atom vectors by a matrix, which has one number for a bond and no room for
    a vector. Without it an alkene and its stereoisomer would be one molecule to them. Which bond
    leads to which neighbour stays unknown, but both ends of a bond have it in their sums.
    """

    def __init__(self, atom_sizes: Sequence[int], bond_sizes: Sequence[int], dim: int):
        super().__init__()
        self.atoms = FieldEmbedding(atom_sizes, dim)
        self.bonds = FieldEmbedding(bond_sizes, dim)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, D)."""
        return self.atoms(x) + sum_at(both_ways(self.bonds, edge_attr), edge_index[1], len(x))


def both_ways(table: FieldEmbedding, edge_attr: Tensor) -> Tensor:
    """edge_attr (E, 3) -> (E, D): each bond is looked up once, for both of its directions."""
    bonds = table(edge_attr[: edge_attr.size(0) // 2])
    return torch.cat([bonds, bonds])
