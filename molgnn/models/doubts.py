"""Calibration at work: what members say of molecules as it is to be believed, and its columns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.targets import Task, free_names, tasks_at
from molgnn.errors import Refusal
from molgnn.models.calibration import ClassScale, ErrorScale, Scale, conformal_quantile
from molgnn.models.columns import FIGURE, TEXT, Column

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

LEVEL = 0.9  # of intervals and sets, where no other is asked for
SUFFIX = "_interval"  # where a name is taken


def applied(
    scales: Mapping[str, Scale], tasks: Sequence[Task], mean: np.ndarray, std: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread (B, O) of the members as they are to be believed: calibrated probabilities,
    and standard deviations of errors. A task without a scale stays as it is."""
    if not scales:
        return mean, std
    mean, std = mean.copy(), std.copy()
    for task, own in _places(tasks):
        scale = scales.get(task.name)
        if isinstance(scale, ErrorScale):
            std[:, own] = scale.sigma(std[:, own])
        elif isinstance(scale, ClassScale):
            found = scale.probability(of_each_class(mean[:, own]))
            mean[:, own] = found[:, 1:] if task.kind == "binary" else found
    return mean, std


def of_each_class(p: np.ndarray) -> np.ndarray:
    """Probabilities of a task as its columns have them, (B, 1) of 1 or (B, C) -> (B, C)."""
    return np.concatenate([1.0 - p, p], axis=1) if p.shape[1] == 1 else p


def check_level(level: float) -> float:
    """Raises Refusal for one that is none."""
    if not 0 < level < 1:
        raise Refusal(f"--level {level:g}: must be between 0 and 1, such as 0.9")
    return level


def names_of(model: "Predictor") -> list[tuple[str, str]]:
    """Name and kind of each column of ``columns_of``; none of the names is one of the model's own.
    Models from other hands have no calibration."""
    scales, found = getattr(model, "calibration", {}), []
    if not scales:
        return []
    for task in tasks_at(model.tasks, "molecule"):
        scale = scales.get(task.name)
        if isinstance(scale, ErrorScale):
            found += [(f"{task.name}_low", FIGURE), (f"{task.name}_high", FIGURE)]
        elif isinstance(scale, ClassScale):
            found.append((f"{task.name}_set", TEXT))
    own = [*model.columns, *(f"{column}_std" for column in model.columns), *model.list_columns]
    names = free_names([name for name, _ in found], [*own, "reason"], SUFFIX)
    return list(zip(names, [kind for _, kind in found], strict=True))


def columns_of(
    model: "Predictor", mean: np.ndarray, std: np.ndarray, level: float = LEVEL
) -> list[Column]:
    """Of predictions (B, O) and their calibrated deviations: ``<task>_low`` and ``<task>_high`` of
    a calibrated regression, the ends of its interval at ``level``, and ``<task>_set`` of classes,
    those that ``level`` does not rule out, apart by spaces. An interval is infinite where the
    held-out molecules are too few for the level, and a set may be empty: no class fits."""
    scales, values = getattr(model, "calibration", {}), []
    if not scales:
        return []
    for task, own in _places(tasks_at(model.tasks, "molecule")):
        scale = scales.get(task.name)
        if isinstance(scale, ErrorScale):
            middle, sigma = mean[:, own][:, 0], std[:, own][:, 0]
            half = sigma * conformal_quantile(np.array(scale.scores), scale.n, level)
            values += [middle - half, middle + half]
        elif isinstance(scale, ClassScale):
            inside = scale.sets(of_each_class(mean[:, own]), level)
            values.append([_words(task, row) for row in inside.tolist()])
    return [Column(*name, v) for name, v in zip(names_of(model), values, strict=True)]


def _words(task: Task, inside: Sequence[bool]) -> str:
    return " ".join(name for name, is_in in zip(task.classes, inside, strict=True) if is_in)


def _places(tasks: Sequence[Task]) -> list[tuple[Task, slice]]:
    """Each task of molecules with its columns among those of all."""
    ends = np.cumsum([0, *(len(task.columns) for task in tasks)]).tolist()
    return [(task, slice(*ends[i : i + 2])) for i, task in enumerate(tasks)]
