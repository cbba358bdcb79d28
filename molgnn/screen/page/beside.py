"""page.json: what the page shows and only the model can tell, so that the page needs no model.

Why the hits have their scores, where hits and library lie on a map, and what the model's card says.
All figures are small whole numbers: a picture shows no more.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.packed.packing import smiles_of
from molgnn.screen.page.places import places
from molgnn.screen.sample import Drawn
from molgnn.screen.stages import Hit

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor
    from molgnn.screen.explain.gradients import Attributions
    from molgnn.screen.explain.molecules import Molecules

FORMAT = 1
EXPLAINED = 100  # hits with colours: some seconds, for a network of ordinary size
TOLERANCE, POINTS = 0.05, (8, 16, 32, 64)  # of the integral: colours show no finer differences
_AT_ONCE = 20  # molecules, for which the forward passes are shared
FULL = 100  # the largest attribution of a molecule
NO_NETWORK = "the model has no network, so nothing flows back to the atoms"
NOT_ASKED = "the screen was run without (--no-explain)"


def beside(
    model: "Predictor", hits: Sequence[Hit], column: int, sample: Sequence[Drawn], explain: bool
) -> dict:
    """The plain data of page.json; ``column`` of the model's is the score. The first ``EXPLAINED``
    hits are explained, if ``explain`` and the model has networks."""
    texts = [smiles_of(hit.row.text) for hit in hits]
    return {
        "format": FORMAT,
        "card": _card(model),
        "why": _why(model, texts[:EXPLAINED], column, explain),
        "map": places(model, texts, sample),
    }


def _card(model: "Predictor") -> dict:
    """What the bundle's card says of training and figures; {} for a model without one."""
    from molgnn.models.card import in_short

    card = model.card
    if "model" not in card and "shallow" not in card:
        return {}
    data = card.get("data", {})
    kept = {key: data[key] for key in ("name", "split", "counts", "range") if key in data}
    figures = {part: _figures(found) for part, found in card.get("metrics", {}).items()}
    predicts = in_short({"members": 0} | card)
    return {"predicts": predicts, "data": kept, "metrics": {p: f for p, f in figures.items() if f}}


def _figures(found: object) -> dict:
    """Metric -> figure, four digits; anything else that may stand there is left out."""
    if not isinstance(found, dict):
        return {}
    return {
        name: float(f"{value:.4g}")
        for name, value in found.items()
        if isinstance(value, float) and np.isfinite(value)
    }


def _why(model: "Predictor", texts: list[str], column: int, explain: bool) -> dict:
    """``hits`` has the atoms' and bonds' shares for each rank that was explained, ``none`` says why
    there are none."""
    if not getattr(model, "members", ()):
        return {"none": NO_NETWORK}
    if not explain:
        return {"none": NOT_ASKED}
    from molgnn.screen.explain.molecules import read_molecules
    from molgnn.screen.explain.target import network_share, target_of

    target, found = target_of(model, model.columns[column]), []
    for start in range(0, len(texts), _AT_ONCE):
        read = read_molecules(texts[start : start + _AT_ONCE], model.recipe, model.blocks)
        found += _attributed(model, read, target, start)
    share = round(network_share(model), 4)
    told = {"method": "integrated gradients", "column": target.column, "unit": target.unit}
    return told | {"share": share, "limit": EXPLAINED, "hits": found}


def _attributed(model, read: "Molecules", target, start: int) -> list[dict]:
    from molgnn.screen.explain.gradients import attribute

    if not read.rows:
        return []
    found = attribute(model, target, read.graphs, TOLERANCE, POINTS)
    beside = any(member.features is not None for member in model.members)
    return [
        {"rank": start + row + 1, "smiles": smiles_of(text), **_shares(read, found, i, beside)}
        for i, (row, text) in enumerate(zip(read.rows, read.texts, strict=True))
    ]


def _shares(read: "Molecules", found: "Attributions", i: int, beside: bool) -> dict:
    """Those of molecule i, in the order of its text: null for what the model does not see, ``FULL``
    for the ``largest``, which is in the target's unit."""
    graphs, trace = read.graphs, read.traces[i]
    atoms = np.full(trace.num_atoms, np.nan)
    bonds = np.full(trace.num_bonds, np.nan)
    atoms[trace.atoms] = found.atoms[slice(*graphs.atom_offsets[i : i + 2])]
    bonds[trace.bonds] = found.bonds[slice(*graphs.bond_offsets[i : i + 2])]
    largest = float(np.nanmax(np.abs([*atoms, *bonds, 0.0])))
    told = {"largest": float(f"{largest:.3g}")}
    if beside:
        told["features"] = float(f"{found.features[i]:.3g}")
    return told | {"atoms": _whole(atoms, largest), "bonds": _whole(bonds, largest)}


def _whole(values: np.ndarray, largest: float) -> list[int | None]:
    scale = FULL / largest if largest > 0 else 0.0
    return [None if np.isnan(v) else round(v * scale) for v in values.tolist()]
