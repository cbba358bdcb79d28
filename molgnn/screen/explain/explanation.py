"""One explained molecule, as a drawing in a notebook and as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from molgnn.chem.trace import Trace
from molgnn.screen.explain.drawing import card, coloured, marked
from molgnn.screen.explain.known import Neighbour
from molgnn.screen.explain.rationale import Rationale
from molgnn.screen.explain.target import Target


@dataclass(frozen=True)
class Explanation:
    """Why ``model`` gives ``smiles`` its score.

    ``atoms`` and ``occlusion`` have one number for each atom as the text writes them, ``bonds`` one
    for each pair of atoms in ``bond_ends``; NaN for what the model does not see, such as a hydrogen
    atom or a salt. ``features`` is what the features beside the graph add. The atoms, the bonds and
    the features add up to ``score`` - ``baseline`` but for ``gap``. With ``method`` "occlusion",
    that of a model without a network, nothing adds up: ``baseline`` and ``gap`` are NaN, ``bonds``
    too, and ``atoms`` are the occlusion.
    """

    smiles: str
    mol: Chem.Mol
    trace: Trace
    target: Target
    method: str
    share: float
    prediction: float
    score: float
    baseline: float
    gap: float
    points: int
    atoms: np.ndarray
    bonds: np.ndarray
    features: float
    occlusion: np.ndarray
    neighbours: Sequence[Neighbour] = ()
    actives: Sequence[Neighbour] = ()
    notes: Sequence[str] = ()
    rationale: Rationale | None = None

    @property
    def bond_ends(self) -> np.ndarray:
        """(bonds, 2) the two atoms of each written bond."""
        return self.trace.ends

    @property
    def unit(self) -> str:
        """Of the score and all attributions."""
        by_networks = self.method == "integrated gradients"
        return self.target.unit if by_networks else self.target.plain_unit

    def svg(self, width: int = 340, height: int = 280) -> str:
        """The structure, coloured by what atoms and bonds add to the score, with a legend."""
        where = self.trace.atoms, self.trace.bonds
        values = self.atoms[where[0]], self.bonds[where[1]]
        return coloured(self.mol, *values, self.unit, width, height)

    def rationale_svg(self, width: int = 340, height: int = 280) -> str:
        """The structure with its rationale in one colour; "" without one."""
        if self.rationale is None:
            return ""
        part = np.flatnonzero(np.isin(self.trace.atoms, self.rationale.atoms))
        return marked(self.mol, set(part.tolist()), width, height)

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return card(self)

    def to_json(self) -> dict:
        """Plain data: null where a number is not there."""
        return {
            "smiles": self.smiles,
            "target": self.target.column,
            "unit": self.unit,
            "method": self.method,
            "networks_share": self.share,
            "prediction": _plain(self.prediction),
            "score": _plain(self.score),
            "baseline_score": _plain(self.baseline),
            "completeness_gap": _plain(self.gap),
            "points": self.points,
            "atoms": _plains(self.atoms),
            "bonds": _plains(self.bonds),
            "bond_ends": self.bond_ends.tolist(),
            "descriptors": _plain(self.features),
            "occlusion": _plains(self.occlusion),
            "rationale": self.rationale and self.rationale.to_json(),
            "nearest": [vars(near) for near in self.neighbours],
            "nearest_actives": [vars(near) for near in self.actives],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Unexplained:
    """A text that is no molecule, or none that can be explained, and why."""

    smiles: str
    reason: str

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p><code>{escape(self.smiles[:300])}</code>: {escape(self.reason)}</p>"

    def to_json(self) -> dict:
        return {"smiles": self.smiles, "reason": self.reason}


class Explanations(list):
    """A list of ``Explanation`` and ``Unexplained`` that a notebook shows as a row of cards."""

    def _repr_html_(self) -> str:
        cards = "".join(f"<div>{each._repr_html_()}</div>" for each in self)
        return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{cards}</div>'


def _plain(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _plains(values: np.ndarray) -> list[float | None]:
    return [_plain(value) for value in values]
