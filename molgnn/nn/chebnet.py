"""Chebyshev convolution: a filter on the Laplacian's spectrum, which is never computed."""

from torch import Tensor, nn

from molgnn.nn.depth import Stack
from molgnn.nn.embed import BondedAtoms
from molgnn.nn.graph_filter import GraphFilter
from molgnn.nn.shift import Shift


class ChebNetEncoder(nn.Module):
    """H <- relu(sum_{k<K} T_k(L - I) H W_k + b), L = I - D^-1/2 A D^-1/2; K is ``taps``.

    Defferrard et al. 2016, arXiv:1606.09375, equation 4, with 2 as the bound of the eigenvalues. A
    layer reaches K - 1 bonds far. L has no room for bond features: they enter through
    ``BondedAtoms``. ``residual`` adds a layer's input to its output.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 300,
        depth: int = 3,
        taps: int = 3,
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = False,
        jk: str = "last",
    ):
        super().__init__()
        self.start = BondedAtoms(atom_sizes, bond_sizes, dim)
        layers = [GraphFilter(dim, dim, taps, "chebyshev") for _ in range(depth)]
        self.stack = Stack(layers, dim, dropout, norm, residual, jk)
        self.out_dim = self.stack.out_dim

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        h = self.start(x, edge_index, edge_attr)
        return self.stack(h, Shift("centred", edge_index, h))
