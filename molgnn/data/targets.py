"""What is predicted: tasks, their levels, kinds and units."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from molgnn.data.levels import LEVELS
from molgnn.data.scaling import TRANSFORMS
from molgnn.errors import Refusal

KINDS = ("regression", "binary", "multiclass")
SPREADS = {"": 1, "variance": 2, "evidential": 4}  # outputs of a head that says so much of itself
LARGEST = 1e30  # a label beyond it, single precision could not hold when it is scaled
RESERVED = ("line", "id", "smiles", "split", "reason", "fingerprint")  # columns of other meaning


@dataclass(frozen=True)
class Task:
    """One column to predict, for molecules, for each of their atoms, or for each of their bonds.

    Regression labels are transformed, then scaled by the training labels' ``mean`` and ``std``;
    ``knots`` are those of the transform ``rank``. With ``quantiles`` (ascending, 0.5 among them)
    the network gives one output for each; with ``spread`` further ones say how far it may be off,
    see ``nn.spread``.
    """

    name: str
    kind: str
    unit: str = ""
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    level: str = "molecule"
    transform: str = "standardize"
    knots: tuple[tuple[float, float], ...] = ()
    quantiles: tuple[float, ...] = ()
    spread: str = ""

    @property
    def width(self) -> int:
        """Outputs that the network has for this task."""
        if self.kind == "multiclass":
            return len(self.classes)
        return len(self.quantiles) or SPREADS[self.spread]

    @property
    def quantile_order(self) -> list[int]:
        """Positions of the quantiles: the median, then the others."""
        middle = self.quantiles.index(0.5)
        return [middle, *(i for i in range(len(self.quantiles)) if i != middle)]

    @property
    def columns(self) -> list[str]:
        """Names of the predicted columns: the task's (the median, followed by ``task_q0.05`` for
        each further quantile), or one ``task=class`` for each class."""
        if self.kind == "multiclass":
            return [f"{self.name}={label}" for label in self.classes]
        others = [self.quantiles[i] for i in self.quantile_order[1:]] if self.quantiles else []
        return [self.name, *(f"{self.name}_q{quantile:g}" for quantile in others)]

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping) -> "Task":
        """Raises ValueError, TypeError or KeyError for what describes no task."""
        lists = {
            "classes": tuple(data["classes"]),
            "knots": tuple((float(y), float(z)) for y, z in data.get("knots", ())),
            "quantiles": tuple(map(float, data.get("quantiles", ()))),
        }
        task = cls(**{**data, **lists})
        if not task._is_sound():
            raise ValueError(f"{task} describes no task")
        return task

    def _is_sound(self) -> bool:
        knots = np.array(self.knots).reshape(-1, 2)
        rank = self.transform == "rank"
        return (
            self.kind in KINDS
            and self.level in LEVELS
            and self.transform in TRANSFORMS
            and all(_is_text(text) for text in (self.name, self.unit, *self.classes))
            and (self.kind != "binary" or len(self.classes) == 2)
            and self.name not in ("", *RESERVED)
            and self.std > 0
            and not isinstance(self.std, bool)
            and math.isfinite(self.mean)
            and math.isfinite(self.std)
            and len(knots) >= 2 * rank
            and bool(np.isfinite(knots).all() and (np.diff(knots, axis=0) > 0).all())
            and (not self.quantiles or 0.5 in self.quantiles)
            and list(self.quantiles) == sorted(set(self.quantiles))
            and all(0 < quantile < 1 for quantile in self.quantiles)
            and self.spread in list(SPREADS)
            and (not self.spread or (self.kind == "regression" and not self.quantiles))
        )


def _is_text(value: object) -> bool:
    """Text that a file can hold: half a surrogate pair is none."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def check_columns(tasks: Sequence[Task]) -> None:
    """Raises Refusal where two predicted columns would have one name."""
    columns = [column for task in tasks for column in task.columns]
    for i, column in enumerate(columns):
        if column in columns[:i]:
            raise Refusal(f"two columns of predictions would be called {column!r}: rename a target")


def tasks_at(tasks: Sequence[Task], level: str) -> list[Task]:
    """The tasks of one level, in order: those of its columns of labels and of outputs."""
    return [task for task in tasks if task.level == level]


def widths(tasks: Sequence[Task]) -> dict[str, int]:
    """How many outputs a network has at each level where it has some."""
    found = {level: sum(task.width for task in tasks_at(tasks, level)) for level in LEVELS}
    return {level: width for level, width in found.items() if width}


def with_std(columns: Sequence[str], several: bool) -> list[str]:
    """The columns, and for several members those of their standard deviations."""
    return [*columns, *(f"{column}_std" for column in columns)] if several else list(columns)


def free_names(names: Sequence[str], taken: Iterable[str], suffix: str) -> list[str]:
    """The names, each with the suffix as often as it takes to be a name of its own."""
    used, free = set(taken), []
    for name in names:
        while name in used:
            name += suffix
        used.add(name)
        free.append(name)
    return free
