"""Which columns a model gives, which one ranks, and how they are called in a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from molgnn.data.targets import free_names, with_std
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from molgnn.data.targets import Task
    from molgnn.models.ensemble import Predictor


def chosen_column(model: "Predictor", task: str | None) -> int:
    """Position of the column that ranks: the named task's, or the first one.

    A task of several classes has one column a class, called ``<task>=<class>``: name one of them.
    """
    if not model.columns:
        raise Refusal(
            f"the model predicts {', '.join(model.list_columns)} for atoms or bonds, and nothing "
            "for whole molecules to rank: use molgnn predict"
        )
    if task is None:
        return 0
    if task in model.columns:
        return model.columns.index(task)
    for known in model.tasks:
        if known.name == task and known.level != "molecule":
            ranks = ", ".join(model.columns)
            raise Refusal(
                f"task {task!r} is predicted for each {known.level}: rank by one of {ranks}"
            )
        if known.name == task:
            names = ", ".join(known.columns)
            raise Refusal(f"task {task!r} has several classes: choose one of {names}")
    raise choices("task", task, model.columns)


def task_of(model: "Predictor", column: str) -> "Task":
    """The task to which a column belongs."""
    return next(task for task in model.tasks if column in task.columns)


def output_names(model: "Predictor", taken: Iterable[str]) -> list[str]:
    """What the model's columns are called in a table that already has the ``taken`` ones: the
    means, then the standard deviations (``<column>_std``), where the model has them.

    A name that is taken becomes ``<name>_predicted``.
    """
    # Models from other hands know their members alone.
    names = with_std(model.columns, getattr(model, "has_std", model.num_members > 1))
    return free_names(names, taken, "_predicted")


def list_names(model: "Predictor") -> list[str]:
    """What the model calls its columns of atoms and bonds, then their standard deviations, where it
    has them."""
    has_std = getattr(model, "has_list_std", model.num_members > 1)
    return with_std(model.list_columns, has_std)


def training_range(model: "Predictor", column: str) -> list[float] | None:
    """Smallest and largest training label of a regression column; None where the card has none."""
    if task_of(model, column).kind != "regression":
        return None
    return model.card.get("data", {}).get("range", {}).get(column)
