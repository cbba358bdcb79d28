"""`molgnn bench encoders`: every encoder on the same splits, by the same recipe, in one table.

Each run is `molgnn train data=D encoder=E model=network fit.epochs=50 fit.valid=choose seed=S
data.split.name=column`. Its figures become a line of OUT/runs.jsonl when it ends, so the same
command goes on after a kill.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.bench.runs import RUNS, UNFINISHED, folder_of, remove, train_in
from molgnn.cli.bench.standings import REFERENCES, SMALLER_IS_BETTER, standings, table
from molgnn.cli.terminal import INTERRUPTED, say
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from molgnn.train.options import RunOptions

TABLE = "table.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", nargs="+", default=["esol", "bbbp"], metavar="D", help="sets (esol bbbp)"
    )
    parser.add_argument("--encoders", nargs="+", metavar="E", help="encoders (all there are)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="S", help="a run each (0 1 2)"
    )
    parser.add_argument("--epochs", type=int, default=50, metavar="N", help="of each run (50)")
    parser.add_argument(
        "--split", default="split", metavar="COLUMN", help="it says train, valid, test (split)"
    )
    parser.add_argument(
        "--out", default="runs/encoders", metavar="DIR", help="what is done (runs/encoders)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    from molgnn.train.ledger import alone

    out = folder_of(args.out, TABLE)
    wanted = plan(args)
    try:
        with alone(out):
            records = finished(wanted, out)
    except KeyboardInterrupt:
        say(f"molgnn: interrupted: the same command goes on; so far: {out / TABLE}")
        return INTERRUPTED
    rows = standings(records)
    print(table(rows))
    if args.json:
        import torch

        figures = {
            "settings": {key: value for key, value in vars(args).items() if key != "run"},
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "rows": rows,
        }
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def plan(args: argparse.Namespace) -> "list[tuple[str, str, RunOptions]]":
    """(data set, model, options) of every run, seeds before encoders so that the table fills
    evenly; each set's two references come first. Raises Refusal for a wrong name or number."""
    from molgnn.models.build import ENCODERS
    from molgnn.train.options import RunOptions

    encoders = list(dict.fromkeys(args.encoders or ENCODERS))
    for name in encoders:
        if name not in ENCODERS:
            raise choices("encoder", name, ENCODERS)
    for name in args.data:
        _check_table(name, args.split)
    seeds, wanted = list(dict.fromkeys(args.seeds)), []
    for data in dict.fromkeys(args.data):
        recipes = {name: recipe(data, name, args) for name in encoders}
        chosen = recipes[encoders[0]].data
        bare = RunOptions(chosen, encoder={}, readout={}, head={}, seed=seeds[0])
        wanted += [(data, name, bare) for name in REFERENCES]
        wanted += [
            (data, name, replace(recipes[name], seed=seed)) for seed in seeds for name in encoders
        ]
    return wanted


def _check_table(name: str, column: str) -> None:
    """Raises Refusal for a set that is unknown, not on this machine, or without the column. None
    is fetched: a published table has no column of parts."""
    from molgnn.data.named.registry import entry_of, find
    from molgnn.data.readers.reader import open_table

    entry_of(name)
    found = find(name)
    if found is None:
        raise Refusal(
            f"{name} is not on this machine: put {name}.csv, with a column {column!r}, into the "
            "folder moleculenet of the folder that MOLGNN_DATA names"
        )
    with open_table(found.path) as rows:
        if column not in rows.columns:
            raise Refusal(
                f"{found.path}: no column {column!r} that says train, valid or test: name it with "
                "--split, or leave the set out"
            )


def recipe(data: str, encoder: str, args: argparse.Namespace) -> "RunOptions":
    """The options of `molgnn train data=D encoder=E model=network`, but for split and forest."""
    from hydra import compose, initialize_config_module

    from molgnn.cli.make import run_options

    with initialize_config_module("molgnn.conf", version_base="1.3"):
        chosen = [f"data={data}", f"encoder={encoder}", "model=network", "fit.valid=choose"]
        plain = run_options(compose("train", chosen))
    split = replace(plain.data.split, name="column", column=args.split)
    fit = replace(plain.fit, epochs=args.epochs, baseline=False)
    return replace(plain, data=replace(plain.data, split=split), fit=fit)


