"""The figures of an ``Explanation``, molecule by molecule, in the order of the input's atoms."""

from typing import TYPE_CHECKING

import numpy as np

from molgnn.screen.explain.gradients import attribute
from molgnn.screen.explain.molecules import Molecules
from molgnn.screen.explain.occlusion import occluded, occluded_without_graph
from molgnn.screen.explain.target import Target, network_share

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

GRADIENTS, OCCLUSION = "integrated gradients", "occlusion"


def by_networks(model: "Predictor", read: Molecules, target: Target) -> list[dict]:
    """Integrated gradients and occlusion of each molecule."""
    found, fall = attribute(model, target, read.graphs), occluded(model, target, read.graphs)
    share, beside = network_share(model), any(m.features is not None for m in model.members)
    predictions = model.predict_graphs(read.graphs)[0][:, model.columns.index(target.column)]
    figures = []
    for i in range(len(read.graphs)):
        atoms, bonds, fallen = _of(read, i, found.atoms, found.bonds, fall)
        figures.append(
            {
                "method": GRADIENTS,
                "share": share,
                "prediction": float(predictions[i]),
                "score": float(found.score[i]),
                "baseline": float(found.baseline[i]),
                "gap": float(found.gap[i]),
                "points": int(found.points[i]),
                "atoms": atoms,
                "bonds": bonds,
                "features": float(found.features[i]) if beside else float("nan"),
                "occlusion": fallen,
                "notes": _notes(share, beside, found.features[i], target.unit),
            }
        )
    return figures


def _notes(share: float, beside: bool, features: float, unit: str) -> list[str]:
    notes = []
    if share < 1:
        notes.append(
            f"only the networks are explained, which are {share:.0%} of the prediction; the rest "
            "are models without a graph"
        )
    if beside:
        notes.append(f"features beside the graph add {features:+.3g} {unit}".rstrip())
    return notes


def by_occlusion(model: "Predictor", read: Molecules, target: Target) -> list[dict]:
    """Of a model without a network: what its prediction loses with each atom."""
    fall = occluded_without_graph(model, target, read.mols, read.graphs)
    predictions = model.predict_graphs(read.graphs)[0][:, model.columns.index(target.column)]
    none, figures = np.full(len(read.graphs.bonds), np.nan), []
    for i, prediction in enumerate(predictions.tolist()):
        atoms, bonds, fallen = _of(read, i, fall, none, fall)
        figures.append(
            {"method": OCCLUSION, "share": 0.0, "prediction": prediction, "score": prediction}
            | dict.fromkeys(("baseline", "gap", "features"), float("nan"))
            | {"points": 0, "atoms": atoms, "bonds": bonds, "occlusion": fallen}
            | {"notes": ["a model without a network: occlusion alone, atom by atom"]}
        )
    return figures


def _of(read: Molecules, i: int, atoms, bonds, fall) -> tuple[np.ndarray, ...]:
    """Those of molecule i in the order of its text, NaN for what its graph does not have."""
    trace, graphs = read.traces[i], read.graphs
    own = slice(*graphs.atom_offsets[i : i + 2]), slice(*graphs.bond_offsets[i : i + 2])
    return (
        _written(atoms[own[0]], trace.atoms, trace.num_atoms),
        _written(bonds[own[1]], trace.bonds, trace.num_bonds),
        _written(fall[own[0]], trace.atoms, trace.num_atoms),
    )


def _written(values: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    full = np.full(count, np.nan)
    full[places] = values
    return full
