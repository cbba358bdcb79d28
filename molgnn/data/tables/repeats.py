"""Repeated molecules: rows of one molecule become one row, by a stated rule, and are reported."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from molgnn.errors import choices

_EXAMPLES = 5


@dataclass
class Repeats:
    """What became of molecules that stand on several rows.

    ``groups`` such molecules; ``merged`` rows that went into an earlier one; ``dropped`` rows left
    out for their conflict; ``conflicts`` groups whose labels differ; ``spread`` task -> the largest
    difference between two labels of one molecule (0.0 without); ``examples`` conflicts by line.
    """

    rule: str = "mean"
    groups: int = 0
    merged: int = 0
    dropped: int = 0
    conflicts: int = 0
    spread: dict[str, float] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


def _mean(labels: np.ndarray) -> float:
    return float(np.mean(labels))


def _majority(labels: np.ndarray) -> float:
    """The most frequent class; a tie has no answer and counts as missing."""
    ranked = Counter(labels.tolist()).most_common(2)
    tie = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
    return math.nan if tie else ranked[0][0]


def _first(labels: np.ndarray) -> float:
    return float(labels[0])


# Rule -> (regression, classification): how the labels of one task, missing ones left out, merge.
# "drop" leaves molecules with conflicting labels out, "keep" every row as it is.
RULES = {
    "mean": (_mean, _majority),
    "first": (_first, _first),
    "drop": (_first, _first),
    "keep": (None, None),
}


def merge_repeats(
    keys: Sequence[Hashable],
    y: np.ndarray,
    bounds: np.ndarray,
    tasks: Sequence[str],
    lines: Sequence[int],
    names: Sequence[str],
    rule: str = "mean",
    classification: bool | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Repeats]:
    """(rows kept (n,) int64, their merged labels (n, T), bounds (n, T), report) of rows with labels
    y (R, T), whose ``bounds`` are those of ``cells.number``.

    Rows with equal keys are one molecule; it stands where it stood first. Its label in a task is
    made of those that are not missing, of exact ones where there are some, else the tightest bound.
    ``classification`` None judges each task by its labels. ``lines`` and ``names`` are for the
    report's examples.
    """
    merges = merges_of(rule, y, classification)
    exact = np.where(bounds == 0, y, math.nan)
    report = Repeats(rule=rule, spread=dict.fromkeys(tasks, 0.0))
    rows, labels, signs = [], [], []
    for group in groups_of(keys):
        spread = _spread(exact[group])
        if len(group) > 1:
            _note(report, group, spread, y, lines, names[group[0]])
        if rule == "keep" or len(group) == 1:
            rows += group
            labels += list(y[group])
            signs += list(bounds[group])
            continue
        merged, sign = _merged(y[group], bounds[group], merges)
        undecided = len(tasks) and np.isnan(merged).all() and not np.isnan(y[group]).all()
        if undecided or (rule == "drop" and spread.any()):
            report.dropped += len(group)
            continue
        report.merged += len(group) - 1
        rows.append(group[0])
        labels.append(merged)
        signs.append(sign)
    order = np.argsort(rows, kind="stable")
    kept, shape = np.array(rows, dtype=np.int64)[order], (len(rows), len(tasks))
    labels, signs = (np.array(a, dtype=t).reshape(shape)[order]
                     for a, t in ((labels, np.float64), (signs, np.int8)))  # fmt: skip
    return kept, labels, signs, report


def merges_of(rule: str, y: np.ndarray, classification: bool | None) -> list:
    """For each column of y (R, T) the function that merges its labels. Raises Refusal."""
    if rule not in RULES:
        raise choices("rule for repeated molecules", rule, RULES)
    return [RULES[rule][_is_classes(labels, classification)] for labels in y.T]


def groups_of(keys: Sequence[Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _is_classes(labels: np.ndarray, classification: bool | None) -> bool:
    """Labels that are all 0 or 1 are classes, where nobody says what they are."""
    if classification is not None:
        return classification
    return bool(np.isin(labels[~np.isnan(labels)], (0.0, 1.0)).all())


def _merged(labels: np.ndarray, bounds: np.ndarray, merges: Sequence):
    """(labels (T,), bounds (T,)) of one molecule."""
    pairs = [
        one_label(y, bound, merge)
        for y, bound, merge in zip(labels.T, bounds.T, merges, strict=True)
    ]
    return np.array([label for label, _ in pairs]), np.array([bound for _, bound in pairs])


def one_label(y: np.ndarray, bounds: np.ndarray, merge) -> tuple[float, int]:
    """The label and the bound that labels of one thing make: of the exact ones where there are
    some, else the tightest bound; NaN where all are missing, or bounds from both sides."""
    known = ~np.isnan(y)
    y, bounds = y[known], bounds[known]
    if (bounds == 0).any():
        return merge(y[bounds == 0]), 0
    if len(y) == 0 or bounds.min() != bounds.max():
        return math.nan, 0
    return float(y.max() if bounds[0] > 0 else y.min()), int(bounds[0])


def _spread(labels: np.ndarray) -> np.ndarray:
    """(T,) largest minus smallest label of each task; 0 where there are fewer than two."""
    if len(labels) == 1:
        return np.zeros(labels.shape[1])
    low = np.where(np.isnan(labels), np.inf, labels).min(axis=0)
    high = np.where(np.isnan(labels), -np.inf, labels).max(axis=0)
    return np.where(high > low, high - low, 0.0)


def _note(report: Repeats, group: list[int], spread, y, lines, name: str) -> None:
    report.groups += 1
    if not spread.any():
        return
    report.conflicts += 1
    for task, value in zip(report.spread, spread, strict=True):
        report.spread[task] = max(report.spread[task], float(value))
    if len(report.examples) < _EXAMPLES:
        worst = int(np.argmax(spread))
        values = ", ".join(f"line {lines[row]}: {y[row, worst]:g}" for row in group)
        report.examples.append(f"{name} {list(report.spread)[worst]} {values}")
