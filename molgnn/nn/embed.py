"""Embedding sums: the first layer, from integer codes to vectors.

A linear layer on concatenated one-hot fields is the same function; this one reads a few rows of a
table instead of multiplying by a matrix that is mostly zeros.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
