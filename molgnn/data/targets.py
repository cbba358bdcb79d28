"""What is predicted: tasks, their kinds and units, and the scaling between labels and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from molgnn.errors import Refusal, choices

KINDS = ("regression", "binary", "multiclass")


@dataclass(frozen=True)
class Task:
    """One column to predict. Regression outputs are scaled by the training labels' mean and std."""

    name: str
    kind: str
    unit: str = ""
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0

    @property
    def width(self) -> int:
        """Outputs that the network has for this task."""
        return len(self.classes) if self.kind == "multiclass" else 1

    @property
    def columns(self) -> list[str]:
        """Names of the predicted columns: the task's, or one ``task=class`` for each class."""
        if self.kind != "multiclass":
            return [self.name]
        return [f"{self.name}={label}" for label in self.classes]

    def to_json(self) -> dict:
        return asdict(self) | {"classes": list(self.classes)}

    @classmethod
    def from_json(cls, data: Mapping) -> "Task":
        return cls(**{**data, "classes": tuple(data["classes"])})


def make_tasks(
    names: Sequence[str],
    y: np.ndarray,
    train: np.ndarray,
    kind: str | Mapping[str, str] = "auto",
    units: Mapping[str, str] | None = None,
) -> list[Task]:
    """The tasks of labels ``y`` (n, T), NaN where missing; scaling from the rows ``train`` alone.

    ``auto`` reads labels that are all 0 or 1 as binary, anything else as regression. Raises
    Refusal, naming the task, where labels do not fit the kind or there is nothing to learn.
    """
    units = units or {}
    _check_names(names, kind)
    kinds = kind if isinstance(kind, Mapping) else dict.fromkeys(names, kind)
    tasks = []
    for column, name in enumerate(names):
        labels = y[:, column][~np.isnan(y[:, column])]
        fitted = y[train, column][~np.isnan(y[train, column])]
        if len(fitted) == 0:
            raise Refusal(
                f"target {name!r} has no label among the training molecules: leave it out"
            )
        if len(np.unique(fitted)) == 1:
            raise Refusal(
                f"target {name!r} is {fitted[0]:g} for every training molecule: nothing to learn, "
                "leave it out"
            )
        tasks.append(_task(name, kinds.get(name, "auto"), labels, fitted, units.get(name, "")))
    return tasks


RESERVED = ("line", "id", "smiles", "split", "reason", "fingerprint")


def _check_names(names: Sequence[str], kind: str | Mapping[str, str]) -> None:
    """Refuse names that would hide another column wherever predictions are written."""
    taken = set(RESERVED) | {f"{name}_std" for name in names}
    for i, name in enumerate(names):
        if name in names[:i]:
            raise Refusal(f"target {name!r} is named twice")
        if name in taken:
            raise Refusal(f"target {name!r}: the name is needed for another column: rename it")
    for name in kind if isinstance(kind, Mapping) else ():
        if name not in names:
            raise choices("target in head.kind:", name, names)


def _task(name: str, kind: str, labels: np.ndarray, fitted: np.ndarray, unit: str) -> Task:
    is_binary = bool(np.isin(labels, (0.0, 1.0)).all())
    if kind == "auto":
        kind = "binary" if is_binary else "regression"
    if kind not in KINDS:
        raise choices("kind of target", kind, ("auto", *KINDS))
    if kind == "regression":
        return Task(name, kind, unit, mean=float(fitted.mean()), std=float(fitted.std()))
    if kind == "binary" and not is_binary:
        odd = labels[~np.isin(labels, (0.0, 1.0))][0]
        raise Refusal(
            f"target {name!r} holds {odd:g}: a binary target is 0 or 1 (head=regression?)"
        )
    if kind == "multiclass":
        if not ((labels >= 0) & (labels == labels.round()) & (labels < 1000)).all():
            raise Refusal(
                f"target {name!r}: classes must be whole numbers from 0 (head=regression?)"
            )
        return Task(name, kind, unit, tuple(str(c) for c in range(int(labels.max()) + 1)))
    return Task(name, kind, unit, ("0", "1"))


def encode(y: np.ndarray, tasks: Sequence[Task]) -> np.ndarray:
    """Labels (n, T) as the network learns them: regression tasks standardised. float32."""
    mean, std = (np.array([getattr(t, key) for t in tasks]) for key in ("mean", "std"))
    return ((y - mean) / std).astype(np.float32)


def decode(logits: np.ndarray, tasks: Sequence[Task]) -> np.ndarray:
    """Network outputs (n, O) -> predictions (n, O): the user's units, or probabilities."""
    logits = np.asarray(logits, dtype=np.float64)
    parts, start = [], 0
    for task in tasks:
        part = logits[:, start : start + task.width]
        start += task.width
        if task.kind == "regression":
            part = part * task.std + task.mean
        elif task.kind == "binary":
            part = 0.5 * (1.0 + np.tanh(0.5 * part))  # the logistic function, free of overflow
        else:
            part = np.exp(part - part.max(axis=1, keepdims=True))
            part = part / part.sum(axis=1, keepdims=True)
        parts.append(part)
    return np.concatenate(parts, axis=1) if parts else logits
