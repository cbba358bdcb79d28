"""The first graph neural network: states that agree with their neighbours', at equilibrium."""

import torch
from torch import Tensor, nn

from molgnn.errors import Refusal
from molgnn.nn.depth import Stack
from molgnn.nn.embed import BondedAtoms, FieldEmbedding, both_ways
from molgnn.nn.equilibrium import attached, components, equilibrium
from molgnn.nn.neighbours import sum_at


class FixedPointEncoder(nn.Module):
    """z_v = tanh(W sum_{u in N(v)} g(e_uv) z_u / sqrt(d_u d_v) + U h_v + b), solved for z.

    Scarselli et al. 2009, doi:10.1109/TNN.2008.2005605. g in (0, 1), a table of bonds, and the
    spectral norm of W, at most ``contraction`` < 1, make this a contraction with one solution,
    which is reached from anywhere. It is iterated until no channel moves by ``tolerance``; after
    ``limit`` steps, more than 0.9 ever needs, it is a Refusal. An atom sees its whole molecule,
    less of it with distance. h is ``BondedAtoms`` (the labels of an atom and of its bonds, as in
    the paper), then the solution of the layer before: ``depth`` counts layers, with ``norm``,
    ``residual`` and ``jk`` over them. The gradient is implicit: its memory does not grow with the
    steps.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 300,
        depth: int = 1,
        contraction: float = 0.9,
        tolerance: float = 1e-6,
        limit: int = 300,
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = False,
        jk: str = "last",
    ):
        super().__init__()
        if not 0 < contraction < 1:
            raise Refusal(f"encoder.contraction={contraction}: must be above 0 and below 1")
        if not tolerance > 0:
            raise Refusal(f"encoder.tolerance={tolerance}: must be above 0")
        self.start = BondedAtoms(atom_sizes, bond_sizes, dim)
        layers = [
            FixedPointLayer(bond_sizes, dim, contraction, tolerance, limit) for _ in range(depth)
        ]
        self.stack = Stack(layers, dim, dropout, norm, residual, jk)
        self.out_dim = self.stack.out_dim

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        h = self.start(x, edge_index, edge_attr)
        return self.stack(h, edge_index, edge_attr, components(edge_index, len(x)))

    @torch.no_grad()
    def iterations(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """How many steps the molecule of each atom takes in each layer: -> (depth, N)."""
        graph = edge_index, edge_attr, components(edge_index, len(x))
        h = self.start(x, edge_index, edge_attr)
        inputs = [h, *self.stack.states(h, *graph)][:-1]
        layers = zip(self.stack.layers, inputs, strict=True)
        return torch.stack([layer.solved(h, *graph)[1] for layer, h in layers])


class FixedPointLayer(nn.Module):
    """h -> the z that solves the encoder's equation."""

    def __init__(self, bond_sizes, dim: int, contraction: float, tolerance: float, limit: int):
        super().__init__()
        self.contraction, self.tolerance, self.limit = contraction, tolerance, limit
        self.gate = FieldEmbedding(bond_sizes, dim)
        self.input = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.input.weight)
        self.weight = nn.Parameter(nn.init.orthogonal_(torch.empty(dim, dim)))

    def forward(
        self, h: Tensor, edge_index: Tensor, edge_attr: Tensor, component: Tensor
    ) -> Tensor:
        """h (N, D), edge_index (2, E), edge_attr (E, 3), component (N,) -> (N, D)."""
        return self.solved(h, edge_index, edge_attr, component)[0]

    def solved(self, h: Tensor, edge_index: Tensor, edge_attr: Tensor, component: Tensor) -> tuple:
        """As ``forward`` -> z (N, D), and the steps that the molecule of each atom took, (N,)."""
        drive = self.input(h)
        with torch.autocast(h.device.type, enabled=False):  # rounded steps would come to no rest
            parts = self._parts(drive, edge_index, edge_attr)
            until = component, self.tolerance, self.limit
            with torch.no_grad():
                start = torch.zeros_like(parts[1])
                z, steps = equilibrium(lambda z: step(z, *parts), start, *until)
            return attached(step, z, parts, *until), steps

    def _parts(self, drive: Tensor, edge_index: Tensor, edge_attr: Tensor) -> tuple[Tensor, ...]:
        """What ``step`` takes beside z, the same in each step."""
        weight = contracted(self.weight, self.contraction)
        # A loop fills a tile up, thousands on one atom: rounded sums of so many come to no rest.
        bond = (edge_index[0] != edge_index[1]).unsqueeze(1).to(weight.dtype)
        scale = sum_at(bond, edge_index[1], len(drive)).clamp(min=1).rsqrt()
        share = bond * scale[edge_index].prod(dim=0) * both_ways(self.gate, edge_attr).sigmoid()
        return weight, drive.to(weight.dtype), edge_index, share


def step(z: Tensor, weight: Tensor, drive: Tensor, edge_index: Tensor, share: Tensor) -> Tensor:
    """tanh(W sum_u s_uv z_u + drive_v): z, drive (N, D), weight (D, D), s = share (E, D)."""
    source, target = edge_index
    met = sum_at(z.index_select(0, source) * share, target, len(z))
    return torch.tanh(torch.addmm(drive, met, weight.t()))


def contracted(weight: Tensor, bound: float) -> Tensor:
    """weight (D, D), scaled down where its spectral norm could be above ``bound``.

    The norm's own bound is the Schatten norm tr((W'W)^64)^(1/128), at most D^(1/128) times as
    large (1.05 for 300): five squarings, smooth, and never too small as a power iteration is.
    """
    power, log_norm = weight, 0.0
    for k in range(6):
        power = power.t() @ power  # (W'W)^(2^k), but for its size
        size = power.norm().clamp(min=torch.finfo(weight.dtype).tiny)
        log_norm = log_norm + size.log() / 2 ** (k + 1)
        power = power / size
    return weight * (bound / log_norm.exp()).clamp(max=1)
