"""``molgnn bench uncertainty``: how far doubts can be believed, on random and on scaffold splits.

Each run is `molgnn train data=D data.split.name=S seed=N fit.baseline=false`, with what --set adds;
its test part gives the figures. They become a line of OUT/runs.jsonl when it ends, so the same
command goes on after a kill.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.bench.believed import figures_of, picture, rows_of, table
from molgnn.cli.bench.runs import RUNS, UNFINISHED, folder_of, remove, train_in
from molgnn.cli.terminal import INTERRUPTED, say
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.train.options import RunOptions

SPLITS = ("random", "scaffold")
TABLE, PICTURE = "table.txt", "uncertainty.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", nargs="+", default=["esol", "lipo", "freesolv"], metavar="D",
        help="sets (esol lipo freesolv)")  # fmt: skip
    add("--splits", nargs="+", default=list(SPLITS), choices=SPLITS, help="(both)")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="S", help="a run each (0 1 2)")
    add("--set", nargs="+", default=[], metavar="KEY=VALUE", dest="shared",
        help="options of molgnn train, for every run")  # fmt: skip
    add("--out", default="runs/uncertainty", metavar="DIR", help="what is done, table and picture "
        "(runs/uncertainty)")  # fmt: skip
    add("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    from molgnn.train.ledger import alone

    out = folder_of(args.out, TABLE, PICTURE)
    wanted = plan(args)
    try:
        with alone(out):
            records = finished(wanted, out)
    except KeyboardInterrupt:
        say("molgnn: interrupted: the same command goes on")
        return INTERRUPTED
    rows = rows_of(records)
    (out / TABLE).write_text(table(rows) + "\n", encoding="utf-8")
    picture(out / PICTURE, records)
    print(table(rows))
    say(f"{out / PICTURE}: promised and found, random beside scaffold")
    if args.json:
        import torch

        settings = {key: value for key, value in vars(args).items() if key != "run"}
        figures = {"settings": settings, "torch": torch.__version__, "rows": rows}
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def plan(args: argparse.Namespace) -> "list[RunOptions]":
    """Every run, seeds first so that the table fills evenly. Raises Refusal for a wrong name or
    option, and for a set that is not on this machine."""
    from hydra import compose, initialize_config_module

    from molgnn.cli.make import run_options
    from molgnn.data.named.registry import entry_of, find

    for name in args.data:
        entry_of(name)
        if find(name) is None:
            raise Refusal(f"{name} is not on this machine: molgnn data fetch {name}")
    for text in args.shared:
        key = text.lstrip("+~").partition("=")[0]
        if key in ("data", "seed", "out", "force") or key.startswith("data.split"):
            raise Refusal(f"--set {text}: the bench itself says this: leave it out")
    with initialize_config_module("molgnn.conf", version_base="1.3"):
        return [
            run_options(compose("train", _overrides(name, split, seed, args.shared)))
            for seed in dict.fromkeys(args.seeds)
            for name in dict.fromkeys(args.data)
            for split in dict.fromkeys(args.splits)
        ]


def _overrides(name: str, split: str, seed: int, shared: list[str]) -> list[str]:
    chosen = [f"data={name}", f"data.split.name={split}", f"seed={seed}"]
    return [*chosen, "fit.baseline=false", *shared]


def finished(wanted: "list[RunOptions]", out: Path) -> list[dict]:
    """The record of each run: read from OUT/runs.jsonl, or made now and written there. A line
    counts for a run if its options and its table's sha256 are those of the run."""
    from molgnn.data.named.registry import find
    from molgnn.data.readers.reader import file_sha256
    from molgnn.train.folder import plain
    from molgnn.train.ledger import append, lines

    needed = {"options": dict, "data_sha256": str, "tasks": dict}
    there = {
        _key(record): record for record in lines(out / RUNS, "bench uncertainty", needed=needed)
    }
    records = []
    for number, options in enumerate(wanted, 1):
        data, split = options.data.name, options.data.split.name
        sha256 = file_sha256(find(data).path)
        asked = {"options": plain(options), "data_sha256": sha256}
        found = there.get(_key(asked))
        if found is None:
            what = f"{data}, split {split}, seed {options.seed}"
            say(f"run {number} of {len(wanted)}: {what}")
            folder = out / UNFINISHED / f"{data}-{split}-{options.seed}"
            done = train_in(folder, options)
            found = {"data": data, "split": split, "seed": options.seed}
            found |= {**asked, **figures_of(done), "seconds": done.metrics["seconds"]}
            remove(folder)
            append(out / RUNS, found)
        records.append(found)
    return records


def _key(record: dict) -> str:
    return json.dumps([record["options"], record["data_sha256"]], sort_keys=True)
