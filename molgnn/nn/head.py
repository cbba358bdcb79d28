"""Heads: from the vectors of molecules, atoms or bonds to the outputs of all their tasks."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from molgnn.errors import Refusal
from molgnn.nn.embed import FieldEmbedding


class MLPHead(nn.Module):
    """``layers`` hidden layers with relu and dropout, then one linear map to O outputs.

    With ``samples`` it can also be asked with so many dropout masks: Monte Carlo dropout, Gal and
    Ghahramani 2016, arXiv:1506.02142, of the head alone: encoder and readout are as without. The
    masks are over units and always the same, so that an output depends on its row and on nothing
    else. Raises Refusal for samples without dropout.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        hidden: int = 300,
        layers: int = 1,
        dropout: float = 0.0,
        samples: int = 0,
    ):
        super().__init__()
        self.out_dim, self.samples = out_dim, samples
        widths = [in_dim] + [hidden] * layers
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [nn.Dropout(dropout), nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*parts, nn.Dropout(dropout), nn.Linear(widths[-1], out_dim))
        if samples and not dropout:
            raise Refusal(f"head.samples={samples}: give head.dropout too, above 0")
        if samples == 1:
            raise Refusal("head.samples=1: one sample has no deviation: give 2 or more, or 0")
        for i, mask in enumerate(_masks(samples, widths, dropout)):
            self.register_buffer(f"masks_{i}", mask, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        """h (R, D), one row a molecule or an atom -> logits (R, O)."""
        return self.layers(h)

    def sampled(self, h: Tensor) -> Tensor:
        """h (R, D) -> logits (R, samples x O), those of the first mask first."""
        return torch.cat([self._masked(h, sample) for sample in range(self.samples)], dim=1)

    def _masked(self, h: Tensor, sample: int) -> Tensor:
        dropped = 0
        for part in self.layers:
            if isinstance(part, nn.Dropout):
                h = h * getattr(self, f"masks_{dropped}")[sample]
                dropped += 1
            else:
                h = part(h)
        return h


def _masks(samples: int, widths: Sequence[int], dropout: float) -> list[Tensor]:
    """For each width (samples, width): 0 for a unit that is dropped, else 1 / (1 - dropout)."""
    if not samples:
        return []
    draw = np.random.RandomState(0)  # unlike default_rng's, its numbers are fixed for good: NEP 19
    drawn = [draw.random_sample((samples, width)) for width in widths]
    return [torch.from_numpy((d >= dropout) / (1 - dropout)).float() for d in drawn]


def asked(head: nn.Module) -> Callable[..., Tensor]:
    """What predicts with a head: the head, or where it has ``samples`` all of these at once."""
    return head.sampled if getattr(head, "samples", 0) else head


class BondHead(nn.Module):
    """y_uv = head(h_u + h_v ‖ |h_u - h_v| ‖ e_uv): it plays no part which end is named first.

    ``head`` takes 3 D inputs; e_uv is the embedding sum of the bond's fields.
    """

    def __init__(self, head: nn.Module, dim: int, bond_sizes: Sequence[int]):
        super().__init__()
        self.head, self.bond_in = head, FieldEmbedding(bond_sizes, dim)
        self.out_dim, self.samples = head.out_dim, getattr(head, "samples", 0)

    def forward(self, h: Tensor, ends: Tensor, codes: Tensor) -> Tensor:
        """Atoms h (N, D), ends (2, M), bond codes (M, F) -> logits (M, O)."""
        return self.head(self._rows(h, ends, codes))

    def sampled(self, h: Tensor, ends: Tensor, codes: Tensor) -> Tensor:
        """The same with each of the head's masks -> logits (M, samples x O)."""
        return self.head.sampled(self._rows(h, ends, codes))

    def _rows(self, h: Tensor, ends: Tensor, codes: Tensor) -> Tensor:
        first, second = h[ends[0]], h[ends[1]]
        return torch.cat([first + second, (first - second).abs(), self.bond_in(codes)], dim=1)
