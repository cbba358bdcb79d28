"""Directed message passing: hidden states live on directed bonds."""

import torch
from torch import Tensor, nn

from molgnn.nn.depth import jump, norm_layer
from molgnn.nn.embed import FieldEmbedding
from molgnn.nn.neighbours import sum_at


class DMPNNEncoder(nn.Module):
    """h^0_vw = W_i [x_v, e_vw];  m_vw = sum_{u in N(v)} h_uv - h_wv;
    h_vw = relu(h^0_vw + W_h m_vw).

    The atom vector is relu(W_o [x_v, sum_u h_uv]). Excluding the reverse bond keeps a message
    from walking straight back. Yang et al. 2019, arXiv:1904.01561, equations 3 to 7. ``depth``
    counts the bond states, so W_h is applied depth - 1 times, always with the same weights.
    ``residual`` adds h^{t-1}; ``jk`` chooses which of the depth states reach the atoms.
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
        self.out_dim = dim
        self.depth, self.residual = depth, residual
        self.atom_in = FieldEmbedding(atom_sizes, dim)
        self.bond_in = FieldEmbedding(bond_sizes, dim)
        self.message = nn.Linear(dim, dim)
        self.norms = nn.ModuleList(norm_layer(norm, dim) for _ in range(depth - 1))
        self.jump, jump_dim = jump(jk, dim, depth)
        self.atom_out = FieldEmbedding(atom_sizes, dim)
        self.gather = nn.Linear(jump_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, D). A lone atom keeps its own."""
        source, target = edge_index
        bonds = self.bond_in(edge_attr[: edge_attr.size(0) // 2])
        first = self.atom_in(x).index_select(0, source) + torch.cat([bonds, bonds])
        if torch.is_autocast_enabled(x.device.type):  # all states in the products' precision
            first = first.to(torch.get_autocast_dtype(x.device.type))
        state = torch.relu(first)
        states = [state]
        biased = first + self.message.bias.to(first.dtype)
        for norm in self.norms:
            incoming = Incoming.apply(state, source, target, len(x))
            new = norm(torch.addmm(biased, incoming, self.message.weight.t()).relu_())
            state = self.dropout(state + new if self.residual else new)
            states.append(state)
        arriving = sum_at(self.jump(states), target, len(x))
        return self.dropout(torch.relu(self.atom_out(x) + self.gather(arriving)))


class Incoming(torch.autograd.Function):
    """m_vw = sum_{u in N(v)} h_uv - h_wv, without the tensors between that autograd would keep.

    The map is linear, and its transpose is itself with source and target exchanged.
    ``incoming_plain`` is the same in plain operations: the oracle of its test.
    """

    @staticmethod
    def forward(ctx, state: Tensor, source: Tensor, target: Tensor, num_atoms: int) -> Tensor:
        ctx.save_for_backward(source, target)
        ctx.num_atoms = num_atoms
        return _incoming(state, source, target, num_atoms)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        source, target = ctx.saved_tensors
        return _incoming(gradient.contiguous(), target, source, ctx.num_atoms), None, None, None


def _incoming(state: Tensor, source: Tensor, target: Tensor, num_atoms: int) -> Tensor:
    half = state.size(0) // 2
    out = sum_at(state, target, num_atoms).index_select(0, source)
    out[:half] -= state[half:]
    out[half:] -= state[:half]
    return out


def incoming_plain(state: Tensor, source: Tensor, target: Tensor, num_atoms: int) -> Tensor:
    """state (E, D), source and target (E,) -> (E, D): what arrives at each bond's source."""
    return sum_at(state, target, num_atoms).index_select(0, source) - reverse(state)


def reverse(edges: Tensor) -> Tensor:
    """The state of each edge's reverse, (E, D) -> (E, D): the two halves change places."""
    half = edges.size(0) // 2
    return torch.cat([edges[half:], edges[:half]])
