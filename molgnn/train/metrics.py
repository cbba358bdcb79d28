"""Figures of merit, one task at a time, and their means over tasks."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from rdkit.ML.Scoring.Scoring import CalcBEDROC
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, log_loss, r2_score, roc_auc_score

from molgnn.data.levels import LEVELS, Levels
from molgnn.data.targets import Task, tasks_at

BEDROC_ALPHA = 20.0


class Judged(NamedTuple):
    """One task: labels (n,), NaN where missing, bounds (n,) as in ``data.tables.cells``, outputs
    (n, O) in the user's units. n counts molecules, atoms, or bonds."""

    task: Task
    y: np.ndarray
    bounds: np.ndarray
    outputs: np.ndarray


def by_task(
    labels: Levels, bounds: Levels | None, predicted: Levels, tasks: Sequence[Task]
) -> Iterator[Judged]:
    """Task by task what ``labels`` (n, T) and ``predicted`` (n, O) hold for it, level by level."""
    for level in LEVELS:
        start = 0
        for column, task in enumerate(tasks_at(tasks, level)):
            y = labels[level][:, column]
            bound = np.zeros(len(y)) if bounds is None else bounds[level][:, column]
            end = start + len(task.columns)
            yield Judged(task, y, bound, predicted[level][:, start:end])
            start = end


def evaluate(
    labels: Levels, predicted: Levels, tasks: Sequence[Task], bounds: Levels | None = None
) -> dict:
    """Figures of labels (n, T; NaN = missing) and predictions (n, O) in the user's units.

    Returns ``{"mean": {metric: value}, "per_task": {task: {metric: value}}, "left_out": {task:
    reason}}``. A mean is over the tasks that have the metric; a task on which nothing can be
    measured, such as one with a single class here, is left out with its reason. Bounds count for
    ``bounds_kept`` alone, the share of them that the predictions keep.
    """
    per_task: dict[str, dict[str, float]] = {}
    left_out: dict[str, str] = {}
    for task, y, bound, outputs in by_task(labels, bounds, predicted, tasks):
        exact = ~np.isnan(y) & (bound == 0)
        bounded = ~np.isnan(y) & (bound != 0)
        kept = {}
        if bounded.any():
            margin = (outputs[bounded, 0] - y[bounded]) * bound[bounded]
            kept = {"bounds_kept": float(np.mean(margin >= 0))}
        y, outputs = y[exact], outputs[exact]
        reason = _unmeasurable(y, task)
        if reason and kept:
            per_task[task.name] = kept
        elif reason:
            left_out[task.name] = reason
        elif task.kind == "regression":
            per_task[task.name] = regression(y, outputs[:, 0]) | _within(y, outputs, task) | kept
        elif task.kind == "binary":
            per_task[task.name] = binary(y, outputs[:, 0])
        else:
            per_task[task.name] = multiclass(y, outputs)
    names = list(dict.fromkeys(name for figures in per_task.values() for name in figures))
    mean = {
        name: float(np.mean([f[name] for f in per_task.values() if name in f])) for name in names
    }
    return {"mean": mean, "per_task": per_task, "left_out": left_out}


def _unmeasurable(labels: np.ndarray, task: Task) -> str:
    if len(labels) == 0:
        return "no labels"
    if task.kind != "regression" and len(np.unique(labels)) == 1:
        return f"only class {int(labels[0])} among {len(labels)} labels"
    return ""


def _within(y: np.ndarray, outputs: np.ndarray, task: Task) -> dict[str, float]:
    """The share of labels between the lowest quantile and the highest, where there are several."""
    if len(task.quantiles) < 2:
        return {}
    inside = (y >= outputs.min(axis=1)) & (y <= outputs.max(axis=1))
    return {"coverage": float(inside.mean())}


def regression(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """RMSE and MAE in the task's unit, R2, Spearman's rho; the last two need two distinct labels
    (and Spearman two distinct predictions)."""
    error = predicted - y
    figures = {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
    if len(np.unique(y)) > 1:
        figures["r2"] = float(r2_score(y, predicted))
        if len(np.unique(predicted)) > 1:
            figures["spearman"] = float(spearmanr(y, predicted).statistic)
    return figures


def binary(y: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Ranking figures of both classes present: ROC-AUC, PR-AUC (average precision), BEDROC with
    alpha 20 (Truchon and Bayly 2007, doi:10.1021/ci600426e), enrichment factor at 1 %."""
    # Equal scores: actives last, so that a constant prediction earns no early enrichment.
    order = np.lexsort((y, -probability))
    ranked = y[order].astype(int)
    return {
        "roc_auc": float(roc_auc_score(y, probability)),
        "pr_auc": float(average_precision_score(y, probability)),
        "bedroc": float(CalcBEDROC([[label] for label in ranked], 0, BEDROC_ALPHA)),
        "ef1": enrichment_factor(ranked, 0.01),
        "log_loss": float(log_loss(y, probability, labels=[0, 1])),
    }


def enrichment_factor(ranked: np.ndarray, fraction: float) -> float:
    """Share of actives among the best ``ceil(fraction n)`` over their share in all; ``ranked``
    (n,) holds 1 for an active, best score first."""
    top = int(np.ceil(fraction * len(ranked)))
    return float(ranked[:top].mean() / ranked.mean())


def multiclass(y: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Accuracy, log loss, and ROC-AUC one class against the rest, mean over the classes present."""
    aucs = [
        roc_auc_score(y == c, probability[:, c])
        for c in range(probability.shape[1])
        if 0 < (y == c).sum() < len(y)
    ]
    return {
        "accuracy": float(np.mean(probability.argmax(axis=1) == y)),
        "roc_auc": float(np.mean(aucs)),
        "log_loss": float(log_loss(y, probability, labels=range(probability.shape[1]))),
    }
