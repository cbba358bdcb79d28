"""The general graph filter: a polynomial of a shift, with weights that are learnt."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from molgnn.errors import Refusal, choices
from molgnn.nn.depth import Stack
from molgnn.nn.embed import BondedAtoms
from molgnn.nn.shift import SHIFTS, Shift

BASES = ("monomial", "chebyshev")


class GraphFilterEncoder(nn.Module):
    """H <- relu(sum_{k<K} P_k(S) H W_k + b), P_k(S) = S^k or Chebyshev's T_k(S); K is ``taps``.

    Gama et al. 2020, arXiv:2003.03777. ``shift`` is S, ``loops`` puts A + I in it for A.
    GCN, SGC and ChebNet are special cases, which the tests prove. ``mix=false`` takes each channel
    as a signal of its own, with a number for each tap in the place of a matrix. A layer reaches
    K - 1 bonds far. S has no room for bond features: they enter through ``BondedAtoms``.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 300,
        depth: int = 3,
        taps: int = 3,
        shift: str = "symmetric",
        loops: bool = False,
        basis: str = "monomial",
        mix: bool = True,
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = False,
        jk: str = "last",
    ):
        super().__init__()
        self.shift, self.loops = _shift(shift, basis), loops
        self.start = BondedAtoms(atom_sizes, bond_sizes, dim)
        layers = [
            GraphFilter(dim, dim, taps, basis) if mix else ChannelFilter(dim, taps, basis)
            for _ in range(depth)
        ]
        self.stack = Stack(layers, dim, dropout, norm, residual, jk)
        self.out_dim = self.stack.out_dim

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        h = self.start(x, edge_index, edge_attr)
        return self.stack(h, Shift(self.shift, edge_index, h, self.loops))


class GraphFilter(nn.Module):
    """Y = sum_{k<K} P_k(S) H W_k + b, from one or many features to one or many.

    W_k is ``linear.weight[:, k * in_dim : (k + 1) * in_dim].T``: one product for all taps.
    """

    def __init__(self, in_dim: int, out_dim: int, taps: int, basis: str = "monomial"):
        super().__init__()
        self.taps, self.basis = taps, basis
        self.linear = nn.Linear(taps * in_dim, out_dim)

    def forward(self, h: Tensor, shift: Shift) -> Tensor:
        """h (N, in_dim) -> (N, out_dim)."""
        return self.linear(torch.cat(list(terms(h, shift, self.taps, self.basis)), dim=1))


class ChannelFilter(nn.Module):
    """y = sum_{k<K} w_k P_k(S) h + b for each channel h by itself."""

    def __init__(self, dim: int, taps: int, basis: str = "monomial"):
        super().__init__()
        self.taps, self.basis = taps, basis
        self.weight = nn.Parameter(torch.empty(taps, dim).uniform_(-1, 1) / taps**0.5)
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Tensor, shift: Shift) -> Tensor:
        """h (N, D) -> (N, D)."""
        signals = zip(self.weight, terms(h, shift, self.taps, self.basis), strict=True)
        return sum((weight * signal for weight, signal in signals), self.bias)


def terms(h: Tensor, shift: Shift, taps: int, basis: str) -> Iterator[Tensor]:
    """P_0(S) h, ..., P_{taps-1}(S) h, each (N, D); T_{k+1}(S) = 2 S T_k(S) - T_{k-1}(S)."""
    before, now = h, h
    for tap in range(taps):
        if tap:
            moved = shift(now)
            first = tap == 1 or basis == "monomial"
            before, now = now, moved if first else 2 * moved - before
        yield now


def _shift(shift: str, basis: str) -> str:
    """The shift of that name as the basis needs it."""
    if shift not in SHIFTS:
        raise choices("shift", shift, SHIFTS)
    if basis not in BASES:
        raise choices("basis", basis, BASES)
    if basis == "chebyshev" and shift == "adjacency":
        raise Refusal(
            "basis=chebyshev needs a shift with eigenvalues in [-1, 1], which shift=adjacency "
            "has not: choose one of laplacian, random_walk, symmetric, or basis=monomial"
        )
    return "centred" if basis == "chebyshev" and shift == "laplacian" else shift
