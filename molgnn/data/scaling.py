"""Between labels in the user's units and what a network gives: transforms, scaling, probabilities.

Transforms are increasing, so a lower bound stays a lower bound, and come out of the bundle with the
model: predictions are in the units of the labels.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.data.targets import Task

TRANSFORMS = ("standardize", "log10", "rank", "none")
_MOST_KNOTS = 513
_SKEWED = 1.5  # beyond it ranks predicted better on validation molecules: notebooks/LOG.md
_FEW = 50  # labels, of which skewness says little


def by_their_look(labels: np.ndarray, weight: np.ndarray | None = None) -> str:
    """The transform that ``auto`` stands for: ``rank`` where the skewness of the training labels
    (n,), their third standardized moment, is beyond 1.5 on either side, else ``standardize``."""
    if len(labels) < _FEW:
        return "standardize"
    mean = np.average(labels, weights=weight)
    second, third = (np.average((labels - mean) ** k, weights=weight) for k in (2, 3))
    return "rank" if abs(third) > _SKEWED * second**1.5 else "standardize"


def fitted(name: str, transform: str, labels: np.ndarray, weight: np.ndarray | None = None) -> dict:
    """``mean``, ``std`` and ``knots`` of a task from its training labels (n,), without NaN.

    With ``weight`` (n,), above 0, a label of weight 2 counts as two equal ones.
    """
    if transform == "rank":
        return {"knots": _knots(labels, weight)}
    if transform == "none":
        return {}
    if transform == "log10":
        labels = _log10(name, labels)
    mean = np.average(labels, weights=weight)
    std = np.sqrt(np.average((labels - mean) ** 2, weights=weight))
    if std == 0 and (widest := np.abs(labels - mean).max()) > 0:  # the squares of tiny labels are 0
        std = widest * np.sqrt(np.average(((labels - mean) / widest) ** 2, weights=weight))
    return {"mean": float(mean), "std": float(std)}


def _knots(labels: np.ndarray, weight: np.ndarray | None) -> tuple[tuple[float, float], ...]:
    """(label, normal score) from the lowest label to the highest, at most 513 of them.

    The score is the normal quantile of the label's mid-rank: equal labels have one score, and the
    others those of the rank-based inverse normal transform, (r - 1/2) / n (Bliss 1967).
    """
    if weight is not None:  # a label that hardly counts must still have a rank of its own
        weight = np.maximum(weight, 1e-6 * weight.max())
    values, which = np.unique(labels, return_inverse=True)
    counts = np.bincount(which, weights=weight)
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    if len(values) > _MOST_KNOTS:
        kept = np.unique(np.linspace(0, len(values) - 1, _MOST_KNOTS).round().astype(int))
        values, ranks = values[kept], ranks[kept]
    score = NormalDist().inv_cdf  # not scipy's: its import takes as long as a small prediction
    return tuple((value, score(rank)) for value, rank in zip(values.tolist(), ranks, strict=True))


def encode(y: np.ndarray, tasks: Sequence["Task"]) -> np.ndarray:
    """Labels (n, T) of one level as its network learns them. float32."""
    columns = [_encoded(y[:, i], task) for i, task in enumerate(tasks)]
    return np.stack(columns, axis=1).astype(np.float32) if tasks else y.astype(np.float32)


def _encoded(labels: np.ndarray, task: "Task") -> np.ndarray:
    if task.transform == "rank":
        values, scores = np.transpose(task.knots)
        return np.interp(labels, values, scores)  # NaN stays NaN
    if task.transform == "log10":
        labels = _log10(task.name, labels)
    return (labels - task.mean) / task.std


def _log10(name: str, labels: np.ndarray) -> np.ndarray:
    if (labels <= 0).any():
        raise Refusal(
            f"target {name!r} holds {np.nanmin(labels):g}, which has no logarithm: leave that row "
            "out, or choose another data.transform"
        )
    return np.log10(labels)


def decode(logits: np.ndarray, tasks: Sequence["Task"]) -> np.ndarray:
    """Network outputs (n, O) of one level -> predictions, one for each of the tasks' columns: the
    user's units (of quantiles the median first), or probabilities; what a task's ``spread`` says is
    left out. After ``rank`` none is beyond the range of the training labels.
    """
    logits = np.asarray(logits, dtype=np.float64)
    parts, start = [], 0
    for task in tasks:
        part = logits[:, start : start + task.width]
        start += task.width
        if task.kind == "regression":
            part = _decoded(part[:, :1] if task.spread else part, task)
        elif task.kind == "binary":
            part = 0.5 * (1.0 + np.tanh(0.5 * part))  # the logistic function, free of overflow
        else:
            part = np.exp(part - part.max(axis=1, keepdims=True))
            part = part / part.sum(axis=1, keepdims=True)
        parts.append(part)
    return np.concatenate(parts, axis=1) if parts else logits


def deviation(value: np.ndarray, std: np.ndarray, task: "Task") -> np.ndarray:
    """A standard deviation (n,) about a scaled value (n,) -> that in the user's units (n,): after
    ``log10`` and ``rank`` half of what lies between one below and one above. Squares are finite."""
    if task.transform in ("log10", "rank"):
        found = (_decoded(value + std, task) - _decoded(value - std, task)) / 2
    else:
        found = std * task.std
    return np.minimum(found, 1e100)


def of_shares(values: np.ndarray, task: "Task") -> np.ndarray:
    """Scaled values (n, 1) of a regression, or a share for each class (n, C), as ``decode`` has
    its predictions."""
    if task.kind == "regression":
        return _decoded(np.asarray(values, dtype=np.float64), task)
    return values[:, 1:] if task.kind == "binary" else values


def _decoded(part: np.ndarray, task: "Task") -> np.ndarray:
    if task.quantiles:  # networks may cross them: sorted, as Chernozhukov 2010 rearranges them
        part = np.sort(part, axis=1)[:, task.quantile_order]
    if task.transform == "rank":
        values, scores = np.transpose(task.knots)
        return np.interp(part, scores, values)
    part = part * task.std + task.mean
    if task.transform == "log10":
        return np.power(10.0, np.minimum(part, 300.0))  # no infinity
    return part
