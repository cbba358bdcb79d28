"""Judge a trained model on each part of the split, beside its baseline."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.data.levels import Levels
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task, tasks_at, with_std
from molgnn.models.baseline import NAME, baseline_predictions
from molgnn.models.ensemble import Predictor
from molgnn.models.lists import as_written, listed, mean_and_spread
from molgnn.train import plots
from molgnn.train.metrics import by_task, evaluate
from molgnn.train.options import RunOptions


def judge(model: Predictor, dataset: Dataset, parts: Split, options: RunOptions, out: Path) -> dict:
    """Figures of model and baseline on each part, pictures, and every molecule's predictions."""
    each = model.predict_levels(dataset.graphs)
    predicted = averaged(each, model.shares)
    figures = figures_by_part(predicted, dataset, parts, model.tasks)
    if len(each) > 1:
        members = [figures_by_part(p, dataset, parts, model.tasks) for p in each]
        figures["members"] = [{part: m[part] for part in parts.parts()} for m in members]
    if options.fit.baseline:
        figures["baseline"] = judge_baseline(dataset, parts, model.tasks, options.seed)
    where = np.empty(len(dataset), dtype=object)
    for part, rows in parts.parts().items():
        where[rows] = part
    judged = by_task(dataset.labels, dataset.bounds, predicted, model.tasks)
    plots.predictions(out, [(j, predicted.spread(j.task.level, where)) for j in judged])
    table = predictions_table(model.tasks, dataset, each, model.shares, split=where)
    pq.write_table(pa.table(table), out / "predictions.parquet")
    return figures


def averaged(each: Sequence[Levels], shares: np.ndarray | None = None) -> Levels:
    """The mean of the members' predictions; ``shares`` as for `mean_and_spread`."""
    return each[0].map(
        lambda level, _: mean_and_spread(np.stack([member[level] for member in each]), shares)[0]
    )


def predictions_table(
    tasks: Sequence[Task],
    dataset: Dataset,
    each: Sequence[Levels],
    shares: np.ndarray | None = None,
    **first: np.ndarray,
) -> dict:
    """Columns: labels beside predictions, those of atoms and bonds as lists, in the order of the
    input; a bound has a column of its own, ``<task> (bound)``, with its sign. ``first`` are further
    ones (B,) that stand before them."""
    several = len(each) > 1
    table = {"line": dataset.lines, "id": dataset.ids, "smiles": dataset.smiles, **first}
    for i, task in enumerate(dataset.tasks):
        table[f"{task} (measured)"] = dataset.y[:, i]
        if dataset.bounds.molecule[:, i].any():
            table[f"{task} (bound)"] = np.array(["<", "", ">"])[dataset.bounds.molecule[:, i] + 1]
    mean, std, lists = listed(each, dataset.traces, shares)
    values = [*mean.T, *(std.T if several else ())]
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
    figures: dict = {}
    per_task, left_out = {}, {}
    for part, rows in parts.parts().items():
        result = _evaluate(dataset, rows, predicted.select(rows), tasks)
        figures[part] = result["mean"]
        per_task[part], left_out[part] = result["per_task"], result["left_out"]
    return {**figures, "per_task": per_task, "left_out": left_out}


def judge_baseline(dataset: Dataset, parts: Split, tasks: list[Task], seed: int) -> dict:
    """The baseline, fitted to the same training molecules, on valid and test."""
    rows = np.concatenate([parts.valid, parts.test])
    if len(rows) == 0:
        return {"skipped": "no validation or test molecules"}
    asked = dataset.select(rows)
    predicted = baseline_predictions(dataset.select(parts.train), asked, tasks, seed)
    found: dict = {"name": NAME, "per_task": {}}
    where = np.arange(len(rows))
    for part, chosen in zip(("valid", "test"), np.split(where, [len(parts.valid)]), strict=True):
        result = _evaluate(asked, chosen, predicted.select(chosen), tasks)
        found[part], found["per_task"][part] = result["mean"], result["per_task"]
    return found


def _evaluate(dataset: Dataset, rows: np.ndarray, predicted: Levels, tasks: list[Task]) -> dict:
    """Figures of what is predicted for the given molecules."""
    return evaluate(dataset.labels.select(rows), predicted, tasks, dataset.bounds.select(rows))
