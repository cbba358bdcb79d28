"""`molgnn bench accuracy`: published benchmarks by their own protocols, with published figures.

Each run is what `molgnn train data=csv data.path=TABLE` is, on a table of OUT/tables. Its figures
become a line of OUT/runs.jsonl when it ends, so the same command goes on after a kill.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.bench import runs, suites
from molgnn.cli.bench.against import as_data, comparison
from molgnn.cli.bench.arms import PLAIN, on_table
from molgnn.cli.bench.measured import SECONDS, csv_rows, read_csv, record_of, write_csv
from molgnn.cli.bench.planned import Planned, arms_and_cases, plan
from molgnn.cli.bench.scoreboard import tables
from molgnn.cli.bench.shares import WHOLE
from molgnn.cli.bench.suites import SUITES, Case
from molgnn.cli.meter import duration
from molgnn.cli.terminal import INTERRUPTED, say, terminated_as_interrupted
from molgnn.errors import Refusal
from molgnn.train.ledger import FIGURES, NUMBER, alone, append, lines

if TYPE_CHECKING:
    from molgnn.train.options import RunOptions

PARTS = ("test", "valid")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--suite", nargs="+", required=True, choices=SUITES, help="what is measured")
    add("--sets", nargs="+", metavar="SET", help="some of its sets (all)")
    add("--seeds", type=int, nargs="+", metavar="S", help="a run each (3; tdc 5)")
    add("--arms", nargs="+", default=[PLAIN], metavar="ARM",
        help="default, a choice of the group model, or NAME:KEY=VALUE,KEY=VALUE")  # fmt: skip
    add("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="options of molgnn train, for every arm", dest="shared")  # fmt: skip
    add("--labels", type=float, nargs="+", default=[WHOLE], metavar="SHARE",
        help="of the labels, how many training may see, as 0.1 1 (1: all)")  # fmt: skip
    add("--against", metavar="ARM", help="how each other arm differs from this one, seed by seed")
    add("--members", type=int, metavar="N", help="networks of each ensemble")
    add("--part", default="test", choices=PARTS,
        help="valid: choose by it, no test row is even read (test)")  # fmt: skip
    add("--by-part", action="store_true",
        help="each part of a blend alone, and the blend without it, beside the whole")  # fmt: skip
    add("--out", default="runs/accuracy", metavar="DIR", help="what is done (runs/accuracy)")
    add("--dry-run", action="store_true", help="print the runs, and whether they are done")
    add("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    out, data = runs.folder_of(args.out, *_files(args.part)), _data()
    wanted = plan(args, data)
    if args.dry_run:
        bench = Bench(out, data, args.part, args.by_part, cut=False)
        for item in wanted:
            print(f"{item}: {'done' if bench.known(item) else 'to do'}")
        return 0
    try:
        with alone(out), terminated_as_interrupted():
            bench = Bench(out, data, args.part, args.by_part, args.against)
            bench.work(wanted)
    except KeyboardInterrupt:
        say(f"molgnn: interrupted: the same command goes on; what is done: {out}")
        return INTERRUPTED
    print(bench.tables.read_text(encoding="utf-8"), end="")
    if args.json:
        import torch

        settings = {key: value for key, value in vars(args).items() if key != "run"}
        figures = {"settings": settings, "threads": torch.get_num_threads()}
        figures |= {"torch": torch.__version__, "rows": read_csv(bench.csv)}
        if args.against:
            figures |= as_data(figures["rows"], args.against, *arms_and_cases(wanted))
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def _files(part: str) -> tuple[str, str]:
    tail = "" if part == "test" else f"-{part}"
    return f"accuracy{tail}.csv", f"tables{tail}.md"


def _data() -> Path:
    given = os.environ.get("MOLGNN_DATA")
    if not given or not Path(given).is_dir():
        said = f"MOLGNN_DATA={given}: no such folder" if given else "MOLGNN_DATA is not set"
        raise Refusal(f"{said}: name the folder that holds {', '.join(SUITES)}")
    return Path(given)


class Bench:
    """What is done in the folder ``out``, and how it is done. ``csv`` and ``tables`` are those of
    one part: figures of validation never stand where those of the test set are looked for.
    ``by_part``: a run that is on record without its ``pieces`` is made again. ``against`` is the
    arm that the others are compared with, if any."""

    def __init__(
        self, out: Path, data: Path, part: str, by_part: bool = False,
        against: str | None = None, cut: bool = True,
    ):  # fmt: skip
        self.out, self.data, self.part, self.by_part = out, data, part, by_part
        self.against = against
        self.csv, self.tables = (out / name for name in _files(part))
        self._records = {r["key"]: r for r in self._recorded(cut)}
        self._published = {suite: suites.published_of(suite, data) for suite in SUITES}
        self._sha: dict[Path, str] = {}
        self._paths: dict[Case, Path] = {}

    def _recorded(self, cut: bool) -> Iterator[dict]:
        needed = {"key": str, "figures": FIGURES, **dict.fromkeys(SECONDS, NUMBER)}
        return lines(self.out / runs.RUNS, "bench accuracy", cut, needed)

    def work(self, wanted: list[Planned]) -> None:
        """Make the runs that are not on record; CSV and tables are written after each of them."""
        start, found = time.monotonic(), []
        waiting = [item for item in wanted if not self.known(item)]
        seconds: dict[str, list[float]] = {}  # arm -> seconds a row, of the runs made
        for number, item in enumerate(wanted, 1):
            record = self.known(item)
            made = record is None
            if made:
                record = self._made(item)
                waiting = [other for other in waiting if other is not item]
                spent = record["train_seconds"] + record["predict_seconds"]
                seconds.setdefault(item.arm, []).append(spent / item.rows)
                times = _times(time.monotonic() - start, waiting, seconds)
                say(f"run {number} of {len(wanted)}: {item}: {_said(record)}, {times}")
            found.append((item.case, item.arm, record))
            if made or number == len(wanted):
                self._write(found, wanted)

    def known(self, item: Planned) -> dict | None:
        """The record of a run that is finished; its table lies in the folder since then."""
        path = self._path(item.case)
        return self._on_record(self._key(item, path)) if path.exists() else None

    def _on_record(self, key: str) -> dict | None:
        record = self._records.get(key)
        return None if record and self.by_part and "pieces" not in record else record

    def _path(self, case: Case) -> Path:
        if case not in self._paths:
            self._paths[case] = suites.table_path(case, self.data, self.out, self.part)
        return self._paths[case]

    def _key(self, item: Planned, path: Path) -> str:
        """Equal for runs with equal options, table and part, in whichever folder."""
        from molgnn.data.readers.reader import file_sha256
        from molgnn.train.folder import plain

        if path not in self._sha:
            self._sha[path] = file_sha256(path)
        options = plain(self._options(item, Path("table")))
        facts = [options, self._sha[path], self.part, item.case.metrics]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _options(self, item: Planned, path: Path) -> "RunOptions":
        targets = suites.targets_of(self._path(item.case))
        options = on_table(item.options, item.case.set, str(path), targets, item.case.seed)
        if options.fit.valid != "refit":
            return options
        # The first of two trainings would only tell a figure that is not asked for.
        learns = self.part == "test" and SUITES[item.case.suite].learns_valid
        valid = "learn" if learns else "judge"
        return replace(options, fit=replace(options.fit, valid=valid))

    def _made(self, item: Planned) -> dict:
        from molgnn.train.folder import plain

        path = self._path(item.case)
        if not path.exists():
            suites.write_table(item.case, self.data, path, self.part)
        key, options = self._key(item, path), self._options(item, path)
        if record := self._on_record(key):  # its table was removed since
            return record
        folder = self.out / runs.UNFINISHED / key[:16]
        done = runs.train_in(folder, options, quiet=not sys.stderr.isatty())
        record = {"key": key, "case": item.case._asdict(), "arm": item.arm, "part": self.part}
        record |= record_of(done, item.case, self.part, path, self.by_part)
        record["options"] = plain(options)
        append(self.out / runs.RUNS, record)
        self._records[key] = record
        runs.remove(folder)
        return record

    def _write(self, found: list, wanted: list[Planned]) -> None:
        write_csv(csv_rows(found, self.part, self.by_part), self.csv)
        rows = read_csv(self.csv)
        text = tables(rows, self._published)
        if self.against:
            text += "\n" + comparison(rows, self.against, *arms_and_cases(wanted))
        if len(found) < len(wanted):
            text += f"\nnot finished: {len(found)} of {len(wanted)} runs\n"
        self.tables.write_text(text, encoding="utf-8")


def _said(record: dict) -> str:
    figures = record["figures"].items()
    return ", ".join(f"{m} {'-' if v is None else f'{v:.4f}'}" for m, v in figures)


def _times(elapsed: float, waiting: list[Planned], seconds: dict[str, list[float]]) -> str:
    """Elapsed, and left: the rows that wait, at the pace of their arm (else of all arms) so far."""
    every = [pace for paces in seconds.values() for pace in paces]
    left = 0.0
    for item in waiting:
        paces = seconds.get(item.arm, every)
        left += item.rows * sum(paces) / len(paces)
    return f"{duration(elapsed)}, {duration(left)} left" if waiting else duration(elapsed)
