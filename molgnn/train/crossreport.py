"""What an evaluation leaves: a table of folds, predictions, figures with spread, verdicts."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.data.levels import LEVELS, Levels
from molgnn.data.targets import Task, tasks_at
from molgnn.train import plots
from molgnn.train.crossplan import Plan
from molgnn.train.crossval import predictions_file
from molgnn.train.metrics import evaluate
from molgnn.train.paired import Comparison, compare

SUMMARY, TABLE, PICTURE = "summary.json", "folds.csv", "comparison.png"
_SIGNS = {"<": -1.0, "": 0.0, ">": 1.0}


def report(plan: Plan, records: Mapping[tuple, dict], out: Path, labels: Mapping[str, str]) -> dict:
    """Write OUT/folds.csv, oof_<side>.parquet, comparison.png and, last, summary.json; returns what
    the last one says. ``records`` are all that `cross_validate` gives; ``labels`` describe sides.
    """
    folds_table(plan, records).to_csv(out / TABLE, index=False)
    pooled = {side.name: _pooled(plan, side, out) for side in plan.sides}
    found = comparisons(plan, records)
    sides = {name: list(_values(plan, records, name).values()) for name in pooled}
    plots.folds(out / PICTURE, plan.metric, sides, found[0] if found else None)
    summary = {
        "metric": plan.metric,
        **asdict(plan.how),
        "molecules": len(plan.dataset),
        "data_sha256": plan.data_sha256,
        "configs": {
            side.name: {
                "label": labels.get(side.name, ""),
                "options": side.asked["options"],
                "figures": _figures(plan, records, side.name),
                "pooled": pooled[side.name],
                "seconds": sum(record["seconds"] for record in _of(plan, records, side.name)),
            }
            for side in plan.sides
        },
        "comparisons": [asdict(c) | {"better": c.better, "words": c.words()} for c in found],
        "left_out": _left_out(plan, records),
    }
    (out / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return summary


def _of(plan: Plan, records: Mapping[tuple, dict], name: str) -> list[dict]:
    return [records[name, r, f] for r, f, side in plan if side.name == name]


def folds_table(plan: Plan, records: Mapping[tuple, dict]) -> pd.DataFrame:
    """config, repeat, fold, task, metric, value, seconds: a row a figure. ``task`` is empty for the
    mean over the targets; of several, each has rows of its own."""
    rows = []
    for repeat, fold, side in plan:
        record = records[side.name, repeat, fold]
        several = len(record["per_task"]) > 1
        judged = {"": record["figures"], **(record["per_task"] if several else {})}
        rows += [
            (side.name, repeat, fold, task, metric, value, record["seconds"])
            for task, figures in judged.items()
            for metric, value in figures.items()
        ]
    names = ["config", "repeat", "fold", "task", "metric", "value", "seconds"]
    return pd.DataFrame(rows, columns=names)


def comparisons(plan: Plan, records: Mapping[tuple, dict]) -> list[Comparison]:
    """Each pair of sides, those asked for first. A fold counts where both have the metric, as the
    mean of the same targets."""
    found = []
    for first, second in combinations([side.name for side in plan.sides], 2):
        one, two = (_values(plan, records, name) for name in (first, second))
        pairs = [
            (one[at], two[at], _ratio(records[first, *at]["sizes"]))
            for at in one
            if not np.isnan(one[at] + two[at])
            and _measured(plan, records[first, *at]) == _measured(plan, records[second, *at])
        ]
        if pairs:
            a, b, ratios = zip(*pairs, strict=True)
            names = (first, second)
            found.append(compare(a, b, np.mean(ratios), metric=plan.metric, names=names))
    return found


def _values(plan: Plan, records: Mapping[tuple, dict], name: str) -> dict[tuple, float]:
    """(repeat, fold) -> the metric, NaN where it could not be measured."""
    return {
        (record["repeat"], record["fold"]): record["figures"].get(plan.metric, np.nan)
        for record in _of(plan, records, name)
    }


def _measured(plan: Plan, record: dict) -> set[str]:
    return {task for task, figures in record["per_task"].items() if plan.metric in figures}


def _ratio(sizes: dict) -> float:
    """n_test / n_train; what chooses the best epoch has been learnt from."""
    return sizes["test"] / (sizes["train"] + sizes["valid"])


def _figures(plan: Plan, records: Mapping[tuple, dict], name: str) -> dict:
    """metric -> mean and sample standard deviation over the folds that have it; None of one."""
    each: dict[str, list[float]] = {}
    for record in _of(plan, records, name):
        for metric, value in record["figures"].items():
            each.setdefault(metric, []).append(value)
    return {
        metric: {
            "mean": float(np.mean(values)),
            "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "folds": len(values),
        }
        for metric, values in each.items()
    }


def _left_out(plan: Plan, records: Mapping[tuple, dict]) -> list[dict]:
    """Targets on which a fold measures nothing, such as those with one class in it."""
    first = plan.sides[0].name
    return [
        {"repeat": record["repeat"], "fold": record["fold"], "task": task, "reason": reason}
        for record in _of(plan, records, first)
        for task, reason in record["left_out"].items()
    ]


def _pooled(plan: Plan, side, out: Path) -> dict[str, float]:
    """Write a side's out-of-fold predictions; returns the figures of all molecules at once, each
    predicted by the model that had not seen it, mean over the repeats."""
    repeats, figures = [], []
    for repeat in range(plan.how.repeats):
        files = [predictions_file(out, side.name, repeat, f) for f in range(plan.how.folds)]
        table = pa.concat_tables(map(pq.read_table, files), promote_options="default")
        repeats.append(table)
        figures.append(_pooled_figures(table, side.tasks[repeat][0]))
    whole = pa.concat_tables(repeats, promote_options="default")
    pq.write_table(whole, out / f"oof_{side.name}.parquet")
    names = dict.fromkeys(name for each in figures for name in each)
    return {name: float(np.mean([f[name] for f in figures if name in f])) for name in names}


def _pooled_figures(table: pa.Table, tasks: list[Task]) -> dict[str, float]:
    empty = np.zeros((0, 0))
    labels, bounds, predicted = (dict.fromkeys(LEVELS, empty) for _ in range(3))
    for level in LEVELS:
        chosen = tasks_at(tasks, level)
        if chosen:
            columns = [column for task in chosen for column in task.columns]
            labels[level] = np.stack([_flat(table, f"{t.name} (measured)") for t in chosen], 1)
            bounds[level] = np.stack([_bounds(table, t.name) for t in chosen], 1)
            predicted[level] = np.stack([_flat(table, name) for name in columns], 1)
    none = np.zeros(1, dtype=np.int64)
    y, b, p = (Levels(**each, atom_offsets=none, bond_offsets=none) for each in
               (labels, bounds, predicted))  # fmt: skip
    return evaluate(y, p, tasks, b)["mean"]


def _flat(table: pa.Table, name: str) -> np.ndarray:
    """The values of a column; of lists, end to end."""
    column = table[name].combine_chunks()
    if pa.types.is_list(column.type):
        column = column.flatten()
    return column.to_numpy(zero_copy_only=False).astype(float)


def _bounds(table: pa.Table, task: str) -> np.ndarray:
    """As ``Dataset.bounds``; a fold without bounds has no column for them, so nulls here."""
    name, measured = f"{task} (bound)", f"{task} (measured)"
    if name not in table.column_names:
        return np.zeros(len(_flat(table, measured)))
    signs = table[name].to_pylist()
    if pa.types.is_string(table[name].type):
        return np.array([_SIGNS[sign or ""] for sign in signs])
    pairs = zip(signs, table[measured].to_pylist(), strict=True)
    each = [[0.0] * len(labels) if row is None else row for row, labels in pairs]
    return np.nan_to_num(np.concatenate(each))
