"""`bench accuracy --against ARM`: each other arm beside ARM, on equal sets, seeds and shares.

Of an error the change is relative, arm / ARM - 1 in %; of a score it is the difference, in points
(hundredths). Each is of one seed, so what a split or a draw of rows does to both arms drops out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import stdev

from molgnn.cli.bench.measured import mean_known
from molgnn.cli.bench.scoreboard import NAMES, SMALLER_IS_BETTER, line_of, titled
from molgnn.cli.bench.suites import CLASSES, Case

NONE = "–"


@dataclass(frozen=True)
class Change:
    """An arm beside ARM on one set: for each seed of the plan the change of its first metric, None
    where a figure of either is missing."""

    case: Case  # without its seed and fold
    arm: str
    seeds: dict[int, float | None]

    @property
    def relative(self) -> bool:
        return self.case.metrics[0] in SMALLER_IS_BETTER

    @property
    def mean(self) -> float | None:
        return mean_known(list(self.seeds.values()))

    @property
    def error(self) -> float | None:
        """Standard error of the mean; None of one seed, or where there is no mean."""
        if self.mean is None or len(self.seeds) < 2:
            return None
        return stdev(self.seeds.values()) / sqrt(len(self.seeds))

    @property
    def worse(self) -> bool:
        """None of an unknown mean is worse."""
        return self.mean is not None and (self.mean > 0 if self.relative else self.mean < 0)

    @property
    def verdict(self) -> str:
        """Better or worse, by more than one standard error; "" where it is neither, or unknown."""
        # Of two seeds with one tie both are equal, and rounding would choose the word.
        if self.error is None or abs(self.mean) <= self.error * (1 + 1e-9):
            return ""
        return "worse" if self.worse else "better"

    def __str__(self) -> str:
        if self.mean is None:
            return NONE
        error = "" if self.error is None else f" ± {self.error:.2f}"
        return f"{self.mean:+z.2f}{error} {self.verdict}".rstrip()

    def as_data(self, base: str) -> dict:
        suite, name, *_, share = self.case
        found = {"labels": share, "suite": suite, "set": name, "metric": self.case.metrics[0]}
        found |= {"arm": self.arm, "against": base, "unit": "%" if self.relative else "points"}
        found |= {"seeds": list(self.seeds), "changes": list(self.seeds.values())}
        return found | {"mean": self.mean, "standard_error": self.error, "verdict": self.verdict}


def changes(
    rows: list[dict], base: str, arms: Sequence[str], cases: Sequence[Case]
) -> list[Change]:
    """A change for each share, set and arm but ``base``, by the ``rows`` of the CSV, on all the
    ``cases`` of the plan. Folds of a seed make one figure, their mean."""
    figures, sets = _figures(rows), {}
    for case in cases:
        seeds = sets.setdefault(case._replace(seed=0, fold=0), {})
        seeds.setdefault(case.seed, []).append(case)

    def change(arm: str, folds: list[Case]) -> float | None:
        own, other = (mean_known([figures.get(_at(a, c)) for c in folds]) for a in (arm, base))
        return changed(own, other, folds[0].metrics[0])

    return [
        Change(case, arm, {seed: change(arm, folds) for seed, folds in seeds.items()})
        for case, seeds in sets.items()
        for arm in arms
        if arm != base
    ]


def changed(own: float | None, other: float | None, metric: str) -> float | None:
    """In % or points; None where a figure is missing, or is an error of 0 to be divided by."""
    if own is None or other is None:
        return None
    if metric not in SMALLER_IS_BETTER:
        return 100 * (own - other)
    return 100 * (own / other - 1) if other else None


def missing(rows: list[dict], arms: Sequence[str], cases: Sequence[Case]) -> dict[str, int]:
    """Arm -> how many of its runs have no figure: not finished, or there is none to have."""
    figures = _figures(rows)
    counts = {arm: sum(figures.get(_at(arm, case)) is None for case in cases) for arm in arms}
    return {arm: count for arm, count in counts.items() if count}


def _at(arm: str, case: Case) -> tuple:
    return (arm, case.suite, case.set, case.split, case.seed, case.share, case.metrics[0])


def _figures(rows: list[dict]) -> dict[tuple, float | None]:
    keys = ("model", "suite", "set", "split", "seed", "labels", "metric")
    return {tuple(row[key] for key in keys): row["value"] for row in rows}


def over_sets(found: list[Change]) -> dict:
    """One arm, of one share, over its sets: a mean only where no set is without a change, and how
    many sets are worse, of those that are known (that have a standard error)."""
    errors = [change.mean for change in found if change.relative]
    classes = [change.mean for change in found if change.case.metrics[0] in CLASSES]
    return {
        "error_sets": len(errors),
        "errors": mean_known(errors),
        "class_sets": len(classes),
        "classes": mean_known(classes),
        "worse_by_error": sum(change.verdict == "worse" for change in found),
        "with_error": sum(change.error is not None for change in found),
        "worse": sum(change.worse for change in found),
        "known": sum(change.mean is not None for change in found),
    }


def as_data(rows: list[dict], base: str, arms: Sequence[str], cases: Sequence[Case]) -> dict:
    """What `--json` gets: ``against``, a line a share, set and arm, and ``against_over_sets``."""
    found = changes(rows, base, arms, cases)
    means = [
        {"labels": share, "arm": arm, "against": base, **over_sets(of)}
        for share, per_arm in _grouped(found).items()
        for arm, of in per_arm.items()
    ]
    lines = [change.as_data(base) for change in found]
    return {"against": lines, "against_over_sets": means}


def _grouped(found: list[Change]) -> dict[float, dict[str, list[Change]]]:
    """Share -> arm -> its changes, a set each, in the same order for each arm."""
    groups: dict[float, dict[str, list[Change]]] = {}
    for change in found:
        groups.setdefault(change.case.share, {}).setdefault(change.arm, []).append(change)
    return groups


def comparison(rows: list[dict], base: str, arms: Sequence[str], cases: Sequence[Case]) -> str:
    """As Markdown: for each share of labels a line a set, a column an arm; then what is missing."""
    groups = _grouped(changes(rows, base, arms, cases))
    text = [
        line
        for share, per_arm in groups.items()
        for line in _table(base, per_arm, titled(rows[0]["part"], share, groups))
    ]
    if lacking := missing(rows, arms, cases):
        each = ", ".join(f"{arm} {count}" for arm, count in lacking.items())
        of = f"missing: {sum(lacking.values())} of {len(arms) * len(cases)} figures ({each})"
        text += [f"{of}: no mean is of fewer seeds or sets than planned", ""]
    return "\n".join(text)


def _table(base: str, per_arm: dict[str, list[Change]], title: str) -> list[str]:
    columns = list(per_arm.values())
    head = [["set", "change of", *per_arm], ["---"] * (2 + len(columns))]
    lines = zip(*columns, strict=True)
    sets = [[line[0].case.set, _unit(line[:1]), *map(str, line)] for line in lines]
    means = [over_sets(found) for found in columns]
    text = [line_of(cells) for cells in (*head, *sets, *_below(columns[0], means))]
    return [f"**against {base}**, {title}", "", *text, "", *_notes(base, columns[0])]


def _below(sets: list[Change], means: list[dict]) -> list[list[str]]:
    """The lines over all sets: the two means, and how many sets are worse."""
    lines = []
    for key, of in (
        ("errors", [change for change in sets if change.relative]),
        ("classes", [change for change in sets if change.case.metrics[0] in CLASSES]),
    ):
        values = [NONE if mean[key] is None else f"{mean[key]:+z.2f}" for mean in means]
        if of:
            lines.append([f"mean of {len(of)} set{'s' * (len(of) > 1)}", _unit(of), *values])
    for name, key, of in (
        ("sets worse by more than one standard error", "worse_by_error", "with_error"),
        ("sets worse at all", "worse", "known"),
    ):
        counts = [f"{mean[key]} of {mean[of]}" if mean[of] else NONE for mean in means]
        lines.append([name, "", *counts])
    return lines


def _unit(of: Sequence[Change]) -> str:
    """Which metrics, of equal kind, and in what their change is."""
    names = " and ".join(dict.fromkeys(NAMES[change.case.metrics[0]] for change in of))
    return f"{names}, % ↓" if of[0].relative else f"{names}, points ↑"


def _notes(base: str, sets: list[Change]) -> list[str]:
    """What must be known to read the table."""
    seeds = sorted({len(change.seeds) for change in sets})
    if seeds == [1]:
        first = "One seed, so no standard error and no verdict."
    else:
        count = " to ".join(str(n) for n in dict.fromkeys((seeds[0], seeds[-1])))
        first = f"Mean ± standard error of the changes of {count} seeds; better, worse: by more "
        first += "than one standard error."
    notes = [f"{first} %: of the error of {base}; points: hundredths of a score."]
    if any(change.case.metrics[0] not in (*SMALLER_IS_BETTER, *CLASSES) for change in sets):
        notes.append("Spearman counts by itself: in neither mean, but among the sets worse.")
    if any(len(change.case.metrics) > 1 for change in sets):
        notes.append("A set counts by its first metric alone.")
    return ["  \n".join(notes), ""]
