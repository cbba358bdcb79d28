"""`molgnn evaluate`: repeated cross-validation of one configuration, or of two on equal folds."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.terminal import INTERRUPTED, say, share, terminated_as_interrupted
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.train.options import RunOptions

SPLITS = ("random", "stratified", "scaffold")
MOST_METRICS = 5  # more are for summary.json
NOT_HERE = {
    "data.split": "the folds are dealt by --split, --folds, --repeats and --seed",
    "out": "the folder is given by --out",
    "force": "nothing is replaced here: give another --out",
}
EXAMPLES = """examples:
  molgnn evaluate data=esol --a encoder=dmpnn --b encoder=gin readout=mean --out runs/dmpnn_gin
  molgnn evaluate data=csv data.path=t.csv 'data.targets=[y]' --split scaffold --out runs/t
  molgnn evaluate data=esol fit.epochs=30 --a --b fit.members=5 --out runs/ensemble
The same command goes on after a kill; with more --repeats, or with a --b, it adds to what is there.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "common", nargs="*", metavar="KEY=VALUE", help="options of `molgnn train`, for both"
    )
    parser.add_argument("--a", nargs="*", default=[], metavar="KEY=VALUE", help="options of a")
    parser.add_argument("--b", nargs="*", metavar="KEY=VALUE", help="of b; without it a is alone")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="of a repeat (5)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of all folds (5)")
    parser.add_argument(
        "--split", choices=SPLITS, default="random", help="how the folds are dealt (random)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the folds (0)")
    parser.add_argument(
        "--metric",
        metavar="M",
        help="what is compared: rmse mae r2 spearman roc_auc pr_auc bedroc accuracy log_loss "
        "(rmse; classes: roc_auc, more than two: accuracy); all are kept",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="where the results go")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(args: argparse.Namespace) -> int:
    common, own = _overrides(args.common), {"a": _overrides(args.a)}
    if args.b is not None:
        own["b"] = _overrides(args.b)
    configs = {name: _options([*common, *given]) for name, given in own.items()}
    labels = {name: " ".join(given or common) for name, given in own.items()}
    try:
        with terminated_as_interrupted():
            summary = _evaluated(args, configs, labels)
    except KeyboardInterrupt:
        say(f"molgnn: interrupted: the same command goes on with the folds not yet in {args.out}")
        return INTERRUPTED
    except OSError as error:
        where = error.filename or args.out
        raise Refusal(f"{where}: {error.strerror}: give another --out") from error
    for line in lines(summary):
        print(line)
    print(f"results: {args.out} (folds.csv, summary.json, comparison.png, oof_*.parquet)")
    return 0


def _overrides(given: list[str]) -> list[str]:
    """One override each, also where several are written as one word: --a "encoder=gin seed=1"."""
    return [part for text in given for part in re.split(r"\s+(?=[\w.]+=)", text.strip()) if part]


def _options(overrides: list[str]) -> "RunOptions":
    from molgnn.cli.train import check

    for text in overrides:
        key = text.partition("=")[0]
        for name, remedy in NOT_HERE.items():
            if key == name or key.startswith(f"{name}."):
                raise Refusal(f"{text}: {remedy}")
    return check(overrides)


def _evaluated(args: argparse.Namespace, configs: dict, labels: dict) -> dict:
    from molgnn.train.crossplan import FOREST, Folds, plan
    from molgnn.train.crossreport import report
    from molgnn.train.crossval import cross_validate

    how = Folds(args.split, args.folds, args.repeats, args.seed)
    with share("reading molecules") as reading:
        work = plan(configs, how, args.metric, None if args.quiet else reading)
    log = FoldLog(work.metric, how.folds, how.repeats, args.quiet)
    out = Path(args.out)
    records = cross_validate(work, out, log)
    return report(work, records, out, labels | {FOREST: "random forest"})


class FoldLog:
    """A line on stderr for each fold that is done, with its figure and the time left, as long as
    each configuration takes what it took so far."""

    def __init__(self, metric: str, folds: int, repeats: int, quiet: bool = False):
        self.metric, self.folds, self.repeats, self.quiet = metric, folds, repeats, quiet
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, record: dict, left: list[str]) -> None:
        self.seconds.setdefault(record["config"], []).append(record["seconds"])
        figure = record["figures"].get(self.metric)
        said = "nothing to measure" if figure is None else f"{self.metric} {figure:.4f}"
        repeat = f"repeat {record['repeat'] + 1} of {self.repeats}, " * (self.repeats > 1)
        where = f"{repeat}fold {record['fold'] + 1} of {self.folds}, {record['config']}"
        took = f"{duration(record['seconds'])}; {duration(self.time_left(left))} left"
        say(f"{where}: {said} ({took})", self.quiet)

    def time_left(self, left: list[str]) -> float:
        """Seconds; a configuration that has no fold yet counts as the mean of the others."""
        means = {name: sum(each) / len(each) for name, each in self.seconds.items()}
        other = sum(means.values()) / len(means)
        return sum(means.get(name, other) for name in left)


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def lines(summary: dict) -> list[str]:
    """Mean and standard deviation over folds, a line a configuration; then what was compared."""
    configs = summary["configs"]
    names = dict.fromkeys(name for side in configs.values() for name in side["figures"])
    names = [summary["metric"], *(name for name in names if name != summary["metric"])]
    names = names[:MOST_METRICS]
    folds = f"{summary['repeats']} x {summary['folds']} folds"
    molecules = f"{summary['molecules']:,} molecules"
    said = [
        f"{molecules}, {folds}, {summary['split']}: mean ± standard deviation over folds",
        "".join([f"{'':8}", *(f"{name:>18}" for name in names), f"{'pooled ' + names[0]:>18}"]),
    ]
    for name, side in configs.items():
        pooled = side["pooled"].get(names[0])
        cells = [_cell(side["figures"].get(metric)) for metric in names]
        cells.append("-" if pooled is None else f"{pooled:.4f}")
        row = "".join([f"{name:8}", *(f"{cell:>18}" for cell in cells)])
        said.append(f"{row}  {side['label']}".rstrip())
    said += [comparison["words"] for comparison in summary["comparisons"]]
    for task in dict.fromkeys(left["task"] for left in summary["left_out"]):
        each = [left for left in summary["left_out"] if left["task"] == task]
        said.append(f"{task}: left out of {len(each)} folds ({each[0]['reason']})")
    return said


def _cell(figure: dict | None) -> str:
    if figure is None:
        return "-"
    spread = "" if figure["std"] is None else f" ± {figure['std']:.4f}"
    return f"{figure['mean']:.4f}{spread}"