def finished(wanted: list, out: Path) -> list[dict]:
    """The record of each run: read from OUT/runs.jsonl, or made now and written there.

    A line counts for a run if its options and its table's sha256 are those of the run: another
    number of epochs, or another default, is another run.
    """
    from molgnn.data.named.registry import find
    from molgnn.data.readers.reader import file_sha256
    from molgnn.train.folder import plain
    from molgnn.train.ledger import NUMBER, append, lines

    sha = {data: file_sha256(find(data).path) for data in dict.fromkeys(w[0] for w in wanted)}
    needed = {"data": str, "model": str, "seed": int, "metric": str, "options": dict,
              "data_sha256": str, "test": NUMBER, "valid": NUMBER}  # fmt: skip
    there = lines(out / RUNS, "bench encoders", needed=needed)
    known = {_key(record): record for record in there}
    records: list[dict] = []
    for number, (data, model, options) in enumerate(wanted, 1):
        record = {"data": data, "model": model, "seed": options.seed}
        asked = {"options": plain(options), "data_sha256": sha[data]}
        found = known.get(_key(record | asked))
        if found is None:
            say(f"run {number} of {len(wanted)}: {data} {model} seed {options.seed}")
            made = _reference(model, options) if model in REFERENCES else _trained(options, out)
            found = record | made | asked
            append(out / RUNS, found)
            say(f"  {found['metric']} test {found['test']:.4f} valid {found['valid']:.4f}")
        records.append(found)
        (out / TABLE).write_text(table(standings(records)) + "\n", encoding="utf-8")
    return records


def _key(record: dict) -> str:
    asked = ("data", "model", "seed", "options", "data_sha256")
    return json.dumps([record[name] for name in asked], sort_keys=True)


def _trained(options: "RunOptions", out: Path) -> dict:
    """The figures of one network."""
    folder = out / UNFINISHED / f"{options.data.name}-{options.encoder['name']}-{options.seed}"
    done = train_in(folder, options)
    figures, counts = done.metrics, done.model.card["data"]["counts"]
    remove(folder)
    return _figures(figures, options.data.name) | {
        "seconds_per_epoch": counts["train"] / figures["train_molecules_per_second"],
        "best_epoch": figures["best_epoch"][0],
        "seconds": figures["seconds"],
    }


def _reference(name: str, options: "RunOptions") -> dict:
    """The figures of what needs no graph: the mean of the training labels, or the forest."""
    from molgnn.data.wishes import Wishes, make_tasks
    from molgnn.train.evaluate import judge_baseline
    from molgnn.train.run import read_data, split_data

    dataset, _, units = read_data(options.data, options.kind, None)
    parts = split_data(dataset, options)
    wishes = Wishes(options.kind, units=units)
    tasks = make_tasks(dataset.names, dataset.labels, dataset.bounds, parts.train, wishes)
    if name == REFERENCES[0]:
        figures = judge_mean(dataset, parts, tasks)
    else:
        known = dict.fromkeys(("valid", "test"), parts.train)
        figures = judge_baseline(dataset, parts, known, tasks, options.seed)
    return _figures(figures, dataset.name)


def judge_mean(dataset, parts, tasks) -> dict:
    """Figures of the training labels' mean as everyone's prediction: of a class, its share."""
    import numpy as np

    from molgnn.data.levels import Levels
    from molgnn.train.evaluate import figures_by_part

    mean = np.nanmean(dataset.y[parts.train], axis=0)
    predicted = Levels.of(dataset.graphs, molecule=np.broadcast_to(mean, dataset.y.shape))
    return figures_by_part(predicted, dataset, parts, tasks)


def _figures(figures: dict, data: str) -> dict:
    """The figure that ranks, of test and valid."""
    for metric in SMALLER_IS_BETTER:
        if metric in figures.get("test", {}) and metric in figures.get("valid", {}):
            return {"metric": metric} | {part: figures[part][metric] for part in ("test", "valid")}
    raise Refusal(f"{data}: its split leaves nothing to measure in test or valid: choose another")
