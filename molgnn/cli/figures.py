"""What `molgnn train` prints at its end: the model's figures beside the forest's, part by part."""

from molgnn.data.tables.leak import render
from molgnn.train.kfold import explained
from molgnn.train.run import Run

MOST_TARGETS = 12  # more are for metrics.json
FEW = 20  # molecules: a figure of fewer says little


def summary(run: Run) -> list[str]:
    """Figures of the model beside the forest's, part by part, and where the model is."""
    figures = run.metrics
    counts = figures["leaks"]["molecules"]
    rows = {part: figures[part] for part in ("train", "valid", "test") if figures[part]}
    baseline = figures.get("baseline", {})
    forest = {f"{part}, forest": baseline[part] for part in rows if baseline.get(part)}
    names = list(dict.fromkeys(name for row in (rows | forest).values() for name in row))
    several = len(figures["per_task"]["train"])
    head = f"mean of {several}" if several > 1 else ""
    lines = ["".join([f"{head:16}", *(f"{name:>12}" for name in names)])]
    for part, row in (rows | forest).items():
        cells = [f"{row[name]:>12.4f}" if name in row else f"{'-':>12}" for name in names]
        said = f"{part} ({counts[part]:,})" if counts.get(part) else part
        lines.append("".join([f"{said:16}", *cells]))
    lines += [explained(figures["folds"])] if "folds" in figures else []
    if figures["refit"]:
        lines.append("valid: before the model learnt from it too (fit.valid=refit)")
    if forest and "forest" in figures["parts"]:
        lines.append("valid, forest and test, forest: the baseline, on Morgan fingerprints alone")
    if 0 < counts.get("test", 0) < FEW:
        lines.append(f"test: only {counts['test']} molecules, so its figures say little")
    lines += _by_target(figures)
    for part, reasons in figures["left_out"].items():
        lines += [f"{part}: {task} left out: {reason}" for task, reason in reasons.items()]
    reasons = [reason for each in figures["left_out"].values() for reason in each.values()]
    if any(reason.startswith("only class") for reason in reasons):
        lines.append("with few labels of a class, data.split.name=stratified shares them out")
    lines += verdict(figures, [task.level for task in run.model.tasks])
    lines += render(figures["leaks"]).splitlines()
    lines += domain(figures.get("domain"))
    lines += calibration(figures.get("calibration"))
    folder = run.folder / "model"
    return [
        *lines,
        f"model: {folder} (molgnn predict {folder} FILE, molgnn screen {folder} LIBRARY)",
    ]


def domain(known: dict | None) -> list[str]:
    """Where the model's domain ends, and how the error differs there on test, or else on valid."""
    if not known:
        return []
    lines = [
        f"domain: inside is similarity {known['threshold']:.2f} or more to a training molecule"
    ]
    for part in ("test", "valid"):
        found = known["parts"].get(part)
        if found and found["ratio"] is not None:
            inside, outside = found["inside"], found["outside"]
            lines[0] += (
                f"; {part}, mean error: {inside['error']:.3g} inside ({inside['count']:,}), "
                f"{outside['error']:.3g} outside ({outside['count']:,})"
            )
            break
    return lines


def calibration(known: dict | None) -> list[str]:
    """How the calibration holds on test, or else on valid, which it was fitted to: means over the
    tasks."""
    if not known:
        return []
    part = "test" if known["test"] else "valid"
    tasks, said = list(known[part].values()), []
    for figure, text in _CALIBRATION.items():
        after = [task["after"][figure] for task in tasks if figure in task["after"]]
        if after and (figure != "width_90" or len(tasks) == 1):  # tasks may have other units
            said.append(text.format(sum(after) / len(after)))
    before = [task["before"]["ece"] for task in tasks if "ece" in task.get("before", {})]
    if before:
        said.append(f"{sum(before) / len(before):.3f} before")
    return [f"calibration, {part}: {', '.join(said)}"] if said else []


_CALIBRATION = {
    "coverage_90": "90 % intervals and sets hold {:.0%}",
    "width_90": "median width {:.3g}",
    "ece": "expected calibration error {:.3f}",
}


def verdict(figures: dict, levels: list[str] | None = None) -> list[str]:
    """A line where the baseline beats the model: nobody should have to look. It is told by the
    validation molecules where they judge, since what follows from it is a choice; else by the test.
    ``levels`` are those of the targets."""
    forests = figures.get("baseline", {})
    part = "valid" if forests.get("valid") and figures.get("valid") else "test"
    forest, model = forests.get(part, {}), figures[part]
    if len(figures.get("per_task", {}).get(part, ())) > 1 and "rmse" in model:
        return []  # a mean over targets of different units
    parts = set(figures.get("parts", ["network"]))
    what = "network" if parts <= {"network", "hybrid"} else "this model"
    remedy = "fit=ensemble or readout=mean"
    if "boosting" not in parts and set(levels or ["molecule"]) == {"molecule"}:
        remedy = "model=blend"
    for name, sign in (("rmse", -1), ("pr_auc", 1), ("accuracy", 1)):
        if name in forest and name in model and sign * (forest[name] - model[name]) > 0:
            return [
                f"the random forest does better on {part} ({name} {forest[name]:.3f}, {what} "
                f"{model[name]:.3f}): try {remedy}"
            ]
    return []


def _by_target(figures: dict) -> list[str]:
    """The test figures of each target beside the baseline's, where there are several."""
    each = figures["per_task"]["test"]
    forest = figures.get("baseline", {}).get("per_task", {}).get("test", {})
    if not 1 < len(each) <= MOST_TARGETS:
        return []
    lines, width = [], max(map(len, each))
    for target, found in each.items():
        names = [name for name in ("rmse", "r2", "roc_auc", "pr_auc", "accuracy") if name in found]
        known = forest.get(target, {})
        cells = [
            f"{name} {found[name]:.4f}" + (f" (forest {known[name]:.4f})" if name in known else "")
            for name in names[:2]
        ]
        lines.append(f"test, {target:{width}}  {', '.join(cells)}")
    return lines
