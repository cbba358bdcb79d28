"""Over-smoothing: how far apart the vectors of a molecule's atoms are.

Both measures are 0 where all atoms of a molecule have one vector, and only there. They are taken
in double precision and for each molecule by itself, with NaN where it has fewer than two atoms:
``nanmean`` is the mean over those that have a pair.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from molgnn.nn.neighbours import mean_at, sum_at

_BLOCK = 1 << 21  # values of the pairs in memory at once, 16 MB


@torch.no_grad()
def mean_pairwise_distance(h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
    """d_m = 2 / (n (n - 1)) sum_{i<j in m} |h_i - h_j|, n the atoms of m.

    h (N, D), graph_id (N,) in any order -> (B,) float64. The mean distance of Chen et al. 2020,
    arXiv:1909.03211, with Euclid's distance: theirs, of angles, calls h and 2 h the same. So it is
    a node-similarity measure by definition 1 of Rusch et al. 2023, arXiv:2303.10993. Memory grows
    with N D, never with n^2.
    """
    order = torch.argsort(graph_id, stable=True)
    h, graph_id = h.index_select(0, order), graph_id.index_select(0, order)
    atoms = torch.bincount(graph_id, minlength=num_graphs)
    total = torch.zeros(num_graphs, 1, dtype=torch.float64, device=h.device)
    for later, earlier in _pairs(graph_id, atoms, max(1, _BLOCK // max(1, h.size(1)))):
        # Not from products of the vectors, as cdist has it: nearly equal ones would cancel.
        apart = h.index_select(0, later).double() - h.index_select(0, earlier).double()
        distance = torch.linalg.vector_norm(apart, dim=1, keepdim=True)
        total += sum_at(distance, graph_id.index_select(0, later), num_graphs)
    pairs = atoms * (atoms - 1) / 2
    return total[:, 0] / torch.where(pairs > 0, pairs, torch.nan)


@torch.no_grad()
def relative_distance(h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
    """d_m / sqrt(mean_{i in m} |h_i|^2): the distance in units of the vectors' own length.

    h (N, D), graph_id (N,) -> (B,) float64, from 0 to 2. It stays as it is where a network makes
    all vectors smaller, which alone brings ``mean_pairwise_distance`` down; vectors of independent
    channels with mean 0 have about 1.4. Atoms that are all zero are alike: 0.
    """
    distance = mean_pairwise_distance(h, graph_id, num_graphs)
    length = mean_length(h, graph_id, num_graphs)
    return torch.where(distance == 0, 0.0, distance / length)


@torch.no_grad()
def mean_length(h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
    """sqrt(mean_{i in m} |h_i|^2), h (N, D), graph_id (N,) -> (B,) float64; 0 without atoms."""
    squares = h.double().square().sum(dim=1, keepdim=True)
    return mean_at(squares, graph_id, num_graphs)[:, 0].sqrt()


def _pairs(graph_id: Tensor, atoms: Tensor, block: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Each pair of atoms of one molecule once, ``block`` pairs at a time: rows (P,) and (P,).

    ``graph_id`` (N,) is sorted, ``atoms`` (B,) counts. An atom makes a pair with each one before
    it in its molecule, so pair p belongs to the atom that p falls to in the running sum.
    """
    row = torch.arange(len(graph_id), device=graph_id.device)
    first = (atoms.cumsum(0) - atoms).index_select(0, graph_id)
    ends = (row - first).cumsum(0)
    count = int(ends[-1]) if len(ends) else 0
    for start in range(0, count, block):
        pair = torch.arange(start, min(start + block, count), device=row.device)
        later = torch.searchsorted(ends, pair, right=True)
        yield later, ends[later] - pair + first[later] - 1
