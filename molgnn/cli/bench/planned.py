"""The runs of `bench accuracy`: every set, seed and share of labels with every arm."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from molgnn.cli.bench import suites
from molgnn.cli.bench.arms import arms_of, on_table
from molgnn.cli.bench.shares import WHOLE, checked
from molgnn.cli.bench.suites import SUITES, Case
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from molgnn.train.options import RunOptions


class Planned(NamedTuple):
    """A run to make: ``rows`` say how much work it is, those of its set that it may learn from."""

    case: Case
    arm: str
    options: "RunOptions"
    rows: float

    def __str__(self) -> str:
        comma = "" if self.case.share == WHOLE else ","
        return f"{self.case}{comma} {self.arm}"


def plan(args: argparse.Namespace, data: Path) -> list[Planned]:
    """Every run, seeds before shares before sets before arms, so that the tables fill evenly.
    Raises Refusal for a name, number or option that is wrong, and for a set that is not there."""
    chosen, shares = list(dict.fromkeys(args.suite)), checked(args.labels)
    suites.check_sets(args.sets or [], chosen, data)
    arms, wanted = _arms(args), []
    for suite in chosen:
        sets = [name for name in suites.sets_of(suite, data) if name in (args.sets or [name])]
        if not sets and not args.sets:
            raise Refusal(f"{data / suite}: holds no set: put its tables there")
        files = {name: suites.files_of(Case(suite, name, 0, 0), data) for name in sets}
        work = {name: suites.rows_of(paths) for name, paths in files.items()}
        wanted += [
            Planned(Case(suite, name, seed, fold, share), arm, options, share * work[name])
            for seed in dict.fromkeys(SUITES[suite].seeds if args.seeds is None else args.seeds)
            for share in shares
            for name in sets
            for fold in range(SUITES[suite].folds)
            for arm, options in arms.items()
        ]
    for item in wanted:
        on_table(item.options, "", "", (), item.case.seed)  # refuses a seed that is none
    return wanted


def arms_and_cases(wanted: list[Planned]) -> tuple[list[str], list[Case]]:
    """Those of a plan, each once, in its order."""
    arms, cases = (dict.fromkeys(getattr(item, of) for item in wanted) for of in ("arm", "case"))
    return list(arms), list(cases)


def _arms(args: argparse.Namespace) -> "dict[str, RunOptions]":
    """Those of --arms. Raises Refusal where --by-part or --against can do nothing with them."""
    members = [] if args.members is None else [f"fit.members={args.members}"]
    arms = arms_of(args.arms, [*members, *args.shared])
    folded = [arm for arm, options in arms.items() if options.fit.folds]
    if folded and args.by_part and args.part == "valid":
        what = "each member has learnt from most of valid, so its parts tell nothing there"
        raise Refusal(f"--by-part: arm {folded[0]!r} has fit.folds: {what}: leave one of them out")
    if args.against is not None and args.against not in arms:
        raise choices("arm of --against", args.against, arms)
    if args.against is not None and len(arms) == 1:
        raise Refusal(f"--against {args.against}: it is the only arm: give others with --arms")
    return arms
