"""``molgnn.explain``: why a model gives molecules their scores."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.packed.packing import smiles_of
from molgnn.errors import Refusal
from molgnn.screen.explain.explanation import Explanation, Explanations, Unexplained
from molgnn.screen.explain.gradients import attribute
from molgnn.screen.explain.known import known_to
from molgnn.screen.explain.molecules import Molecules, read_molecules
from molgnn.screen.explain.occlusion import occluded, occluded_without_graph
from molgnn.screen.explain.target import Target, network_share, target_of
from molgnn.screen.explain.wanted import ATTRIBUTIONS, Wanted

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

GRADIENTS, OCCLUSION = "integrated gradients", "occlusion"


def explain(
    model: "Predictor | str | Path", smiles: str | Iterable[str], target: str | None = None
) -> Explanation | Explanations:
    """Why ``model`` gives ``smiles`` their ``target`` (a column of its predictions; None: the
    first): what each atom and bond adds to the score. In a notebook the result is a drawing.

    One SMILES gives an ``Explanation``, several a list in their order, in which a text that is no
    molecule is an ``Unexplained`` with its reason. Raises Refusal for a single such text, for an
    unknown model or target.
    """
    model = _loaded(model)
    if isinstance(smiles, str):
        (found,) = explained(model, [smiles], target_of(model, target))
        if isinstance(found, Unexplained):
            raise Refusal(f"{smiles!r}: {found.reason}")
        return found
    return Explanations(explained(model, list(smiles), target_of(model, target)))


def _loaded(model) -> "Predictor":
    if isinstance(model, str | Path):
        from molgnn.models.bundle import load_bundle

        return load_bundle(model)
    return model


def explained(
    model: "Predictor", texts: Sequence[str], target: Target, wanted: Wanted = ATTRIBUTIONS
) -> list[Explanation | Unexplained]:
    """One for each text, in order."""
    read = read_molecules(texts, model.recipe, model.blocks)
    found: dict[int, Explanation | Unexplained] = {
        row: Unexplained(texts[row], reason) for row, reason in read.reasons.items()
    }
    if read.rows:
        figures = _by_networks if model.members else _by_occlusion
        each = zip(
            figures(model, read, target), _neighbours(model, read, target, wanted.top), strict=True
        )
        found |= {
            row: Explanation(**_of_text(read, i), target=target, **parts, **near)
            for i, (row, (parts, near)) in enumerate(zip(read.rows, each, strict=True))
        }
    return [found[row] for row in range(len(texts))]


def _of_text(read: Molecules, i: int) -> dict:
    return {"smiles": smiles_of(read.texts[i]), "mol": read.mols[i], "trace": read.traces[i]}


def _by_networks(model: "Predictor", read: Molecules, target: Target) -> list[dict]:
    """Integrated gradients and occlusion of each molecule."""
    found = attribute(model, target, read.graphs)
    fall = occluded(model, target, read.graphs)
    share, beside = network_share(model), any(m.features is not None for m in model.members)
    predictions = model.predict_graphs(read.graphs)[0][:, model.columns.index(target.column)]
    figures = []
    for i, trace in enumerate(read.traces):
        atoms = slice(*read.graphs.atom_offsets[i : i + 2])
        bonds = slice(*read.graphs.bond_offsets[i : i + 2])
        figures.append(
            {
                "method": GRADIENTS,
                "share": share,
                "prediction": float(predictions[i]),
                "score": float(found.score[i]),
                "baseline": float(found.baseline[i]),
                "gap": float(found.gap[i]),
                "points": int(found.points[i]),
                "atoms": _written(found.atoms[atoms], trace.atoms, trace.num_atoms),
                "bonds": _written(found.bonds[bonds], trace.bonds, trace.num_bonds),
                "features": float(found.features[i]) if beside else float("nan"),
                "occlusion": _written(fall[atoms], trace.atoms, trace.num_atoms),
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


def _by_occlusion(model: "Predictor", read: Molecules, target: Target) -> list[dict]:
    """Of a model without a network: what its prediction loses with each atom."""
    fall = occluded_without_graph(model, target, read.mols, read.graphs)
    predictions = model.predict_graphs(read.graphs)[0][:, model.columns.index(target.column)]
    none, figures = float("nan"), []
    for i, trace in enumerate(read.traces):
        own = fall[slice(*read.graphs.atom_offsets[i : i + 2])]
        atoms = _written(own, trace.atoms, trace.num_atoms)
        value = float(predictions[i])
        figures.append(
            {"method": OCCLUSION, "share": 0.0, "prediction": value, "score": value}
            | dict.fromkeys(("baseline", "gap", "features"), none)
            | {"points": 0, "atoms": atoms, "occlusion": atoms}
            | {"bonds": np.full(trace.num_bonds, none)}
            | {"notes": ["a model without a network: occlusion alone, atom by atom"]}
        )
    return figures


def _neighbours(model: "Predictor", read: Molecules, target: Target, top: int) -> list[dict]:
    known = known_to(model, target)
    if known is None or not top:
        return [{} for _ in read.mols]
    near = known.nearest(read.mols, top)
    if target.task.kind == "regression":
        return [{"neighbours": each} for each in near]
    actives = known.nearest_of_class(read.mols, top)
    pairs = zip(near, actives, strict=True)
    return [{"neighbours": each, "actives": active} for each, active in pairs]


def _written(values: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """In the order of the text, NaN for what the graph does not have."""
    full = np.full(count, np.nan)
    full[places] = values
    return full
