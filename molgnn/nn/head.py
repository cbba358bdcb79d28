"""Heads: from the molecule vector to the outputs of all tasks."""

from itertools import pairwise

from torch import Tensor, nn


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
        """h (B, D) -> logits (B, O)."""
        return self.layers(h)
