"""The training molecules nearest to a molecule, which the bundle keeps with labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from molgnn.chem.fingerprint import morgan
from molgnn.screen.explain.target import Target

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

_BLOCK = 4096  # training molecules compared at once


@dataclass(frozen=True)
class Neighbour:
    """A training molecule: its label (a class's name where there are classes, None if it has none)
    and its Tanimoto similarity by Morgan fingerprints."""

    smiles: str
    label: float | str | None
    similarity: float


class Neighbours:
    """The training molecules of a model, searched for one target."""

    def __init__(self, smiles: Sequence[str], labels: np.ndarray, bits: np.ndarray, target: Target):
        self.smiles, self.labels, self.bits, self.target = list(smiles), labels, bits, target

    def nearest(self, mols: Sequence[Chem.Mol], top: int) -> list[list[Neighbour]]:
        """For each molecule the ``top`` nearest ones, the first the nearest; ties go to the row
        that comes first."""
        return self._nearest(mols, np.arange(len(self.smiles)), top)

    def nearest_of_class(self, mols: Sequence[Chem.Mol], top: int) -> list[list[Neighbour]]:
        """The same among those of the target's class (of a binary task: the actives)."""
        task = self.target.task
        wanted = self.target.place if task.kind == "multiclass" else 1
        return self._nearest(mols, np.flatnonzero(self.labels == wanted), top)

    def _nearest(self, mols, among: np.ndarray, top: int) -> list[list[Neighbour]]:
        similarity = tanimoto(morgan(mols), self.bits[among])
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :top]
        return [
            [self._neighbour(among[i], values[i]) for i in row]
            for row, values in zip(order, similarity, strict=True)
        ]

    def _neighbour(self, row: int, similarity: float) -> Neighbour:
        label, task = self.labels[row], self.target.task
        said = None if np.isnan(label) else float(label)
        if said is not None and task.classes and 0 <= int(said) < len(task.classes):
            said = task.classes[int(said)]
        return Neighbour(self.smiles[row], said, float(similarity))


def known_to(model: "Predictor", target: Target) -> Neighbours | None:
    """The training molecules of the model's bundle; None for a model that was not read from disk,
    or that came without them. Raises Refusal for a damaged file."""
    known = model.known
    if known is None:
        return None
    labels = known.labels.get(target.task.name, np.full(len(known), np.nan))
    return Neighbours(known.smiles, labels, known.bits, target)


def tanimoto(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """|a and b| / |a or b| of packed bits (Q, W) and (R, W) -> (Q, R); of two empty ones 0.

    In blocks, the common bits as a product of matrices: exact, as counts are far below 2^24.
    """
    left = np.unpackbits(queries, axis=1).astype(np.float32)
    found = np.zeros((len(queries), len(references)))
    for start in range(0, len(references), _BLOCK):
        right = np.unpackbits(references[start : start + _BLOCK], axis=1).astype(np.float32)
        common = (left @ right.T).astype(np.float64)
        either = left.sum(axis=1)[:, None] + right.sum(axis=1) - common
        found[:, start : start + _BLOCK] = common / np.maximum(either, 1)
    return found
