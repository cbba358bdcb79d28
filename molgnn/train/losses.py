"""From the options of a run to the loss of each of its tasks."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from molgnn.data.levels import LEVELS, Levels
from molgnn.data.targets import Task, tasks_at
from molgnn.errors import Refusal, choices
from molgnn.nn.loss import TaskLoss, balanced_weights
from molgnn.train.options import LossOptions


def task_losses(
    tasks: Sequence[Task], options: LossOptions, y: Levels
) -> dict[str, list[TaskLoss]]:
    """The losses by level, for ``nn.loss.LevelLoss``; ``y`` are the training labels.

    Raises Refusal for weights of a target or a class that there is not, or that are no weights.
    """
    weights = task_weights(tasks, options.task_weights)
    _check_class_weights(tasks, options.class_weights)
    found = {}
    for level in LEVELS:
        for column, task in enumerate(tasks_at(tasks, level)):
            labels = torch.from_numpy(y[level][:, column])
            loss = _loss(task, options, weights[task.name], labels)
            found.setdefault(level, []).append(loss)
    return found


def _loss(task: Task, options: LossOptions, weight: float, labels: Tensor) -> TaskLoss:
    if task.kind == "regression":
        name = options.regression
        own = {"quantiles": task.quantiles, "evidence": options.evidence}
        return TaskLoss(name, task.width, weight, delta=options.delta, **own)
    gamma = options.gamma if options.classes == "focal" else 0.0
    classes = _class_weights(task, options.class_weights, labels)
    return TaskLoss(task.kind, task.width, weight, classes, gamma)


def task_weights(tasks: Sequence[Task], asked: Mapping[str, float]) -> dict[str, float]:
    """A weight for each task, 1 on average, so that they do not change the rate of learning."""
    names = [task.name for task in tasks]
    for name, weight in (asked or {}).items():
        if name not in names:
            raise choices("target in loss.task_weights:", name, names)
        _check_weight(f"loss.task_weights.{name}", weight)
    given = np.array([float((asked or {}).get(name, 1.0)) for name in names])
    if not given.any():
        raise Refusal("loss.task_weights: every target weighs 0: nothing to learn")
    return dict(zip(names, (given / given.mean()).tolist(), strict=True))


def _class_weights(
    task: Task, asked: str | Mapping[str, Sequence[float]], labels: Tensor
) -> Tensor | None:
    if asked == "balanced":
        return balanced_weights(labels, len(task.classes))
    if isinstance(asked, Mapping) and task.name in asked:
        return torch.tensor([float(weight) for weight in asked[task.name]])
    return None


def _check_class_weights(tasks: Sequence[Task], asked: str | Mapping) -> None:
    classes = {task.name: task.classes for task in tasks if task.kind != "regression"}
    for name, weights in asked.items() if isinstance(asked, Mapping) else ():
        option = f"loss.class_weights.{name}"
        if not classes:
            raise Refusal("loss.class_weights: there is no target of classes to weigh")
        if name not in classes:
            raise choices("target of classes in loss.class_weights:", name, classes)
        if not isinstance(weights, (list, tuple)) or len(weights) != len(classes[name]):
            count = len(classes[name])
            raise Refusal(f"{option}={weights}: give {count} numbers, one for each class")
        for weight in weights:
            _check_weight(option, weight)


def _check_weight(option: str, weight: object) -> None:
    number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not number or not 0 <= weight < float("inf"):
        raise Refusal(f"{option}={weight}: must be a number, 0 or larger")
