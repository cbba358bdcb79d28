"""Pictures of a run: learning curve, parity, ROC and precision-recall, confusion."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from molgnn.data.targets import Task
from molgnn.train.metrics import Judged

matplotlib.rcParams.update({"font.size": 9})
COLOURS = {"train": "#9aa5b1", "valid": "#d98e04", "test": "#1261a0"}
MAX_PANELS = 12


def learning_curve(path: Path, histories: Sequence[Sequence[dict]]) -> None:
    """Training and validation loss against the epoch, one thin line a member."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for part in ("train", "valid"):
        for member, history in enumerate(histories):
            values = [row[f"{part}_loss"] for row in history]
            if any(value is not None for value in values):
                label = part if member == 0 else None
                axes.plot([r["epoch"] for r in history], values, color=COLOURS[part], label=label)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log", title="learning curve")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def predictions(folder: Path, judged: Sequence[tuple[Judged, np.ndarray]]) -> list[Path]:
    """One picture for each kind of task among the first twelve: predictions against labels, by the
    part of the split that stands beside each (n,). Returns the files written."""
    written = []
    for kind, (name, panels, draw) in _PICTURES.items():
        chosen = [pair for pair in judged if pair[0].task.kind == kind][:MAX_PANELS]
        if not chosen:
            continue
        columns = min(len(chosen), 4) if panels == 1 else 2
        rows = -(-len(chosen) * panels // columns)
        figure = Figure(figsize=(3.8 * columns, 3.6 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for spare in axes[len(chosen) * panels :]:
            spare.set_visible(False)
        for place, (judged_task, split) in enumerate(chosen):
            draw(axes[place * panels : (place + 1) * panels], judged_task, split)
        figure.savefig(folder / name, dpi=150)
        written.append(folder / name)
    return written


def _parity(axes: Sequence[Axes], judged: Judged, split: np.ndarray) -> None:
    (ax,), (task, y, bounds, outputs) = axes, judged
    for part, colour in COLOURS.items():
        for sign, marker in _MARKERS.items():
            rows = (split == part) & ~np.isnan(y) & (bounds == sign)
            style = {"s": 6 if sign == 0 else 14, "alpha": 0.6, "color": colour, "lw": 0}
            label = part if sign == 0 else None
            ax.scatter(y[rows], outputs[rows, 0], marker=marker, label=label, **style)
    low, high = np.nanmin(y), np.nanmax(y)
    ax.plot([low, high], [low, high], color="black", lw=0.8)
    unit = f" ({task.unit})" if task.unit else ""
    ax.set(xlabel=f"measured{unit}", ylabel=f"predicted{unit}", title=_title(task))
    ax.legend(frameon=False)


_MARKERS = {0: "o", 1: ">", -1: "<"}  # exact labels, and bounds: the true value lies that way


def _roc_pr(axes: Sequence[Axes], judged: Judged, split: np.ndarray) -> None:
    (roc, pr), (task, y, _, outputs) = axes, judged
    for part, colour in COLOURS.items():
        rows = (split == part) & ~np.isnan(y)
        if len(np.unique(y[rows])) < 2:
            continue
        false, true, _ = roc_curve(y[rows], outputs[rows, 0])
        precision, recall, _ = precision_recall_curve(y[rows], outputs[rows, 0])
        roc.plot(false, true, color=colour, label=part)
        pr.plot(recall, precision, color=colour, label=part)
    roc.plot([0, 1], [0, 1], color="black", lw=0.6, ls=":")
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title=_title(task))
    pr.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02), title=_title(task))
    roc.legend(frameon=False)


def _confusion(axes: Sequence[Axes], judged: Judged, split: np.ndarray) -> None:
    (ax,), (task, y, _, outputs) = axes, judged
    part = next(p for p in ("test", "valid", "train") if ((split == p) & ~np.isnan(y)).any())
    rows = (split == part) & ~np.isnan(y)
    counts = np.zeros((len(task.classes), len(task.classes)), dtype=int)
    np.add.at(counts, (y[rows].astype(int), outputs[rows].argmax(axis=1)), 1)
    ax.imshow(counts, cmap="Blues")
    if len(counts) <= 20:
        for (true, guess), n in np.ndenumerate(counts):
            ax.text(guess, true, n, ha="center", va="center")
    ax.set(xlabel="predicted class", ylabel="class", title=f"{_title(task)} ({part})")


def _title(task: Task) -> str:
    # Names come from files: "$" would be read as a formula.
    return textwrap.shorten(task.name, 40, placeholder=" …").replace("$", r"\$")


_PICTURES = {
    "regression": ("parity.png", 1, _parity),
    "binary": ("roc_pr.png", 2, _roc_pr),
    "multiclass": ("confusion.png", 1, _confusion),
}
