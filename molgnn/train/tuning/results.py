"""What a search leaves: the table of trials, the winner, a picture."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from molgnn.data.packed.durable import durable
from molgnn.train.tuning.study import Study, is_default

TRIALS, PICTURE = "trials.csv", "study.png"
_SAID = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "interrupted"}
matplotlib.rcParams.update({"font.size": 9})


def table(study: Study) -> list[dict]:
    """A row a trial: number, state, value, seconds, default, each option, and why it failed. An
    option of the default trial that lies outside the space has its value too."""
    rows = []
    for trial in study.trials:
        seconds = trial.duration.total_seconds() if trial.duration else None
        ran = dict(trial.user_attrs.get("options", {}))
        if is_default(trial):
            ran = {o.key: study.defaults.get(o.key) for o in study.space} | ran
        rows.append(
            {
                "number": trial.number,
                "state": _SAID[trial.state.name],
                "value": trial.value if trial.state.name == "COMPLETE" else None,
                "seconds": None if seconds is None else round(seconds, 2),
                "default": is_default(trial),
                **{option.key: ran.get(option.key) for option in study.space},
                "reason": trial.user_attrs.get("reason", ""),
            }
        )
    return rows


def write_table(path: Path, rows: Sequence[Mapping]) -> None:
    with durable(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def picture(path: Path, study: Study) -> None:
    """Values and the best so far against the trial's number; beside it what each option explains
    of the values, where there are enough of them."""
    importances = study.importances()
    figure = Figure(figsize=(10 if importances else 6, 3.8), layout="constrained")
    axes = figure.subplots(1, 2 if importances else 1, squeeze=False)[0]
    _history(axes[0], study)
    if importances:
        names = list(importances)[::-1]
        axes[1].barh(names, [importances[name] for name in names], color="#1261a0")
        axes[1].set(xlabel="share of the variance of the values", title="importance (fANOVA)")
    figure.savefig(path, dpi=150)


def _history(axes, study: Study) -> None:
    rows = table(study)
    done = [row for row in rows if row["value"] is not None]
    best, least = [], None
    for row in done:
        signed = study.sign * row["value"]
        least = signed if least is None else min(least, signed)
        best.append(study.sign * least)
    numbers = [row["number"] for row in done]
    axes.scatter(numbers, [r["value"] for r in done], s=14, color="#9aa5b1", label="complete")
    axes.step(numbers, best, where="post", color="#1261a0", label="best so far")
    pruned = [row["number"] for row in rows if row["state"] == "pruned"]
    for place, number in enumerate(pruned):
        axes.axvline(number, color="#d98e04", lw=0.6, label=None if place else "pruned")
    axes.set(xlabel="trial", ylabel=f"{study.metric}, valid", title="history")
    axes.legend(frameon=False)
