"""Judge a trained model on each part of the split, beside its baseline."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.data.split import Split
from molgnn.data.table import Dataset
from molgnn.data.targets import Task
from molgnn.models.baseline import TREES, forest_predictions
from molgnn.models.ensemble import Predictor
from molgnn.train import plots
from molgnn.train.metrics import evaluate
from molgnn.train.options import RunOptions


def judge(model: Predictor, dataset: Dataset, parts: Split, options: RunOptions, out: Path) -> dict:
    """Figures of model and baseline on each part, pictures, and every molecule's predictions."""
    each = model.predict_members(dataset.graphs)
    predicted = each.mean(axis=0)
    figures = figures_by_part(predicted, dataset, parts, model.tasks)
    if len(each) > 1:
        members = [figures_by_part(p, dataset, parts, model.tasks) for p in each]
        figures["members"] = [{part: m[part] for part in parts.parts()} for m in members]
    if options.fit.baseline:
        figures["baseline"] = judge_baseline(dataset, parts, model.tasks, options.seed)
    where = np.empty(len(dataset), dtype=object)
    for part, rows in parts.parts().items():
        where[rows] = part
    plots.predictions(out, dataset.y, predicted, where, model.tasks)
    table = {"line": dataset.lines, "id": dataset.ids, "smiles": dataset.smiles, "split": where}
    table |= {f"{task} (measured)": dataset.y[:, i] for i, task in enumerate(dataset.tasks)}
    table |= {column: predicted[:, i] for i, column in enumerate(model.columns)}
    if len(each) > 1:
        spread = each.std(axis=0, ddof=1)
        table |= {f"{column}_std": spread[:, i] for i, column in enumerate(model.columns)}
    pq.write_table(pa.table(table), out / "predictions.parquet")
    return figures


def figures_by_part(
    predicted: np.ndarray, dataset: Dataset, parts: Split, tasks: list[Task]
) -> dict:
    """``{"train": {metric: value}, ..., "per_task": {part: {task: ...}}, "left_out": ...}``."""
    figures: dict = {}
    per_task, left_out = {}, {}
    for part, rows in parts.parts().items():
        result = evaluate(dataset.y[rows], predicted[rows], tasks)
        figures[part] = result["mean"]
        per_task[part], left_out[part] = result["per_task"], result["left_out"]
    return {**figures, "per_task": per_task, "left_out": left_out}


def judge_baseline(dataset: Dataset, parts: Split, tasks: list[Task], seed: int) -> dict:
    """The random forest, fitted to the same training molecules, on valid and test."""
    rows = np.concatenate([parts.valid, parts.test])
    if len(rows) == 0:
        return {"skipped": "no validation or test molecules"}
    train = [dataset.smiles[row] for row in parts.train]
    asked = [dataset.smiles[row] for row in rows]
    predicted = forest_predictions(train, dataset.y[parts.train], asked, tasks, seed)
    cut = len(parts.valid)
    return {
        "name": f"random forest, {TREES} trees, Morgan radius 2, 2,048 bits",
        "valid": evaluate(dataset.y[parts.valid], predicted[:cut], tasks)["mean"],
        "test": evaluate(dataset.y[parts.test], predicted[cut:], tasks)["mean"],
    }
