"""Graph convolution: each atom the weighted mean of itself and its neighbours."""

from torch import Tensor, nn

from molgnn.nn.depth import Stack
from molgnn.nn.embed import BondedAtoms
from molgnn.nn.shift import Shift


class GCNEncoder(nn.Module):
    """H <- relu(S H W + b), S = D^-1/2 (A + I) D^-1/2 with D the row sums of A + I.

    Kipf and Welling 2017, arXiv:1609.02907, equation 2. S has no room for bond features: they
    enter through ``BondedAtoms``. ``residual`` adds a layer's input to its output.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 300,
        depth: int = 3,
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = False,
        jk: str = "last",
    ):
        super().__init__()
        self.start = BondedAtoms(atom_sizes, bond_sizes, dim)
        layers = [GCNLayer(dim) for _ in range(depth)]
        self.stack = Stack(layers, dim, dropout, norm, residual, jk)
        self.out_dim = self.stack.out_dim

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        h = self.start(x, edge_index, edge_attr)
        return self.stack(h, Shift("symmetric", edge_index, h, loops=True))


class GCNLayer(nn.Module):
    """S H W + b."""

    def __init__(self, dim: int):
        super().__init__()
        self.linear = nn.Linear(dim, dim)

    def forward(self, h: Tensor, shift: Shift) -> Tensor:
        """h (N, D) -> (N, D)."""
        return self.linear(shift(h))
