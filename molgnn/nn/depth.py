"""What lets a network go deep: normalisation, residuals, and jumping knowledge over the states."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from molgnn.errors import choices

NORMS = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def norm_layer(name: str, dim: int) -> nn.Module:
    """(N, D) -> (N, D). Raises Refusal for an unknown name."""
    if name not in NORMS:
        raise choices("norm", name, NORMS)
    return nn.Identity() if name == "none" else NORMS[name](dim)


class Jump(nn.Module):
    """States (N, D) of all layers -> one: the last, all side by side, or the largest value."""

    def __init__(self, mode: str):
        super().__init__()
        self.mode = mode

    def forward(self, states: list[Tensor]) -> Tensor:
        if self.mode == "cat":
            return torch.cat(states, dim=1)
        return states[-1] if self.mode == "last" else torch.stack(states).amax(dim=0)


def jump(mode: str, dim: int, depth: int) -> tuple[nn.Module, int]:
    """The module that turns ``depth`` states (N, D) into one, and its width.

    ``last``; or ``cat`` and ``max`` of Xu et al. 2018, arXiv:1806.03536.
    """
    if mode not in ("last", "cat", "max"):
        raise choices("jk", mode, ("last", "cat", "max"))
    return Jump(mode), dim * depth if mode == "cat" else dim


class Stack(nn.Module):
    """h_{t+1} = dropout([h_t +] relu(norm(layer_t(h_t)))), and one state made of all by ``jump``.

    ``residual`` is the part in brackets. The last state has no relu: a readout wants both signs.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        dim: int,
        dropout: float,
        norm: str,
        residual: bool,
        jk: str,
    ):
        super().__init__()
        self.residual = residual
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(norm_layer(norm, dim) for _ in layers)
        self.dropout = nn.Dropout(dropout)
        self.jump, self.out_dim = jump(jk, dim, len(layers))

    def forward(self, h: Tensor, *graph) -> Tensor:
        """h (N, D), and what each layer takes beside it -> (N, out_dim)."""
        return self.jump(self.states(h, *graph))

    def states(self, h: Tensor, *graph) -> list[Tensor]:
        """Each layer's state, (N, D)."""
        states = []
        for layer, norm in zip(self.layers, self.norms, strict=True):
            new = norm(layer(h, *graph))
            if len(states) < len(self.layers) - 1:
                new = torch.relu(new)
            h = self.dropout(h + new if self.residual else new)
            states.append(h)
        return states
