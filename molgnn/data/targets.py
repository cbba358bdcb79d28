"""What is predicted: tasks, their levels, kinds and units."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from molgnn.data.levels import LEVELS, Levels
from molgnn.data.scaling import TRANSFORMS, by_their_look, fitted
from molgnn.errors import Refusal, choices

KINDS = ("regression", "binary", "multiclass")
LARGEST = 1e30  # a label beyond it, single precision could not hold when it is scaled
RESERVED = ("line", "id", "smiles", "split", "reason", "fingerprint")  # columns of other meaning


@dataclass(frozen=True)
class Task:
    """One column to predict, for molecules, for each of their atoms, or for each of their bonds.

    Regression labels are transformed, then scaled by the training labels' ``mean`` and ``std``;
    ``knots`` are those of the transform ``rank``. With ``quantiles`` (ascending, 0.5 among them)
    the network gives one output for each.
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

    @property
    def width(self) -> int:
        """Outputs that the network has for this task."""
        return len(self.classes) if self.kind == "multiclass" else max(1, len(self.quantiles))

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
        )


def _is_text(value: object) -> bool:
    """Text that a file can hold: half a surrogate pair is none."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


@dataclass(frozen=True)
class Wishes:
    """What the user says of the targets: one word for all of them, or one for each by name.

    ``kind``: auto, regression, binary, multiclass; ``transform``, for regression alone: one of
    TRANSFORMS, or auto, which looks at the labels of molecules (``data.scaling.by_their_look``);
    ``quantiles``: to be predicted in the place of the mean; ``units``: by name.
    """

    kind: str | Mapping[str, str] = "auto"
    transform: str | Mapping[str, str] = "auto"
    quantiles: tuple[float, ...] = ()
    units: Mapping[str, str] | None = None

    def of(self, option: str, name: str, default: str) -> str:
        wish = getattr(self, option)
        return wish.get(name, default) if isinstance(wish, Mapping) else wish


def make_tasks(
    names: Mapping[str, Sequence[str]],
    labels: Levels,
    bounds: Levels,
    train: np.ndarray,
    wishes: Wishes,
    weight: np.ndarray | None = None,
) -> list[Task]:
    """The tasks of ``names`` by level, level by level; what is fitted sees the molecules ``train``
    alone. ``labels`` are NaN where missing; ``bounds`` as ``data.tables.cells.number`` gives them;
    ``weight`` (B,), above 0, says how much the labels of each molecule count.

    ``auto`` reads labels that are all 0 or 1 as binary, anything else as regression. Raises
    Refusal, naming the task, where labels do not fit the kind or there is nothing to learn.
    """
    ordered = [name for level in LEVELS for name in names.get(level, ())]
    _check_names(ordered, wishes)
    known, known_bounds = labels.select(train), bounds.select(train)
    tasks = []
    for level in LEVELS:
        weights = None if weight is None else known.spread(level, weight[train])
        for column, name in enumerate(names.get(level, ())):
            seen = known[level][:, column]
            is_exact = ~np.isnan(seen) & (known_bounds[level][:, column] == 0)
            exact = seen[is_exact]
            counted = None if weights is None else weights[is_exact]
            everywhere = labels[level][:, column]
            everywhere = everywhere[~np.isnan(everywhere)]
            if len(everywhere) and np.abs(everywhere).max() > LARGEST:
                raise Refusal(f"target {name!r} holds labels beyond {LARGEST:g}: leave them out")
            _check_learnable(name, seen, exact)
            has_bounds = bool(bounds[level][:, column].any())
            tasks.append(_task(name, level, wishes, everywhere, exact, counted, has_bounds))
    check_columns(tasks)
    return tasks


def check_columns(tasks: Sequence[Task]) -> None:
    """Raises Refusal where two predicted columns would have one name."""
    columns = [column for task in tasks for column in task.columns]
    for i, column in enumerate(columns):
        if column in columns[:i]:
            raise Refusal(f"two columns of predictions would be called {column!r}: rename a target")


def _check_learnable(name: str, seen: np.ndarray, exact: np.ndarray) -> None:
    if len(exact) == 0:
        bounds = int((~np.isnan(seen)).sum())
        found = f"only bounds ({bounds}) and no exact value" if bounds else "no label"
        raise Refusal(f"target {name!r} has {found} among the training molecules: leave it out")
    if len(np.unique(exact)) == 1:
        raise Refusal(
            f"target {name!r} is {exact[0]:g} for every training molecule: nothing to learn, "
            "leave it out"
        )


def _check_names(names: Sequence[str], wishes: Wishes) -> None:
    """Refuse names that would hide another column wherever predictions are written."""
    taken = set(RESERVED) | {f"{name}_std" for name in names}
    taken |= {f"{name} ({what})" for name in names for what in ("measured", "bound")}
    taken |= {f"{name}_q{quantile:g}" for name in names for quantile in wishes.quantiles}
    for i, name in enumerate(names):
        if name in names[:i]:
            raise Refusal(f"target {name!r} is named twice")
        if name in taken:
            raise Refusal(f"target {name!r}: the name is needed for another column: rename it")
    for option, where in (("kind", "head.kind"), ("transform", "data.transform")):
        wish = getattr(wishes, option)
        for name in wish if isinstance(wish, Mapping) else ():
            if name not in names:
                raise choices(f"target in {where}:", name, names)


def _task(
    name: str,
    level: str,
    wishes: Wishes,
    labels: np.ndarray,
    exact: np.ndarray,
    weight: np.ndarray | None,
    has_bounds: bool,
) -> Task:
    kind = wishes.of("kind", name, "auto")
    is_binary = bool(np.isin(labels, (0.0, 1.0)).all()) and not has_bounds
    if kind == "auto":
        kind = "binary" if is_binary else "regression"
    if kind not in KINDS:
        raise choices("kind of target", kind, ("auto", *KINDS))
    unit = (wishes.units or {}).get(name, "")
    if kind == "regression":
        transform = wishes.of("transform", name, "auto")
        if transform == "auto":
            looked_at = level == "molecule"
            transform = by_their_look(exact, weight) if looked_at else "standardize"
        if transform not in TRANSFORMS:
            raise choices("data.transform", transform, ("auto", *TRANSFORMS))
        scale = fitted(name, transform, exact, weight)
        chosen = {"level": level, "transform": transform, "quantiles": wishes.quantiles}
        return Task(name, kind, unit, **scale, **chosen)
    return Task(name, kind, unit, _classes(name, kind, labels, has_bounds), level=level)


def _classes(name: str, kind: str, labels: np.ndarray, has_bounds: bool) -> tuple[str, ...]:
    if has_bounds:
        raise Refusal(f"target {name!r} holds bounds (< or >), so it is no class: head=regression")
    if kind == "binary":
        odd = labels[~np.isin(labels, (0.0, 1.0))]
        if len(odd):
            raise Refusal(
                f"target {name!r} holds {odd[0]:g}: a binary target is 0 or 1 (head=regression?)"
            )
        return "0", "1"
    if not ((labels >= 0) & (labels == labels.round()) & (labels < 1000)).all():
        raise Refusal(f"target {name!r}: classes must be whole numbers from 0 (head=regression?)")
    return tuple(str(c) for c in range(int(labels.max()) + 1))


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
