"""``molgnn screen``: rank a library and keep its best molecules."""

import argparse
import gc
import os
from typing import TYPE_CHECKING

from molgnn.cli.funnel import add_funnel, again, models_of, steps
from molgnn.cli.options import add_columns, add_level, add_run, one_thread
from molgnn.cli.terminal import INTERRUPTED, progress, say, terminated_as_interrupted
from molgnn.data.pool.start import import_ahead
from molgnn.models import PRELOAD

if TYPE_CHECKING:
    from molgnn.screen.pipeline import ScreenResult

SHOWN = 5  # hits in the summary
STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; no import here that takes time."""
    model = parser.add_argument(
        "model", metavar="MODEL", help="a bundle's folder, or a bundled model"
    )
    library = parser.add_argument(
        "library",
        metavar="LIBRARY",
        nargs="+",
        help=".smi .csv .tsv .parquet or .sdf, also .gz or .zst; patterns; - for stdin",
    )
    add_funnel(parser, [model, library])
    parser.add_argument("--top", type=int, default=100, metavar="K", help="hits to keep (100)")
    parser.add_argument("--out", default="hits", metavar="DIR", help="folder for results (hits)")
    parser.add_argument("--task", metavar="NAME", help="what to rank by (the model's first task)")
    order = parser.add_mutually_exclusive_group()
    for name, minimize, text in (
        ("--maximize", False, "the highest are the best (the default; of --rescore: as before)"),
        ("--minimize", True, "the lowest are the best"),
    ):
        order.add_argument(
            name, dest="minimize", action="store_const", const=minimize, default=None, help=text
        )
    parser.add_argument(
        "--precision",
        default="auto",
        metavar="P",
        help="fp32, bf16 or auto (auto: bf16 where it is faster and holds the ranking; hits are "
        "scored again in fp32)",
    )
    parser.add_argument(
        "--no-domain",
        dest="domain",
        action="store_const",
        const=False,
        default=True,
        help="without the columns that say how familiar each hit is: the nearest training "
        "molecule, its similarity and labels, and in_domain",
    )
    add_level(parser)
    parser.add_argument(
        "--no-explain",
        dest="explain",
        action="store_false",
        help="a page without the colours that say what raises and lowers a score; saves seconds",
    )
    parser.add_argument(
        "--spike",
        metavar="FILE",
        help="molecules known to be good, hidden in the library to see how early they come: "
        "spike.csv, ROC-AUC, EF 1 %%, BEDROC, recall among the hits",
    )
    add_columns(parser)
    add_run(parser)
    parser.add_argument(
        "--engine", default="local", metavar="E", help="who works: local processes, or ray (local)"
    )
    parser.add_argument(
        "--address",
        metavar="ADDR",
        help="the Ray cluster to join: auto on one of its nodes, or HOST:PORT (a Ray of our own)",
    )
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        help="insist on going on with the unfinished screen in DIR, or start over (without either: "
        "go on where there is one)",
    )


def run(args: argparse.Namespace) -> int:
    """Screen, and say in a few lines on stderr what came out."""
    try:
        with terminated_as_interrupted():
            result = _screen(args) if args.rescore is None else again(args)
    except KeyboardInterrupt as stop:
        say(f"molgnn: {_interrupted(args, getattr(stop, 'rows', None))}")
        return INTERRUPTED
    for line in summary(result):
        say(line, args.quiet)
    return 0


def _screen(args: argparse.Namespace) -> "ScreenResult":
    from pathlib import Path

    one_thread()
    replaced = models_of(args.models)
    local = args.engine == "local" and args.device in ("auto", "cpu") and args.workers != 0
    if local and any(map(_is_large, args.library)):
        import_ahead(PRELOAD)
    from molgnn.screen.cluster import pool_of
    from molgnn.screen.pipeline import read_asked, screen
    from molgnn.screen.shards import open_library
    from molgnn.screen.spike.read import check_spike
    from molgnn.screen.unfinished import check_startable, files_of

    # All that can be refused comes before the seconds that a model takes.
    recipe = read_asked(args.recipe, replaced)
    check_spike(args.spike)
    files = files_of(recipe is not None, args.spike is not None)
    check_startable(Path(args.out), args.force, args.resume, files)
    pool_of(args.engine, args.address, args.workers, args.timeout)
    library = open_library(args.library, args.smiles_column, args.id_column)
    if STDIN in args.library:
        say("reading from stdin: this run cannot be resumed", args.quiet)
    from molgnn.models.bundle import load_bundle

    model = load_bundle(args.model, device=args.device)
    if args.task is None and len(model.columns) > 1:
        others = ", ".join(model.columns[1:])
        say(f"ranking by {model.columns[0]}; --task NAME for another: {others}", args.quiet)
    gc.freeze()  # rows come by the million: no search for cycles need look through torch each time
    with progress("screening", args.quiet, library.fraction) as update:

        def begun(rows: int) -> None:
            if update:
                update.begun(rows)
            if rows:
                say(f"{args.out}: {rows:,} rows are done already: going on after them", args.quiet)

        return screen(
            model,
            library,
            top=args.top,
            out=args.out,
            task=args.task,
            minimize=bool(args.minimize),
            workers=args.workers,
            precision=args.precision,
            timeout=args.timeout,
            engine=args.engine,
            address=args.address,
            domain=args.domain,
            level=args.level,
            recipe=recipe,
            models=replaced,
            spike=args.spike,
            explain=args.explain,
            force=args.force,
            resume=args.resume,
            begun=begun,
            progress=update,
        )


def _is_large(path: str) -> bool:
    """Whether workers will be worth their start; a folder is a packed library."""
    return os.path.isdir(path) or (os.path.isfile(path) and os.path.getsize(path) > 1_000_000)


def _interrupted(args: argparse.Namespace, rows: int | None) -> str:
    """What is left of a screen that was stopped; ``rows`` are kept (None: it had not begun)."""
    if args.rescore is not None:
        return "interrupted: nothing was written"
    if rows:
        return (
            f"interrupted after {rows:,} rows: the same command goes on "
            f"(to start over: --no-resume)"
        )
    if STDIN in args.library:
        return "interrupted: nothing was written, and stdin cannot be read again"
    from molgnn.screen.unfinished import FOLDER, RUN

    if os.path.exists(os.path.join(args.out, FOLDER, RUN)):
        return f"interrupted: what was done before stays in {args.out}: the same command goes on"
    if rows is None:
        return "interrupted: nothing was written"
    from molgnn.screen.shards import SHARD

    return f"interrupted before the first {SHARD:,} rows were done: nothing was kept"


def summary(result: "ScreenResult") -> list[str]:
    """The counts, the best hits and the files, a line each."""
    from molgnn.screen.selfcheck import said

    facts, out = result.manifest, result.out
    counts, run = facts["counts"], facts["run"]
    lines = [
        f"{counts['rows']:,} rows read: {counts['scored']:,} scored, {counts['invalid']:,} invalid "
        f"({run['molecules_per_second']:,.0f} molecules/s)"
    ]
    if run["resumed"]:
        lines.append(f"went on after {run['resumed']:,} rows")
    lines += steps(facts)
    best = "highest" if facts["direction"] == "maximize" else "lowest"
    unit = f" ({facts['unit']})" if facts["unit"] else ""
    if counts["hits"]:
        first = f"first of {counts['hits']:,} hits, with their {facts['task']}{unit}:"
        plain = f"{best} {facts['task']}{unit} of {counts['hits']:,} hits:"
        lines.append(first if facts.get("funnel") else plain)
    for hit in result.hits.head(SHOWN).itertuples(index=False):
        lines.append(f"  {hit.rank}. {hit.score:.4g}  {_brief(hit.id or hit.smiles)}")
    if facts["hits_beyond_training"]:
        low, high = facts["training_range"]
        several = "hits score" if facts["hits_beyond_training"] > 1 else "hit scores"
        lines.append(
            f"{facts['hits_beyond_training']:,} {several} beyond all training values "
            f"({low:.4g} to {high:.4g}): extrapolations, look at them critically"
        )
    known = facts.get("domain")
    if known and known["threshold"] is None:
        lines.append(known["rule"])
    elif known and known["outside"]:
        lines.append(
            f"{known['outside']:,} of {counts['hits']:,} hits are outside the model's domain: no "
            f"training molecule is as similar as {known['threshold']:.2f} (in_domain in hits.csv)"
        )
    lines += said(facts)
    lines.append(f"{out / 'hits.csv'} and {out / 'report.html'}")
    if facts.get("spike"):
        lines.append(f"{out / 'spike.csv'}: each hidden molecule with its rank")
    if facts.get("funnel"):
        lines.append(f"{out / 'dropped.csv'}: why each other molecule of the pool is no hit")
    if counts["invalid"]:
        lines.append(f"{out / 'rejects.csv'}: the invalid rows, each with its reason")
    return lines


def _brief(text: str) -> str:
    """A name on one line, without what would command the terminal."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 60 else text[:59] + "…"
