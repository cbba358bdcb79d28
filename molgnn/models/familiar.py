"""How familiar a molecule is, as columns beside its prediction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.targets import free_names, tasks_at
from molgnn.models import doubts
from molgnn.models.columns import FIGURE, FLAG, TEXT, Column

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor
    from molgnn.models.known import Near

SUFFIX = "_domain"  # where a name is taken


def names_of(model: "Predictor", vectors: bool = False) -> list[tuple[str, str]]:
    """Name and kind of each column: ``nearest_similarity``, ``nearest_smiles``, ``nearest_<task>``
    with its label for each task of molecules, ``in_domain``; with ``vectors`` also
    ``embedding_distance``, ``embedding_smiles`` and ``embedding_<task>``.

    Labels are figures, of a binary task 0 or 1 as what its column is the probability of; those of
    several classes are the name of the class. None of the names is one of the model's own.
    """
    labels = [
        (task.name, TEXT if task.kind == "multiclass" else FIGURE)
        for task in tasks_at(model.tasks, "molecule")
    ]
    found = [("nearest_similarity", FIGURE), ("nearest_smiles", TEXT)]
    found += [(f"nearest_{name}", kind) for name, kind in labels] + [("in_domain", FLAG)]
    if vectors:
        found += [("embedding_distance", FIGURE), ("embedding_smiles", TEXT)]
        found += [(f"embedding_{name}", kind) for name, kind in labels]
    own = [*model.columns, *(f"{column}_std" for column in model.columns), *model.list_columns]
    own += [name for name, _ in doubts.names_of(model)]
    names = free_names([name for name, _ in found], [*own, "reason"], SUFFIX)
    return list(zip(names, [kind for _, kind in found], strict=True))


def columns_of(model: "Predictor", near: "Near") -> list[Column]:
    """The columns of B molecules; ``in_domain`` is empty where no rule was learnt."""
    vectors = near.distance is not None
    values = [near.similarity, *_told(model, near.row), _flags(model, near.similarity)]
    if vectors:
        values += [near.distance, *_told(model, near.vector_row)]
    return [Column(*name, v) for name, v in zip(names_of(model, vectors), values, strict=True)]


def _flags(model: "Predictor", similarity: np.ndarray) -> list[bool | None]:
    if model.rule is None:
        return [None] * len(similarity)
    return (similarity >= model.rule.threshold).tolist()


def _told(model: "Predictor", rows: np.ndarray) -> list[Sequence]:
    """SMILES and labels of the training molecules ``rows`` (B,)."""
    known, found = model.known, []
    for task in tasks_at(model.tasks, "molecule"):
        labels = known.labels.get(task.name)
        labels = np.full(len(rows), np.nan) if labels is None else labels[rows]
        if task.kind == "multiclass":
            found.append([_class(task.classes, label) for label in labels.tolist()])
        else:
            found.append(labels)
    return [[known.smiles[row] for row in rows.tolist()], *found]


def _class(classes: Sequence[str], label: float) -> str | None:
    """The name of a class by its number; None for a missing label."""
    return classes[int(label)] if label == label and 0 <= label < len(classes) else None
