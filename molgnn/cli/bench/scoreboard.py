"""The tables of `bench accuracy`, in Markdown: a line a set, a column an arm or published model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import stdev

from molgnn.cli.bench.anchors import SOURCES, bar
from molgnn.cli.bench.measured import POOLED, mean_known
from molgnn.cli.bench.shares import WHOLE, spoken

NAMES = {
    "rmse": "RMSE",
    "rmse_cliffs": "RMSE of cliffs",
    "mae": "MAE",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "spearman": "Spearman",
}
SMALLER_IS_BETTER = ("rmse", "rmse_cliffs", "mae")
Published = Mapping[str, Mapping[str, float]]


@dataclass
class Line:
    """One line of a table: for each arm a value a seed, None where it is not known, and the
    published figures. ``counts`` says that its bar is one of those that are counted."""

    set: str
    metric: str
    what: str = ""
    arms: dict[str, dict[int, float | None]] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    counts: bool = True

    def met(self, arm: str) -> bool:
        """Whether the mean over the seeds is at least as good as the bar."""
        smaller = self.metric in SMALLER_IS_BETTER
        goal = bar(self.published, smaller)
        value = mean_known(list(self.arms.get(arm, {}).values()))
        if goal is None or value is None:
            return False
        return value <= goal if smaller else value >= goal


def tables(rows: list[dict], published: Mapping[str, Published]) -> str:
    """All suites of the CSV's ``rows``, for each share of labels. Published figures are of test
    sets, by all labels: they stand beside such figures, and only there are bars counted."""
    shares = dict.fromkeys(row["labels"] for row in rows)
    suites = dict.fromkeys(row["suite"] for row in rows)
    found = {
        (share, suite): [row for row in rows if (row["labels"], row["suite"]) == (share, suite)]
        for share in shares
        for suite in suites
    }
    return "\n".join(
        _table(suite, of, published.get(suite, {}), titled(of[0]["part"], share, shares))
        for (share, suite), of in found.items()
        if of
    )


def titled(part: str, share: float, shares: Iterable[float]) -> str:
    """What follows the name of a table: the part, and the share unless all are of all labels."""
    return part if {*shares} == {WHOLE} else f"{part}, {spoken(share)}"


def _table(suite: str, rows: list[dict], published: Published, title: str) -> str:
    apart = _apart(rows[0])
    lines = _lines(suite, rows, {} if apart else published)
    arms = list(dict.fromkeys(row["model"] for row in rows))
    beside = list(dict.fromkeys(name for line in lines for name in line.published))
    head = ["set", "metric", *arms, *beside]
    text = [f"**{suite}**, {title}", "", line_of(head), line_of(["---"] * len(head))]
    text += [line_of(_shown(line, suite, arms, beside)) for line in lines]
    text += [
        line_of(["seconds a run: train + predict", "", *_seconds(rows, arms), *[""] * len(beside)])
    ]
    text += ["", *_notes(suite, rows, not apart)]
    text += _verdict(suite, lines, arms, apart)
    return "\n".join([*text, ""])


def _apart(row: dict) -> str:
    """Why figures like that of ``row`` stand beside no published one, if they do not."""
    if row["part"] != "test":
        return "validation figures; bars are of test sets"
    return "" if row["labels"] == WHOLE else f"{spoken(row['labels'])}; bars are of all"


def _lines(suite: str, rows: list[dict], published: Published) -> list[Line]:
    """Folds of a seed make one value of that seed, their mean."""
    values: dict[tuple, dict[str, dict[int, list]]] = {}
    for row in rows:
        folds = {"antibiotic": "mean of folds"}.get(suite, "")
        key = (row["set"], row["metric"], POOLED if row["split"] == POOLED else folds)
        seeds = values.setdefault(key, {}).setdefault(row["model"], {})
        seeds.setdefault(row["seed"], []).append(row["value"])
    lines = []
    for (name, metric, what), arms in values.items():
        means = {arm: {seed: mean_known(found) for seed, found in seeds.items()}
                 for arm, seeds in arms.items()}  # fmt: skip
        beside = published.get(name, {}) if metric in _MAIN.get(suite, (metric,)) else {}
        counts = what != POOLED and suite != "moleculeace"
        lines.append(Line(name, metric, what, means, beside if what != POOLED else {}, counts))
    lines.sort(key=lambda line: (line.metric == "rmse_cliffs", line.what == POOLED))
    if suite == "moleculeace":
        lines += [_mean_line(lines, metric) for metric in dict.fromkeys(x.metric for x in lines)]
    return lines


_MAIN = {"moleculeace": ("rmse",), "antibiotic": ("roc_auc",)}  # what the published figure is


def _mean_line(lines: list[Line], metric: str) -> Line:
    """The mean over the sets, seed by seed; a published one too, where it has all of them."""
    of = [line for line in lines if line.metric == metric]
    found = Line(f"mean of {len(of)} sets", metric, counts=metric == "rmse")
    for arm in dict.fromkeys(arm for line in of for arm in line.arms):
        seeds = dict.fromkeys(seed for line in of for seed in line.arms.get(arm, {}))
        found.arms[arm] = {
            seed: mean_known([line.arms.get(arm, {}).get(seed) for line in of]) for seed in seeds
        }
    names = dict.fromkeys(name for line in of for name in line.published)
    means = {name: mean_known([line.published.get(name) for line in of]) for name in names}
    found.published = {name: value for name, value in means.items() if value is not None}
    return found


def _shown(line: Line, suite: str, arms: list[str], beside: list[str]) -> list[str]:
    percent = suite == "moleculenet" and line.metric == "roc_auc"
    scale, digits = (100, 1) if percent else (1, 3)
    arrow = "↓" if line.metric in SMALLER_IS_BETTER else "↑"
    name = f"{NAMES[line.metric]}{' %' if percent else ''}"
    metric = f"{name}{', ' if line.what else ''}{line.what} {arrow}"
    own = []
    for arm in arms:
        values = list(line.arms.get(arm, {}).values())
        value = mean_known(values)
        if value is None:
            own.append("–")
            continue
        spread = f" ± {scale * stdev(values):.{digits}f}" if len(values) > 1 else ""
        text = f"{scale * value:.{digits}f}{spread}"
        own.append(f"**{text}**" if line.met(arm) else text)
    known = [line.published.get(name) for name in beside]
    return [
        line.set, metric, *own,
        *("–" if value is None else f"{scale * value:.{digits}f}" for value in known),
    ]  # fmt: skip


def _seconds(rows: list[dict], arms: list[str]) -> list[str]:
    found = []
    for arm in arms:
        runs = {
            (row["set"], row["split"], row["seed"]): row
            for row in rows
            if row["model"] == arm and row["split"] != POOLED
        }.values()
        train, predict = (
            mean_known([row[key] for row in runs]) for key in ("train_seconds", "predict_seconds")
        )
        found.append("–" if train is None else f"{train:.1f} + {predict:.2f}")
    return found


def _notes(suite: str, rows: list[dict], judged: bool) -> list[str]:
    """What must be known to read the table."""
    seeds = len({row["seed"] for row in rows})
    notes = [f"Mean ± standard deviation of {seeds} seeds." if seeds > 1 else "One seed."]
    if judged:
        notes[0] += " Bold: the bar is met, the best published figure that can be compared."
        notes.append(f"Published: {SOURCES[suite]}.")
    return ["  \n".join(notes), ""]


def _verdict(suite: str, lines: list[Line], arms: list[str], apart: str) -> list[str]:
    """How many bars each arm meets."""
    if apart:
        return [f"{suite}: {apart}, so none is counted"]
    bars = [line for line in lines if line.counts and line.published]
    counts = [f"{arm} {sum(line.met(arm) for line in bars)} of {len(bars)}" for arm in arms]
    text = f"{suite}: bars met: {', '.join(counts)}"
    sets = [line for line in lines if line.published and not line.counts]
    if sets:
        each = [f"{arm} {sum(line.met(arm) for line in sets)} of {len(sets)}" for arm in arms]
        text += f"; set by set: {', '.join(each)}"
    return [text]


def line_of(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
