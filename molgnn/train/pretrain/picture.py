"""The picture of a pretraining: its terms, what is rebuilt, and how the latents are used."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHARES = {
    "atoms_right": "hidden atoms",
    "bonds_right": "bonds",
    "molecules_right": "whole molecules",
}


def progress_picture(path: Path, history: Sequence[dict]) -> None:
    """Each term against the step, shares that are right, and nats by dimension, largest first."""
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    terms, shares, nats = figure.subplots(1, 3)
    for name in history[-1]["terms"]:
        values = [row["terms"][name] for row in history]
        terms.plot([row["step"] for row in history], values, label=name)
    terms.set(xlabel="step", ylabel="mean of the batches", yscale="log", title="terms of the loss")
    judged = [row for row in history if "valid" in row]
    for name, said in SHARES.items():
        points = [(row["step"], row["valid"][name]) for row in judged
                  if row["valid"].get(name) is not None]  # fmt: skip
        if points:
            shares.plot(*zip(*points, strict=True), marker=".", label=said)
    shares.set(xlabel="step", ylim=(0, 1), title="share right, held-out molecules")
    for name, values in judged[-1]["valid"]["kl_by_dimension"].items():
        nats.plot(sorted(values, reverse=True), label=name)
    nats.set(xlabel="dimension", ylabel="nats", yscale="log", title="KL by dimension")
    nats.set_visible(bool(nats.lines))  # latents that are not sampled have none
    for axes in (terms, shares, nats):
        _legend(axes)
    figure.savefig(path, dpi=150)


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
