"""Graph attention: an atom decides how much it takes from each neighbour."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molgnn.errors import Refusal
from molgnn.nn.depth import Stack
from molgnn.nn.embed import FieldEmbedding, both_ways
from molgnn.nn.neighbours import softmax_at, sum_at


class GATEncoder(nn.Module):
    """h_v <- relu(sum_{u in N(v) + v} a_uv m_uv + b), m_uv = W h_u + e_uv,
    a_uv = softmax_u(w . leaky_relu(V h_v + m_uv)), for each of ``heads`` parts of the channels.

    Velickovic et al. 2018, arXiv:1710.10903, with w after leaky_relu as Brody et al. 2022,
    arXiv:2105.14491, have it (GATv2): before it, all atoms would rank their neighbours alike. Bond
    features are in the message and so in its weight, a table for each layer; an atom's own message
    has none. ``residual`` adds a layer's input to its output. Raises Refusal unless ``heads``
    divides ``dim``.
    """

    def __init__(
        self,
        atom_sizes,
        bond_sizes,
        dim: int = 300,
        depth: int = 3,
        heads: int = 4,
        dropout: float = 0.0,
        norm: str = "none",
        residual: bool = False,
        jk: str = "last",
    ):
        super().__init__()
        if dim % heads:
            raise Refusal(f"encoder.heads={heads}: must divide encoder.dim={dim}")
        self.atom_in = FieldEmbedding(atom_sizes, dim)
        layers = [AttentionLayer(bond_sizes, dim, heads) for _ in range(depth)]
        self.stack = Stack(layers, dim, dropout, norm, residual, jk)
        self.out_dim = self.stack.out_dim

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        return self.stack(self.atom_in(x), edge_index, edge_attr)


class AttentionLayer(nn.Module):
    """sum_u a_uv m_uv + b: W is ``source``, V is ``target``, w is ``score`` (heads, D / heads)."""

    def __init__(self, bond_sizes, dim: int, heads: int):
        super().__init__()
        self.bond_in = FieldEmbedding(bond_sizes, dim)
        self.source, self.target = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.score = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, dim // heads)))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """h (N, D), edge_index (2, E), edge_attr (E, 3) -> (N, D)."""
        sent = self.source(h)
        bonded = sent.index_select(0, edge_index[0]) + both_ways(self.bond_in, edge_attr)
        message = torch.cat([bonded, sent])
        target = torch.cat([edge_index[1], torch.arange(len(h), device=h.device)])
        share = softmax_at(self._scores(message, h, target), target, len(h))
        parts = message.view(-1, *self.score.shape) * share.unsqueeze(-1)
        return sum_at(parts.flatten(1), target, len(h)) + self.bias

    def _scores(self, message: Tensor, h: Tensor, target: Tensor) -> Tensor:
        """message (E + N, D) -> (E + N, heads)."""
        met = F.leaky_relu(message + self.target(h).index_select(0, target), 0.2)
        return (met.view(-1, *self.score.shape) * self.score).sum(dim=-1)
