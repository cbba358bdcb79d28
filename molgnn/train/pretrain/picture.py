"""The picture of a pretraining: its terms, what is rebuilt, and how the latents are used."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHARES = {
    "atoms_right": "hidden atoms",
    "bonds_right": "bonds",
    "molecules_right": "whole molecules",
}


def progress_picture(path: Path, history: Sequence[dict]) -> None:
    """Each term against the step, of batches and of held-out molecules; and where there are some,
    shares that are right, and nats by dimension, largest first."""
    judged = [row for row in history if "valid" in row]
    panels = [_terms, *(panel for panel in (_shares, _nats) if _has(panel, judged[-1]["valid"]))]
    figure = Figure(figsize=(1 + 3.4 * len(panels), 3.4), layout="constrained")
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        panel(axes, history, judged)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def _has(panel: Callable, valid: dict) -> bool:
    """Descriptors alone rebuild nothing, and latents that are not sampled have no divergence."""
    if panel is _nats:
        return bool(valid["kl_by_dimension"])
    return any(valid.get(name) is not None for name in SHARES)


def _terms(axes: Axes, history: Sequence[dict], judged: Sequence[dict]) -> None:
    for name in history[-1]["terms"]:
        values = [row["terms"][name] for row in history]
        (line,) = axes.plot([row["step"] for row in history], values, marker=".", label=name)
        held = [row["valid"][name] for row in judged]
        steps = [row["step"] for row in judged]
        said = f"{name}, held out"
        axes.plot(steps, held, marker="x", linestyle="--", color=line.get_color(), label=said)
    axes.set(xlabel="step", ylabel="mean of the batches", yscale="log", title="terms of the loss")


def _shares(axes: Axes, history: Sequence[dict], judged: Sequence[dict]) -> None:
    for name, said in SHARES.items():
        points = [(row["step"], row["valid"][name]) for row in judged
                  if row["valid"].get(name) is not None]  # fmt: skip
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", label=said)
    axes.set(xlabel="step", ylim=(0, 1), title="share right, held-out molecules")


def _nats(axes: Axes, history: Sequence[dict], judged: Sequence[dict]) -> None:
    for name, values in judged[-1]["valid"]["kl_by_dimension"].items():
        axes.plot(sorted(values, reverse=True), marker=".", label=name)
    axes.set(xlabel="dimension", ylabel="nats", yscale="log", title="KL by dimension")
