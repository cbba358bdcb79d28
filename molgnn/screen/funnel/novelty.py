"""The molecules that a hit is to differ from: the model's actives, and those of a file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from molgnn.chem.fingerprint import morgan
from molgnn.chem.smiles import InvalidMolecule, canonical, parse
from molgnn.data.packed.packing import smiles_of
from molgnn.data.readers.reader import open_table
from molgnn.data.targets import tasks_at
from molgnn.errors import Refusal, choices
from molgnn.screen.funnel.parts import Actives, Novelty

if TYPE_CHECKING:
    from molgnn.data.targets import Task
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Known:
    """R molecules: ``smiles``, Morgan ``bits`` (R, 256) uint8, ``origin`` of each in words, and
    ``files`` with their sha256."""

    smiles: list[str]
    bits: np.ndarray
    origin: list[str]
    files: dict[str, str]


def known_molecules(
    novelty: Novelty, model: "Predictor", column: int, minimize: bool, folder: Path
) -> Known:
    """All that are to be compared with; ``column`` and ``minimize`` say what ranks.

    Raises Refusal where there are none: no training molecules, no active, an empty file, a row of
    the file that is no molecule.
    """
    parts = []
    if novelty.training or novelty.actives:
        parts.append(_of_training(novelty, model, column, minimize))
    if novelty.file:
        parts.append(_of_file(folder / novelty.file, model.recipe))
    joined = parts[0]
    for part in parts[1:]:
        joined = replace(
            joined,
            smiles=joined.smiles + part.smiles,
            bits=np.concatenate([joined.bits, part.bits]),
            origin=joined.origin + part.origin,
            files=joined.files | part.files,
        )
    return joined


def _of_training(novelty: Novelty, model: "Predictor", column: int, minimize: bool) -> Known:
    learnt = getattr(model, "known", None)
    if learnt is None:
        raise Refusal(
            "recipe: novelty: the model has no training molecules with it: leave out actives and "
            "training, or give file"
        )
    rows, origin = np.arange(len(learnt)), "training molecule"
    if not novelty.training:
        rows, origin = _active_rows(novelty.actives, model, column, minimize), "active"
    smiles = [learnt.smiles[row] for row in rows.tolist()]
    return Known(smiles, learnt.bits[rows], [origin] * len(rows), {})


def _active_rows(asked: Actives, model: "Predictor", column: int, minimize: bool) -> np.ndarray:
    """The rows of ``model.known`` that are active."""
    where = "recipe: novelty: actives"
    tasks = {task.name: task for task in tasks_at(model.tasks, "molecule")}
    if asked.task is None:
        task = next(t for t in tasks.values() if model.columns[column] in t.columns)
    elif asked.task in tasks:
        task = tasks[asked.task]
    else:
        raise Refusal(f"{where}: {choices('task', asked.task, tasks)}")
    labels = model.known.labels.get(task.name)
    if labels is None or np.isnan(labels).all():
        raise Refusal(f"{where}: the training molecules have no labels of {task.name!r}")
    active = _active(asked, task, labels, minimize, where)
    if not active.any():
        raise Refusal(f"{where}: no training molecule is an active of {task.name!r} by this")
    return np.flatnonzero(active)


def _active(asked: Actives, task: "Task", labels: np.ndarray, minimize: bool, where: str):
    """Labels (R,) -> whether each is an active's; none where it is missing."""
    if task.kind == "binary":
        if asked.at_least is not None or asked.at_most is not None:
            raise Refusal(
                f"{where}: {task.name!r} is binary: its actives are class 1: no threshold"
            )
        return labels == 1
    if task.kind == "multiclass":
        raise Refusal(f"{where}: {task.name!r} has several classes: name a binary task or file")
    if asked.at_least is not None:
        return labels >= asked.at_least
    if asked.at_most is not None:
        return labels <= asked.at_most
    if asked.best is None:
        raise Refusal(
            f"{where}: {task.name!r} is a number: say who is active: at_least, at_most or best"
        )
    merits = -labels if minimize else labels
    there = np.flatnonzero(~np.isnan(labels))
    count = max(1, round(asked.best * len(there)))
    active = np.zeros(len(labels), dtype=bool)
    active[there[np.argsort(-merits[there], kind="stable")[:count]]] = True
    return active


def _of_file(path: Path, recipe: str) -> Known:
    """The molecules of a file, as ``recipe`` has them. A row that is none is refused: it would be
    a molecule that hits are silently not compared with."""
    smiles, mols = [], []
    with open_table(path) as table:
        for row in table:
            try:
                mol = parse(row.text, recipe) if not row.problem else None
            except InvalidMolecule as error:
                raise Refusal(f"{path} line {row.line}: {error}: mend it or leave it out") from None
            if mol is None:
                raise Refusal(f"{path} line {row.line}: {row.problem}: mend it or leave it out")
            smiles.append(row.id or smiles_of(row.text))
            mols.append(Chem.MolFromSmiles(canonical(mol)) or mol)
    if not mols:
        raise Refusal(f"{path}: holds no molecule to be novel to")
    return Known(smiles, morgan(mols), [f"in {path.name}"] * len(mols), {str(path): table.sha256})
