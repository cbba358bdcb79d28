"""Rationales: the smallest connected part of a molecule that keeps its score.

All other atoms are hidden (``hiding``). A part keeps the share (F(part) - F(none)) / (F(all) -
F(none)) of the score F, of the networks' mean; the features beside the graph stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from molgnn.chem.packed import PackedGraphs
from molgnn.screen.explain.hiding import hidden
from molgnn.screen.explain.molecules import Molecules
from molgnn.screen.explain.pieces import Part, Skeleton
from molgnn.screen.explain.search import Search, run_together
from molgnn.screen.explain.target import Target, network_scores
from molgnn.screen.explain.wanted import Wanted

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

_NOTHING = 0.01  # of the score: less than that between all and none is nothing to keep


@dataclass(frozen=True)
class Rationale:
    """``atoms`` of the written text, ascending; what they are, the networks' ``score`` with all
    other atoms hidden, and the ``kept`` share of the score."""

    atoms: tuple[int, ...]
    smiles: str
    smarts: str
    score: float
    kept: float
    scored: int

    def to_json(self) -> dict:
        return vars(self) | {"atoms": list(self.atoms)}


def rationales(
    model: "Predictor", target: Target, read: Molecules, wanted: Wanted
) -> list[Rationale | None]:
    """One for each molecule, None where the score hardly differs from that of the hidden molecule,
    so that there is nothing to keep. The same for the same ``wanted.seed``."""
    graphs = read.graphs
    whole = network_scores(model, target, graphs)
    none = network_scores(model, target, hidden(graphs, np.ones(len(graphs.atoms), dtype=bool)))
    far = np.abs(whole - none) > _NOTHING * np.maximum(np.abs(whole), 1.0)
    searched = np.flatnonzero(far)
    searches = [
        Search(Skeleton(read.mols[i]), wanted.keep, wanted.walks, wanted.budget, wanted.seed)
        for i in searched
    ]

    def shares(pairs: Sequence[tuple[int, Part]]) -> np.ndarray:
        rows = searched[[number for number, _ in pairs]]
        found = network_scores(model, target, shown(graphs, rows, [part for _, part in pairs]))
        return (found - none[rows]) / (whole[rows] - none[rows])

    run_together(searches, shares)
    best: list[Rationale | None] = [None] * len(graphs)
    for i, search in zip(searched, searches, strict=True):
        best[i] = _rationale(search, read.traces[i].atoms, none[i], whole[i])
    return best


def shown(graphs: PackedGraphs, rows: np.ndarray, parts: Sequence[Part]) -> PackedGraphs:
    """For each part a copy of its molecule in which all else is hidden."""
    copies = graphs.select(rows)
    mask = np.ones(len(copies.atoms), dtype=bool)
    for start, part in zip(copies.atom_offsets, parts, strict=False):
        mask[start + np.fromiter(part, dtype=np.int64)] = False
    return hidden(copies, mask)


def _rationale(search: Search, places: np.ndarray, none: float, whole: float) -> Rationale:
    part = search.best()
    kept = search.shares[part]
    return Rationale(
        atoms=tuple(sorted(int(places[atom]) for atom in part)),
        smiles=search.skeleton.smiles(part),
        smarts=search.skeleton.smarts(part),
        score=float(none + kept * (whole - none)),
        kept=kept,
        scored=len(search.shares),
    )
