"""Simple graph convolution: a GCN without what lies between its layers."""

from torch import Tensor, nn

from molgnn.nn.depth import jump, norm_layer
from molgnn.nn.embed import BondedAtoms
from molgnn.nn.shift import Shift


class SGCEncoder(nn.Module):
    """H = S^K X W + b, S = D^-1/2 (A + I) D^-1/2 with D the row sums of A + I; K is ``depth``.

    Wu et al. 2019, arXiv:1902.07153. S has no room for bond features: they enter through
    ``BondedAtoms``. ``norm`` and ``residual`` act on each S h, ``jk`` on S X to S^K X: with any of
    them it is more than the paper's power of S.
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
        self.out_dim, self.residual = dim, residual
        self.start = BondedAtoms(atom_sizes, bond_sizes, dim)
        self.norms = nn.ModuleList(norm_layer(norm, dim) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        self.jump, jump_dim = jump(jk, dim, depth)
        self.linear = nn.Linear(jump_dim, dim)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, D)."""
        h, states = self.start(x, edge_index, edge_attr), []
        shift = Shift("symmetric", edge_index, h, loops=True)
        for norm in self.norms:
            new = norm(shift(h))
            h = self.dropout(h + new if self.residual else new)
            states.append(h)
        return self.linear(self.jump(states))
