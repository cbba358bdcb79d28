"""Figures of merit, one task at a time, and their means over tasks."""

from collections.abc import Sequence

import numpy as np
from rdkit.ML.Scoring.Scoring import CalcBEDROC
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, log_loss, r2_score, roc_auc_score

from molgnn.data.targets import Task

BEDROC_ALPHA = 20.0


def evaluate(y: np.ndarray, predicted: np.ndarray, tasks: Sequence[Task]) -> dict:
    """Figures of labels (n, T; NaN = missing) and predictions (n, O) in the user's units.

    Returns ``{"mean": {metric: value}, "per_task": {task: {metric: value}}, "left_out": {task:
    reason}}``. A mean is over the tasks that have the metric; a task on which nothing can be
    measured, such as one with a single class here, is left out with its reason.
    """
    per_task: dict[str, dict[str, float]] = {}
    left_out: dict[str, str] = {}
    start = 0
    for column, task in enumerate(tasks):
        outputs = predicted[:, start : start + task.width]
        start += task.width
        present = ~np.isnan(y[:, column])
        labels, outputs = y[present, column], outputs[present]
        reason = _unmeasurable(labels, task)
        if reason:
            left_out[task.name] = reason
        elif task.kind == "regression":
            per_task[task.name] = regression(labels, outputs[:, 0])
        elif task.kind == "binary":
            per_task[task.name] = binary(labels, outputs[:, 0])
        else:
            per_task[task.name] = multiclass(labels, outputs)
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
