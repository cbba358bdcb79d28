"""All pairs of atoms within each molecule: which bond, if any, joins them.

Never a pair of two molecules: those are trivially apart. B molecules are laid out on a grid of L
places each, so that one batched product gives all their pairs; of these P are pairs i < j of atoms
that exist.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molgnn.chem.fields import BOND_FIELDS
from molgnn.chem.packed import PackedGraphs, offsets_of

TYPES = ("none", "single", "double", "triple", "aromatic")
_EVEN = 8  # places a molecule has: a multiple of it, so that products come in few shapes
_CODES = BOND_FIELDS[0].codes()


def _types() -> np.ndarray:
    """Bond code -> type; what is neither double, triple nor aromatic counts as single."""
    table = np.ones(BOND_FIELDS[0].size, dtype=np.int64)
    for kind, name in enumerate(TYPES[2:], 2):
        table[_CODES[name.upper()]] = kind
    return table


_TYPE_OF = _types()


class Pairs(NamedTuple):
    """``slots`` (N,) says where on the grid (B * L) each atom stands, ``places`` (P,) where in
    (B, L, L) each pair does, ``types`` (P,) is its bond as a number into ``TYPES``."""

    num_graphs: int
    length: int
    slots: Tensor
    places: Tensor
    types: Tensor
    graph_id: Tensor

    def to(self, device: torch.device) -> "Pairs":
        moved = (tensor.to(device, non_blocking=True) for tensor in self[2:])
        return Pairs(self.num_graphs, self.length, *moved)


def pairs_of(graphs: PackedGraphs) -> Pairs:
    """The pairs of a batch, molecule by molecule, (0, 1), (0, 2), ... (1, 2), ..."""
    sizes = graphs.num_atoms
    count, length = len(graphs), -(-int(sizes.max(initial=1)) // _EVEN) * _EVEN
    each = sizes * (sizes - 1) // 2
    starts = offsets_of(each)
    graph_id = np.repeat(np.arange(count), each)
    within = np.arange(starts[-1]) - starts[graph_id]
    i, j = _ends(within, sizes[graph_id])
    types = np.zeros(starts[-1], dtype=np.int64)
    owner = np.repeat(np.arange(count), graphs.num_bonds)
    low, high = np.sort(graphs.bond_ends, axis=1).T.astype(np.int64)
    types[starts[owner] + _number(low, high, sizes[owner])] = _TYPE_OF[graphs.bonds[:, 0]]
    atoms = np.repeat(np.arange(count), sizes)
    slots = np.arange(len(atoms)) - graphs.atom_offsets[atoms] + atoms * length
    arrays = (slots, (graph_id * length + i) * length + j, types, graph_id)
    return Pairs(count, length, *(torch.from_numpy(array) for array in arrays))


def _number(i: np.ndarray, j: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Where the pair i < j stands among those of a molecule with ``size`` atoms."""
    return i * (2 * size - i - 1) // 2 + j - i - 1


def _ends(number: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pair i < j of a number: what ``_number`` undoes."""
    width = 2 * size - 1
    i = ((width - np.sqrt(width**2 - 8.0 * number)) / 2).astype(np.int64)
    i -= _number(i, i + 1, size) > number  # the root may round up, or down
    i += _number(i + 1, i + 2, size) <= number
    return i, number - _number(i, i + 1, size) + i + 1


def on_grid(z: Tensor, pairs: Pairs) -> Tensor:
    """z (N, D) -> (B, L, D), zeros where there is no atom."""
    grid = z.new_zeros(pairs.num_graphs * pairs.length, z.size(1))
    return grid.index_copy(0, pairs.slots, z).view(pairs.num_graphs, pairs.length, z.size(1))


def inner_products(z: Tensor, pairs: Pairs) -> Tensor:
    """z_i . z_j of each pair, (N, D) -> (P,): the decoder of Kipf and Welling 2016,
    arXiv:1611.07308, before the sigmoid."""
    grid = on_grid(z, pairs)
    return torch.bmm(grid, grid.transpose(1, 2)).flatten().index_select(0, pairs.places)


class PairDecoder(nn.Module):
    """logit_r(i, j) = z_i^T W_r z_j / sqrt(D) + b_r with W_r symmetric, one form for each of
    ``TYPES``: DistMult's full cousin, as in Schlichtkrull et al. 2018, arXiv:1703.06103, eq. 6.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.forms = nn.Parameter(torch.randn(len(TYPES), dim, dim) * dim**-0.5)
        self.bias = nn.Parameter(torch.zeros(len(TYPES)))

    def forward(self, z: Tensor, pairs: Pairs) -> Tensor:
        """z (N, D) -> logits (5, P)."""
        grid, dim, length = on_grid(z, pairs), z.size(1), pairs.length
        forms = (self.forms + self.forms.transpose(1, 2)) * (0.5 * dim**-0.5)
        left = grid @ forms.permute(1, 0, 2).reshape(dim, -1)  # (B, L, 5 D)
        rows = left.view(len(grid), length * len(TYPES), dim)  # of atom i all types together
        logits = torch.bmm(rows, grid.transpose(1, 2))  # (B, 5 L, L), and no copy on the way
        row, column = pairs.places // length, pairs.places % length
        steps = torch.arange(len(TYPES), device=z.device).unsqueeze(1)
        picked = ((row * len(TYPES) + steps) * length + column).flatten()
        found = logits.flatten().index_select(0, picked).view(len(TYPES), -1)
        return found.float() + self.bias.unsqueeze(1)


def pair_frequencies(graphs: PackedGraphs) -> Tensor:
    """The share of each type among all pairs (5,), none below one in a million."""
    counts = torch.bincount(pairs_of(graphs).types, minlength=len(TYPES)).double()
    return (counts / counts.sum().clamp(min=1)).clamp(min=1e-6).float()


def type_weights(frequencies: Tensor) -> Tensor:
    """w_r = f_r^-1/2: what a pair of each type counts. Without weights "none" would drown the rest,
    with 1 / f_r one triple bond would count as thousands of pairs."""
    return frequencies.rsqrt()


def bond_types(logits: Tensor, frequencies: Tensor) -> Tensor:
    """The likeliest type of each pair, logits (5, P) -> (P,): the weights of training undone, as
    their optimum is at w_r p_r and not at p_r (Bayes' rule)."""
    return (logits - type_weights(frequencies).log().unsqueeze(1)).argmax(dim=0)


def balanced_nats(logits: Tensor, types: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of logits (R, P) with types (P,), each pair counted by the weight (R,) of its
    type, and divided by the weights of all."""
    own = weights[types]
    nats = F.nll_loss(torch.log_softmax(logits, dim=0).t(), types, reduction="none")
    return (nats * own).sum() / own.sum().clamp(min=1e-9)
