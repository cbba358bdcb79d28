"""What the user wishes of the targets, and the tasks that it makes of their labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molgnn.data.levels import LEVELS, Levels
from molgnn.data.scaling import TRANSFORMS, by_their_look, fitted
from molgnn.data.targets import KINDS, LARGEST, RESERVED, Task, check_columns
from molgnn.errors import Refusal, choices


@dataclass(frozen=True)
class Wishes:
    """What the user says of the targets: one word for all of them, or one for each by name.

    ``kind``: auto, regression, binary, multiclass; ``transform``, for regression alone: one of
    TRANSFORMS, or auto, which looks at the labels of molecules (``data.scaling.by_their_look``);
    ``quantiles``: to be predicted in the place of the mean; ``units``: by name; ``spread``: what
    networks say of their errors, see ``Task``.
    """

    kind: str | Mapping[str, str] = "auto"
    transform: str | Mapping[str, str] = "auto"
    quantiles: tuple[float, ...] = ()
    units: Mapping[str, str] | None = None
    spread: str = ""

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
        return Task(name, kind, unit, **scale, **chosen, spread=wishes.spread)
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
