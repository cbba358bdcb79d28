"""What lets a network go deep: normalisation, and jumping knowledge over the layers' states."""

from torch import Tensor, nn
from torch_geometric.nn import JumpingKnowledge

from molgnn.errors import choices

NORMS = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def norm_layer(name: str, dim: int) -> nn.Module:
    """(N, D) -> (N, D). Raises Refusal for an unknown name."""
    if name not in NORMS:
        raise choices("norm", name, NORMS)
    return nn.Identity() if name == "none" else NORMS[name](dim)


class Last(nn.Module):
    """Only the last state."""

    def forward(self, states: list[Tensor]) -> Tensor:
        return states[-1]


def jump(mode: str, dim: int, depth: int) -> tuple[nn.Module, int]:
    """The module that turns ``depth`` states (N, D) into one, and its width.

    ``last``; or ``cat`` and ``max`` of Xu et al. 2018, arXiv:1806.03536.
    """
    if mode not in ("last", "cat", "max"):
        raise choices("jk", mode, ("last", "cat", "max"))
    if mode == "last":
        return Last(), dim
    return JumpingKnowledge(mode), dim * depth if mode == "cat" else dim
