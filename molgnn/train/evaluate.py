"""Judge a trained model on each part of the split, beside its baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.chem.packed import ranges
from molgnn.data.levels import LEVELS, Levels
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task, tasks_at, with_std
from molgnn.models.answers import Answers
from molgnn.models.baseline import NAME, baseline_predictions
from molgnn.models.ensemble import Predictor
from molgnn.models.lists import as_written, by_level
from molgnn.train import plots
from molgnn.train.calibrate import calibration_of, held_of, judge_calibration, of_errors
from molgnn.train.domain import judge_domain
from molgnn.train.kfold import COLUMN, NEVER, member_folds, out_of_fold, together
from molgnn.train.metrics import by_task, evaluate
from molgnn.train.options import RunOptions

Judged = Mapping[str, tuple[Levels, np.ndarray]]  # part -> predictions of all, rows judged


def judge(
    model: Predictor,
    dataset: Dataset,
    parts: Split,
    options: RunOptions,
    out: Path,
    folds: np.ndarray | None = None,
    first: Predictor | None = None,
) -> dict:
    """Figures of model and baseline on each part, pictures, and every molecule's predictions.

    ``folds`` (n,) is the fold of each training molecule, see ``Job``. Then "valid" are the figures
    out of fold, of the training molecules, each predicted by those members alone that did not learn
    from it; so are tables and pictures. "train" is the whole model on the same molecules.
    ``first`` predicts valid where the model has learnt from it too.
    """
    learnt = parts if first is None else together(parts)
    each, own = _answers(model, first, dataset, parts)
    predicted, spread = over_members(each, model.shares, own)
    judged: Judged = {part: (predicted, rows) for part, rows in parts.parts().items()}
    fold_column = {}
    if folds is not None:
        fold_of = np.full(len(dataset), NEVER)
        fold_of[parts.train] = folds
        predicted, spread = out_of_fold(model, each, fold_of, own)
        judged = judged | {"valid": (predicted, parts.train)}
        fold_column[COLUMN] = pa.array(fold_of + 1, mask=fold_of == NEVER)
    figures = figures_of(judged, dataset, model.tasks)
    std = predicted.map(lambda _, values: np.zeros_like(values)) if spread is None else spread
    known = {part: rows for part, (_, rows) in judged.items() if part in ("valid", "test")}
    held = {part: held_of(dataset, model.tasks, r, predicted, std) for part, r in known.items()}
    model.calibration = calibration_of(held["valid"])
    figures["calibration"] = judge_calibration(out, model.calibration, held, options.data.split)
    if own is not None:
        figures["uncertainty"] = {part: of_errors(each) for part, each in held.items()}
    if len(each) > 1:
        figures["members"] = _of_members(model, each, dataset, parts, folds)
    if options.fit.baseline:
        known = {"valid": parts.train, "test": learnt.train}
        figures["baseline"] = judge_baseline(dataset, parts, known, model.tasks, options.seed)
    figures |= judge_domain(out, model.tasks, dataset, judged, learnt.train, folds, options.seed)
    where = np.empty(len(dataset), dtype=object)
    for part, (_, rows) in judged.items():
        where[rows] = part  # with folds all of train is valid: it is predicted out of fold
    seen = by_task(dataset.labels, dataset.bounds, predicted, model.tasks)
    plots.predictions(out, [(j, predicted.spread(j.task.level, where)) for j in seen])
    believed = _believed(model, predicted, std, spread is not None or model.has_std)
    table = predictions_table(model.tasks, dataset, *believed, split=where, **fold_column)
    pq.write_table(pa.table(table), out / "predictions.parquet")
    return figures


def _believed(
    model: Predictor, predicted: Levels, std: Levels, with_std: bool
) -> tuple[Levels, Levels | None]:
    """Mean and deviation as the calibrated model gives them."""
    mean, of_molecules = model.calibrated(predicted.molecule, std.molecule)
    spread = replace(std, molecule=of_molecules) if with_std else None
    return replace(predicted, molecule=mean), spread


def _answers(model: Predictor, first: Predictor | None, dataset: Dataset, parts: Split) -> Answers:
    """What the members say of all molecules; of valid what those of ``first`` say, if there is
    one."""
    found = model.answers(dataset.graphs)
    if first is None:
        return found
    unseen = first.answers(dataset.graphs.select(parts.valid))

    def put(values: Sequence[Levels], others: Sequence[Levels]) -> list[Levels]:
        return [_replaced(*pair, parts.valid) for pair in zip(values, others, strict=True)]

    own = None if found.own is None else put(found.own, unseen.own)
    return Answers(put(found.means, unseen.means), own)


def _replaced(values: Levels, others: Levels, rows: np.ndarray) -> Levels:
    """The values of all molecules, where those of ``rows`` are ``others``."""
    found = values.map(lambda level, array: array.copy())
    for level in LEVELS:
        found[level][ranges(values.offsets(level), rows)[0]] = others[level]
    return found


def _of_members(
    model: Predictor,
    each: Sequence[Levels],
    dataset: Dataset,
    parts: Split,
    folds: np.ndarray | None,
) -> list[dict]:
    """The figures of each member alone, by part."""
    found = [
        figures_by_part(predicted, dataset, mine, model.tasks)
        for predicted, mine in zip(each, _own_parts(model, parts, folds), strict=True)
    ]
    return [{part: member[part] for part in parts.parts()} for member in found]


def _own_parts(model: Predictor, parts: Split, folds: np.ndarray | None) -> list[Split]:
    """What each member learnt from, what chose it, and the test part."""
    if folds is None:
        return [parts] * model.num_members
    left_out = member_folds(model, int(folds.max()) + 1)
    known = parts.train
    return [Split(known[folds != fold], known[folds == fold], parts.test) for fold in left_out]


def over_members(
    each: Sequence[Levels],
    shares: np.ndarray | None = None,
    own: Sequence[Levels] | None = None,
) -> tuple[Levels, Levels | None]:
    """Mean and standard deviation of the members' predictions, None for one member that says
    nothing of its own; ``shares`` and ``own`` as for `mean_and_spread`."""
    mean, spread = by_level(each, shares, own)
    return mean, spread if len(each) > 1 or own is not None else None


def predictions_table(
    tasks: Sequence[Task],
    dataset: Dataset,
    mean: Levels,
    spread: Levels | None,
    **first: np.ndarray | pa.Array,
) -> dict:
    """Columns: labels beside predictions, those of atoms and bonds as lists, in the order of the
    input; a bound has a column of its own, ``<task> (bound)``, with its sign. ``first`` are further
    ones (B,) that stand before them; ``spread`` is None for a single member."""
    several = spread is not None
    table = {"line": dataset.lines, "id": dataset.ids, "smiles": dataset.smiles, **first}
    for i, task in enumerate(dataset.tasks):
        table[f"{task} (measured)"] = dataset.y[:, i]
        if dataset.bounds.molecule[:, i].any():
            table[f"{task} (bound)"] = np.array(["<", "", ">"])[dataset.bounds.molecule[:, i] + 1]
    lists = as_written(mean, dataset.traces)
    lists += as_written(spread, dataset.traces) if several else []
    values = [*mean.molecule.T, *(spread.molecule.T if several else ())]
    table |= dict(zip(with_std(_columns(tasks, "molecule"), several), values, strict=True))
    measured = [f"{task} (measured)" for task in dataset.atom_tasks + dataset.bond_tasks]
    table |= dict(zip(measured, as_written(dataset.labels, dataset.traces), strict=True))
    signs = zip(measured, as_written(dataset.bounds, dataset.traces), strict=True)
    table |= {
        name.replace("(measured)", "(bound)"): arrays  # 1: the true value is at least that
        for name, arrays in signs
        if any(np.nansum(np.abs(array)) for array in arrays)
    }
    in_lists = _columns(tasks, "atom") + _columns(tasks, "bond")
    return table | dict(zip(with_std(in_lists, several), lists, strict=True))


def _columns(tasks: Sequence[Task], level: str) -> list[str]:
    return [column for task in tasks_at(tasks, level) for column in task.columns]


def figures_by_part(predicted: Levels, dataset: Dataset, parts: Split, tasks: list[Task]) -> dict:
    """``{"train": {metric: value}, ..., "per_task": {part: {task: ...}}, "left_out": ...}``."""
    judged = {part: (predicted, rows) for part, rows in parts.parts().items()}
    return figures_of(judged, dataset, tasks)


def figures_of(judged: Judged, dataset: Dataset, tasks: list[Task]) -> dict:
    """The same of parts that each have predictions of their own."""
    figures: dict = {}
    per_task, left_out = {}, {}
    for part, (predicted, rows) in judged.items():
        result = _evaluate(dataset, rows, predicted.select(rows), tasks)
        figures[part] = result["mean"]
        per_task[part], left_out[part] = result["per_task"], result["left_out"]
    return {**figures, "per_task": per_task, "left_out": left_out}


def judge_baseline(
    dataset: Dataset, parts: Split, known: Mapping[str, np.ndarray], tasks: list[Task], seed: int
) -> dict:
    """The baseline on valid and test, fitted to the molecules ``known`` for each: those that the
    model which is judged there learnt from. With folds valid is empty."""
    found: dict = {"name": NAME, "per_task": {}}
    if not len(parts.valid) + len(parts.test):
        return {"skipped": "no validation or test molecules"}
    for part, rows in (("valid", parts.valid), ("test", parts.test)):
        asked, fitted_to = dataset.select(rows), dataset.select(known[part])
        if len(rows):
            predicted = baseline_predictions(fitted_to, asked, tasks, seed)
        else:
            predicted = asked.labels
        result = _evaluate(asked, np.arange(len(rows)), predicted, tasks)
        found[part], found["per_task"][part] = result["mean"], result["per_task"]
    return found


def _evaluate(dataset: Dataset, rows: np.ndarray, predicted: Levels, tasks: list[Task]) -> dict:
    """Figures of what is predicted for the given molecules."""
    return evaluate(dataset.labels.select(rows), predicted, tasks, dataset.bounds.select(rows))
