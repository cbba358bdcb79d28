"""``molgnn screen``: rank a library and keep its best molecules."""

import argparse
from typing import TYPE_CHECKING

from molgnn.cli.options import add_columns, add_run
from molgnn.cli.terminal import INTERRUPTED, progress, say

if TYPE_CHECKING:
    from molgnn.screen.pipeline import ScreenResult

SHOWN = 5  # hits in the summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; no import here that takes time."""
    parser.add_argument("model", metavar="MODEL", help="a bundle's folder, or a bundled model")
    parser.add_argument(
        "library",
        metavar="LIBRARY",
        nargs="+",
        help=".smi .csv .tsv .parquet or .sdf, also .gz or .zst; patterns; - for stdin",
    )
    parser.add_argument("--top", type=int, default=100, metavar="K", help="hits to keep (100)")
    parser.add_argument("--out", default="hits", metavar="DIR", help="folder for results (hits)")
    parser.add_argument("--task", metavar="NAME", help="what to rank by (the model's first task)")
    order = parser.add_mutually_exclusive_group()
    for name, minimize, text in (
        ("--maximize", False, "the highest are the best (the default)"),
        ("--minimize", True, "the lowest are the best"),
    ):
        order.add_argument(
            name, dest="minimize", action="store_const", const=minimize, default=False, help=text
        )
    add_columns(parser)
    add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Screen, and say in a few lines on stderr what came out."""
    try:
        result = _screen(args)
    except KeyboardInterrupt:
        say("molgnn: interrupted: nothing was written")
        return INTERRUPTED
    for line in summary(result):
        say(line, args.quiet)
    return 0


def _screen(args: argparse.Namespace) -> "ScreenResult":
    from pathlib import Path

    from molgnn.screen.outputs import check_free
    from molgnn.screen.pipeline import FILES, screen

    check_free(Path(args.out), FILES, args.force)  # before the seconds that a model takes
    from molgnn.models.bundle import load_bundle

    model = load_bundle(args.model, device=args.device)
    if args.task is None and len(model.columns) > 1:
        others = ", ".join(model.columns[1:])
        say(f"ranking by {model.columns[0]}; --task NAME for another: {others}", args.quiet)
    with progress("screening", args.quiet) as update:
        return screen(
            model,
            args.library,
            top=args.top,
            out=args.out,
            task=args.task,
            minimize=args.minimize,
            workers=args.workers,
            timeout=args.timeout,
            smiles=args.smiles_column,
            id=args.id_column,
            force=args.force,
            progress=update,
        )


def summary(result: "ScreenResult") -> list[str]:
    """The counts, the best hits and the files, a line each."""
    facts, out = result.manifest, result.out
    counts = facts["counts"]
    lines = [
        f"{counts['rows']:,} rows read: {counts['scored']:,} scored, {counts['invalid']:,} invalid "
        f"({facts['molecules_per_second']:,.0f} molecules/s)"
    ]
    best = "highest" if facts["direction"] == "maximize" else "lowest"
    unit = f" ({facts['unit']})" if facts["unit"] else ""
    if counts["hits"]:
        lines.append(f"{best} {facts['task']}{unit} of {counts['hits']:,} hits:")
    for hit in result.hits.head(SHOWN).itertuples(index=False):
        lines.append(f"  {hit.rank}. {hit.score:.4g}  {_brief(hit.id or hit.smiles)}")
    if facts["hits_beyond_training"]:
        low, high = facts["training_range"]
        lines.append(
            f"{facts['hits_beyond_training']:,} hits score beyond all training values "
            f"({low:.4g} to {high:.4g}): extrapolations, look at them critically"
        )
    lines.append(f"{out / 'hits.csv'} and {out / 'report.html'}")
    if counts["invalid"]:
        lines.append(f"{out / 'rejects.csv'}: the invalid rows, each with its reason")
    return lines


def _brief(text: str) -> str:
    """A name on one line, without what would command the terminal."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 60 else text[:59] + "…"
