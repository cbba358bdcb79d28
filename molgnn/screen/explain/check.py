"""Do attributions find the atoms that count? Hide those they name, and as many at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from molgnn.chem.graph import featurize
from molgnn.chem.packed import PackedGraphs
from molgnn.errors import Refusal
from molgnn.screen.explain.gradients import attribute
from molgnn.screen.explain.hiding import hidden
from molgnn.screen.explain.target import network_scores, target_of

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

_DRAWS = 5  # of random atoms for each molecule


@dataclass(frozen=True)
class Deletion:
    """Mean absolute change of the score over ``molecules`` when the top atoms, or random ones, are
    hidden, and the one in multiples of the other."""

    ratio: float
    top: float
    random: float
    molecules: int


def deletion_ratio(
    model: "Predictor",
    smiles: Sequence[str],
    share: float = 0.2,
    seed: int = 0,
    target: str | None = None,
) -> Deletion:
    """Hide the ``share`` of each molecule's atoms with the largest |attribution|, at least one, and
    as many random ones; texts that are no molecule are left out. Raises Refusal for a model without
    a network, and for no molecule."""
    if not 0 < share < 1:
        raise Refusal(f"share={share}: must be above 0 and below 1")
    graphs, what = featurize(smiles, model.recipe, model.blocks)[0], target_of(model, target)
    if not model.members or not len(graphs):
        raise Refusal("a deletion check needs a model with a network, and molecules")
    named = np.abs(attribute(model, what, graphs).atoms)
    rng = np.random.default_rng(seed)
    whole = network_scores(model, what, graphs)

    def change(ranks: np.ndarray) -> float:
        return np.abs(whole - network_scores(model, what, _less(graphs, ranks, share))).mean()

    top = change(named)
    random = np.mean([change(rng.random(len(graphs.atoms))) for _ in range(_DRAWS)])
    ratio = float(top / random) if random > 0 else float("nan")
    return Deletion(ratio, float(top), float(random), len(graphs))


def _less(graphs: PackedGraphs, ranks: np.ndarray, share: float) -> PackedGraphs:
    """Without the atoms whose ``ranks`` (N,) are the highest of their molecule."""
    mask = np.zeros(len(graphs.atoms), dtype=bool)
    for start, count in zip(graphs.atom_offsets, graphs.num_atoms, strict=False):
        hide = max(1, round(share * count))
        mask[start + np.argsort(-ranks[start : start + count], kind="stable")[:hide]] = True
    return hidden(graphs, mask)
