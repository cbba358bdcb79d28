"""Integrated gradients: what each atom and bond adds to the score, on the way from hidden to there.

a_i = (e_i - b_i) . int_0^1 dF/de_i (b + t (e - b)) dt, for the embedding sums e of all atoms and
bonds at once and their baseline b, the embeddings of hidden ones (``hiding``). Sundararajan et al.
2017, arXiv:1703.01365. By the chain rule that is the integral of dF/dt_i, where t_i is how far atom
or bond i has come (``paths``): one number for each, whatever the width and however many tables.

Completeness: all a_i sum to F(e) - F(b). The integral is a Gauss-Legendre sum, with ever more
points for the molecules whose sum is off by more than the tolerance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from molgnn.chem.packed import PackedGraphs, ranges
from molgnn.data.batch import to_batch
from molgnn.nn.mpnn import MPNNEncoder
from molgnn.screen.explain.paths import Stand, logits_at
from molgnn.screen.explain.target import Target, network_weights

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

POINTS = (8, 16, 32, 64, 128, 256, 512, 2048)
TOLERANCE = 0.01  # of score minus baseline
_LEAST = 1e-5  # of the score: below, a difference is rounding
_ATOMS = 8192  # in one forward pass
_ATOMS_MATRICES = 1024  # where each bond has a matrix


@dataclass(frozen=True)
class Attributions:
    """Of B molecules with N atoms and M bonds in all, float64: ``atoms`` (N,), ``bonds`` (M,),
    ``features`` (B,) of those beside the graph, ``score`` and ``baseline`` (B,); ``points`` (B,)
    says how many of the path each took."""

    atoms: np.ndarray
    bonds: np.ndarray
    features: np.ndarray
    score: np.ndarray
    baseline: np.ndarray
    points: np.ndarray
    graphs: PackedGraphs

    @property
    def gap(self) -> np.ndarray:
        """(B,) by how much the sum of a molecule's attributions misses score minus baseline."""
        total = _sums(self.atoms, self.graphs.num_atoms) + _sums(self.bonds, self.graphs.num_bonds)
        return total + self.features - (self.score - self.baseline)


def attribute(
    model: "Predictor",
    target: Target,
    graphs: PackedGraphs,
    tolerance: float = TOLERANCE,
    points: tuple[int, ...] = POINTS,
) -> Attributions:
    """Attributions by the networks of ``model``, of their mean score. Each molecule has the first
    of the numbers of ``points`` that is complete within ``tolerance``, or else the last."""
    everyone, ends = np.arange(len(graphs)), np.array([0.0, 1.0])
    score, baseline = np.zeros(len(graphs)), np.zeros(len(graphs))
    for rows, stand, values, _ in _passes(model, target, graphs, everyone, ends, ends):
        there = stand == 1
        score[rows[there]] += values[there]
        baseline[rows[~there]] += values[~there]
    found = Attributions(
        np.zeros(len(graphs.atoms)), np.zeros(len(graphs.bonds)), np.zeros(len(graphs)),
        score, baseline, np.zeros(len(graphs), dtype=np.int64), graphs,
    )  # fmt: skip
    wanting = everyone
    for count in points:
        _integrate(model, target, wanting, count, found)
        allowed = np.maximum(tolerance * np.abs(score - baseline), _LEAST * np.abs(score))
        wanting = np.flatnonzero(np.abs(found.gap) > allowed)
        if not len(wanting):
            break
    return found


def _integrate(model, target, wanting: np.ndarray, count: int, found: Attributions) -> None:
    """Attributions of the molecules ``wanting``, anew, from ``count`` points."""
    graphs = found.graphs
    found.points[wanting] = count
    for values, offsets in (
        (found.atoms, graphs.atom_offsets),
        (found.bonds, graphs.bond_offsets),
        (found.features, np.arange(len(graphs) + 1)),
    ):
        values[ranges(offsets, wanting)[0]] = 0.0
    nodes, weights = np.polynomial.legendre.leggauss(count)
    for rows, _, _, slopes in _passes(
        model, target, graphs, wanting, (nodes + 1) / 2, weights / 2, slopes=True
    ):
        np.add.at(found.atoms, ranges(graphs.atom_offsets, rows)[0], slopes.atoms)
        np.add.at(found.bonds, ranges(graphs.bond_offsets, rows)[0], slopes.bonds)
        np.add.at(found.features, rows, slopes.features)


def _passes(model, target, graphs, molecules, nodes, weights, slopes=False) -> Iterator[tuple]:
    """Each molecule at each node, many in a pass, member by member: their rows and nodes, their
    scores times the member's weight, and the slopes times both weights."""
    rows = np.repeat(molecules, len(nodes))
    which = np.tile(np.arange(len(nodes)), len(molecules))
    dense = any(isinstance(member.encoder, MPNNEncoder) for member in model.members)
    most = _ATOMS_MATRICES if dense else _ATOMS
    before = np.cumsum(graphs.num_atoms[rows]) - graphs.num_atoms[rows]
    for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(before // most)) + 1):
        if not len(part):
            continue
        batch = to_batch(graphs.select(rows[part])).to(model.device)
        at = nodes[which[part]]
        for member, share in zip(model.members, network_weights(model), strict=True):
            weight = torch.from_numpy(weights[which[part]] * share)
            values, found = _slopes(member, target, batch, at, weight if slopes else None)
            yield rows[part], at, values * share, found


def _slopes(member, target, batch, at: np.ndarray, weight) -> tuple[np.ndarray, Stand | None]:
    """The scores (B,) of one member, and their weighted slopes, if there is a weight (B,)."""
    stand = torch.from_numpy(at).float().to(batch.x.device)
    bonds = batch.graph_id[batch.edge_index[0, : batch.edge_index.size(1) // 2]]
    parts = Stand(stand[batch.graph_id], stand[bonds], stand.clone())
    for part in parts if weight is not None else ():
        part.requires_grad_()
    with torch.set_grad_enabled(weight is not None):
        # In double precision on the CPU: Apple's devices have none.
        scores = target.score(logits_at(member, batch, parts).cpu().double())
    if weight is None:
        return scores.numpy(), None
    total = (scores * weight).sum()
    grads = torch.autograd.grad(total, parts, allow_unused=True, materialize_grads=True)
    return scores.detach().numpy(), Stand(*(grad.cpu().double().numpy() for grad in grads))


def _sums(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.bincount(np.repeat(np.arange(len(counts)), counts), values, minlength=len(counts))
