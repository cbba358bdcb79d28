"""Pictures of a run: learning curve, parity, ROC and precision-recall, confusion."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from molgnn.data.targets import Task
from molgnn.train.metrics import Judged
from molgnn.train.paired import Comparison

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
    losses = [line.get_ydata() for line in axes.lines]
    positive = all(np.min(np.array(y, dtype=float)) > 0 for y in losses)  # not so of a likelihood
    scale = "log" if positive else "linear"
    axes.set(xlabel="epoch", ylabel="loss", yscale=scale, title="learning curve")
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


def domain(
    path: Path,
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    threshold: float,
    measure: str,
) -> None:
    """Error against similarity to the nearest training molecule, a panel for each part: similarity
    and error (n,) with NaN for none. Bars are the mean errors on the two sides of the threshold."""
    figure = Figure(figsize=(4.2 * max(1, len(pairs)), 3.6), layout="constrained")
    axes = figure.subplots(1, max(1, len(pairs)), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (part, (similarity, error)) in zip(axes, pairs.items(), strict=False):
        ax.scatter(similarity, error, s=7, alpha=0.6, color=COLOURS[part], lw=0)
        ax.axvline(threshold, color="black", lw=0.8, ls="--")
        for low, high in ((0.0, threshold), (threshold, 1.0)):
            side = (similarity >= low) & ((similarity < high) | (high == 1.0)) & np.isfinite(error)
            if side.any():
                ax.hlines(error[side].mean(), low, high, color="black", lw=1.6)
        title = f"{part}: outside | inside at {threshold:.2f}"
        ax.set(xlabel="similarity to the nearest training molecule", title=title, xlim=(0, 1.02))
    words = textwrap.fill(measure, 45).replace("$", r"\$")
    axes[0].set(ylabel=words)
    figure.savefig(path, dpi=150)


def calibration(path: Path, panels: Sequence[tuple[Task, Mapping[str, Sequence[tuple]]]]) -> None:
    """A panel for each of the first twelve tasks, with its lines of (promised, found, number):
    coverage of a regression's intervals, or the reliability of probabilities, also before
    calibration. The grey band is where 95 % of binomial shares would be, for ``test`` or ``valid``.
    """
    panels = panels[:MAX_PANELS]
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.4 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    for ax, (task, lines) in zip(axes, panels, strict=False):
        regression = task.kind == "regression"
        if regression and lines:
            _band(ax, min(points[0][2] for points in lines.values()))
        ax.plot([0, 1], [0, 1], color="black", lw=0.6, ls=":")
        for label, points in lines.items():
            part, _, before = label.partition(",")
            x, y, _ = np.transpose(points)
            line = {"color": COLOURS[part], "ls": "--" if before else "-", "lw": 1, "ms": 3}
            alpha, marker = 0.5 if before else 1, None if regression else "o"
            ax.plot(x, y, label=label, alpha=alpha, marker=marker, **line)
        sides = ("level", "share inside") if regression else ("probability", "share")
        ax.set(xlabel=sides[0], ylabel=sides[1], title=_title(task), xlim=(0, 1), ylim=(0, 1))
        ax.legend(frameon=False)
    figure.savefig(path, dpi=150)


def _band(ax: Axes, n: int) -> None:
    levels = np.linspace(0.01, 0.99, 99)
    half = 1.96 * np.sqrt(levels * (1 - levels) / n)
    ax.fill_between(levels, levels - half, levels + half, color="#dde3ea", lw=0)


def folds(
    path: Path, metric: str, sides: Mapping[str, Sequence[float]], found: Comparison | None
) -> None:
    """``sides``: name -> the metric of each fold (n,), NaN where there is none; a line joins those
    of one fold. Beside them the differences of the two that ``found`` compares, if there is one,
    with their mean and its 95 % confidence interval."""
    figure = Figure(figsize=(7.5 if found else 4, 4), layout="constrained")
    axes = figure.subplots(1, 2, squeeze=False, width_ratios=(2, 1))[0] if found else ()
    left = axes[0] if found else figure.subplots()
    values = np.array(list(sides.values()))  # (sides, n)
    left.plot(values, color=COLOURS["train"], lw=0.7, zorder=1)
    for place, column in enumerate(values):
        left.scatter(np.full(len(column), place), column, s=16, color=COLOURS["test"], zorder=2)
        left.hlines(np.nanmean(column), place - 0.2, place + 0.2, color="black", zorder=3)
    left.set(ylabel=metric, title="figures by fold, and their means", xlim=(-0.5, len(sides) - 0.5))
    left.set_xticks(range(len(sides)), list(sides))
    if found:
        _differences(axes[1], np.subtract(sides[found.second], sides[found.first]), found)
    figure.savefig(path, dpi=150)


def _differences(ax: Axes, differences: np.ndarray, found: Comparison) -> None:
    spread = np.linspace(-0.25, 0.25, len(differences)) if len(differences) > 1 else [0]
    ax.axhline(0, color="black", lw=0.6, ls=":")
    ax.scatter(spread, differences, s=16, color=COLOURS["train"])
    half = 0 if found.high is None else found.high - found.difference
    ax.errorbar(0.5, found.difference, half, fmt="o", color=COLOURS["test"], capsize=4)
    p = "" if found.p is None else f"\np = {found.p:.2g}"
    ax.set(xlim=(-0.5, 0.8), xticks=(), title=f"{found.second} \u2212 {found.first}, 95 % CI{p}")


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
