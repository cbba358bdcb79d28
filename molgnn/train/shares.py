"""How much each part of a model counts in its mean: chosen on validation, halfway to equal."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from molgnn.data.scaling import encode
from molgnn.data.targets import Task

STEPS = 4  # shares tried are multiples of a quarter


def choose_shares(parts: np.ndarray, y: np.ndarray, tasks: Sequence[Task]) -> np.ndarray:
    """Shares (P,), 1 in all, for the parts' predictions (P, n, O) of the validation molecules with
    labels y (n, T) as networks learn them, NaN where missing.

    At some shares on a grid the mean over the tasks of the squared error of scaled labels, or of
    the log loss, is least; what is returned lies halfway between those and equal ones. The whole
    way follows the accidents of a small validation set (``notebooks/LOG.md``). Equal without a
    label to choose by.
    """
    equal = np.full(len(parts), 1.0 / len(parts))
    known = [i for i in range(len(tasks)) if (~np.isnan(y[:, i])).sum() > 1]
    if len(parts) == 1 or not known:
        return equal
    columns = np.cumsum([0, *(task.width for task in tasks)])
    grid = [np.array(g) / STEPS for g in product(range(STEPS + 1), repeat=len(parts))
            if sum(g) == STEPS]  # fmt: skip
    grid.sort(
        key=lambda shares: float(((shares - equal) ** 2).sum())
    )  # a tie goes to the more equal
    losses = []
    for shares in grid:
        mixed = np.tensordot(shares, parts, axes=1)
        each = [_loss(mixed[:, columns[i] : columns[i + 1]], y[:, i], tasks[i]) for i in known]
        losses.append(np.mean(each))
    return (grid[int(np.argmin(losses))] + equal) / 2


def _loss(predicted: np.ndarray, labels: np.ndarray, task: Task) -> float:
    """Of one task, predicted (n, width)."""
    present = ~np.isnan(labels)
    predicted, labels = predicted[present], labels[present]
    if task.kind == "regression":
        return float(((encode(predicted[:, :1], [task])[:, 0] - labels) ** 2).mean())
    share = predicted
    if task.kind == "binary":
        share = np.concatenate([1.0 - predicted, predicted], axis=1)
    right = share[np.arange(len(labels)), labels.astype(int)]
    return float(-np.log(np.clip(right, 1e-3, 1.0)).mean())
