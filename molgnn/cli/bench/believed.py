"""What `bench uncertainty` measures of a run's test part, and how it shows many of them."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molgnn.train.run import Run

ROW = ("set", "split", "seeds", "coverage 80", "coverage 90", "coverage 95", "width 90", "ECE")
ROW += ("ECE before", "worst task", "error by spread", "outside / inside")


def figures_of(done: "Run") -> dict:
    """``tasks``: of each its figures before and after calibration, for a regression also the root
    mean square error in the fifths of the spread and what the intervals of each level hold;
    ``ratio``: the error outside the domain by that inside."""
    import numpy as np

    from molgnn.models.calibration import ErrorScale, conformal_quantile
    from molgnn.train.reliability import quintiles

    table = done.predictions
    table = table[table["split"] == "test"]
    tasks = {name: dict(found) for name, found in _test(done.metrics).items()}
    for name, found in tasks.items():
        scale = done.model.calibration[name]
        if not isinstance(scale, ErrorScale):
            continue
        y, std = table[f"{name} (measured)"], table[f"{name}_std"].to_numpy(dtype=float)
        error = (table[name] - y).abs().to_numpy(dtype=float)
        known = ~np.isnan(error)
        error, std = error[known], std[known]
        scores = np.array(scale.scores)
        levels = (np.arange(1, 20) / 20).tolist()
        halves = [std * conformal_quantile(scores, scale.n, level) for level in levels]
        shares = [float((error <= half).mean()) for half in halves]
        found["curve"] = list(zip(levels, shares, strict=True))
        if np.ptp(std) > 1e-9 * std.mean():
            found["quintiles"] = quintiles(std, error)
    domain = done.metrics.get("domain", {}).get("parts", {}).get("test", {})
    return {"tasks": tasks, "ratio": domain.get("ratio")}


def _test(metrics: dict) -> dict:
    return metrics.get("calibration", {}).get("test", {})


def rows_of(records: Sequence[dict]) -> list[dict]:
    """One row a set and split: means over tasks, then over seeds, with their deviation."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for record in records:
        groups[record["data"], record["split"]].append(record)
    return [_row(*key, group) for key, group in groups.items()]


def _row(data: str, split: str, group: list[dict]) -> dict:
    row = {"set": data, "split": split, "seeds": len(group)}
    for level in (80, 90, 95):
        row[f"coverage {level}"] = _spread(_over(group, f"coverage_{level}"))
    single = len(group[0]["tasks"]) == 1
    row["width 90"] = _spread(_over(group, "width_90")) if single else None
    row["ECE"], row["ECE before"] = (
        _spread(_over(group, "ece", side)) for side in ("after", "before")
    )
    row["worst task"] = _worst(group)
    rms = [task["quintiles"] for record in group for task in record["tasks"].values()
           if "quintiles" in task]  # fmt: skip
    row["quintiles"] = [fmean(v**2 for v in fifth) ** 0.5 for fifth in zip(*rms, strict=True)]
    row["quintiles by seed"] = rms
    row["ratio"] = _spread([r["ratio"] for r in group if r["ratio"] is not None])
    return row


def _over(group: list[dict], figure: str, side: str = "after") -> list[float]:
    """Of each seed, the mean over the tasks that have the figure."""
    found = []
    for record in group:
        sides = [task.get(side, {}) for task in record["tasks"].values()]
        values = [known[figure] for known in sides if figure in known]
        found += [fmean(values)] if values else []
    return found


def _worst(group: list[dict]) -> float | None:
    """How much the calibration error of a task rose at most, each a mean over the seeds."""
    rises: dict[str, list[float]] = defaultdict(list)
    for record in group:
        for name, task in record["tasks"].items():
            if "ece" in task.get("before", {}):
                rises[name].append(task["after"]["ece"] - task["before"]["ece"])
    return max(map(fmean, rises.values())) if rises else None


def _spread(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    return fmean(values), stdev(values) if len(values) > 1 else 0.0


def table(rows: Sequence[dict]) -> str:
    """As lines of text: mean ± deviation over the seeds. "error by spread": the root mean square
    error in the five fifths of the predicted spread, and whether it rises throughout."""
    cells = [ROW, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(line.rstrip() for line in lines)


def _cells(row: dict) -> tuple[str, ...]:
    shares = [_pair(row[f"coverage {level}"], 100, ".1f", " %") for level in (80, 90, 95)]
    errors = [_pair(row[name], 1, ".3f") for name in ("ECE", "ECE before")]
    worst = "" if row["worst task"] is None else f"{row['worst task']:+.3f}"
    fifths = row["quintiles"]
    rises = all(a < b for a, b in pairwise(fifths))
    spread = " ".join(f"{v:.2f}" for v in fifths) + (" rises" if rises else " does not rise")
    first = row["set"], row["split"], str(row["seeds"])
    width = _pair(row["width 90"], 1, ".3g")
    return (*first, *shares, width, *errors, worst, spread if fifths else "",
            _pair(row["ratio"], 1, ".2f"))  # fmt: skip


def _pair(value: tuple[float, float] | None, times: float, form: str, unit: str = "") -> str:
    if value is None:
        return ""
    return f"{times * value[0]:{form}} ± {times * value[1]:{form}}{unit}"


def picture(path: Path, records: Sequence[dict]) -> None:
    """Promised and found coverage, a panel for each split, a line for each set: means of seeds."""
    from matplotlib.figure import Figure

    lines: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for task in record["tasks"].values():
            if "curve" in task:
                lines[record["split"]][record["data"]].append(task["curve"])
    if not lines:
        return
    figure = Figure(figsize=(4 * len(lines), 3.8), layout="constrained")
    axes = figure.subplots(1, len(lines), squeeze=False, sharey=True)[0]
    for ax, (split, sets) in zip(axes, sorted(lines.items()), strict=True):
        ax.plot([0, 1], [0, 1], color="black", lw=0.6, ls=":")
        for name, curves in sets.items():
            levels = [level for level, _ in curves[0]]
            shares = [fmean(share for _, share in points) for points in zip(*curves, strict=True)]
            ax.plot(levels, shares, lw=1.2, label=f"{name}, {len(curves)} seeds")
        kept = "exchangeable" if split == "random" else "not exchangeable"
        ax.set(xlabel="promised", title=f"{split}: {kept}", xlim=(0, 1), ylim=(0, 1))
        ax.legend(frameon=False)
    axes[0].set(ylabel="share of test labels inside")
    figure.savefig(path, dpi=150)
