"""``molgnn explain``: what each atom adds to a score, drawn."""

import argparse

from molgnn.cli.options import add_columns, one_thread
from molgnn.cli.terminal import INTERRUPTED, progress, say, terminated_as_interrupted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; no import here that takes time."""
    parser.add_argument("model", metavar="MODEL", help="a bundle's folder, or a bundled model")
    parser.add_argument(
        "input",
        metavar="INPUT",
        help=".smi .csv .tsv .parquet or .sdf, also .gz or .zst; - for stdin",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the explanations")
    parser.add_argument(
        "--target", metavar="COLUMN", help="the prediction to explain (the model's first)"
    )
    parser.add_argument(
        "--rationales", action="store_true", help="search the smallest part that keeps the score"
    )
    parser.add_argument(
        "--keep", type=float, default=0.8, metavar="S", help="share that a rationale keeps (0.8)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the search for rationales (0)"
    )
    parser.add_argument(
        "--top", type=int, default=3, metavar="N", help="nearest training molecules to name (3)"
    )
    parser.add_argument(
        "--limit", type=int, default=100, metavar="N", help="rows to explain (the first 100)"
    )
    add_columns(parser)
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda or mps (auto: the fastest)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Explain, and say on stderr how many rows have an explanation."""
    try:
        with terminated_as_interrupted():
            written = _explain(args)
    except KeyboardInterrupt:
        say("molgnn: interrupted: nothing was written")
        return INTERRUPTED
    refused = written.rows - written.explained
    reasons = " (see their reason)" if refused else ""
    counts = f"{written.rows:,}, explained {written.explained:,}, refused {refused:,}"
    say(f"rows in {args.out}: {counts}{reasons}", args.quiet)
    if written.more:
        say(f"{args.input} has more rows: --limit N explains more than {args.limit:,}", args.quiet)
    return 0


def _explain(args: argparse.Namespace):
    one_thread()
    from molgnn.screen.explain.folder import check_output, explain_table
    from molgnn.screen.explain.wanted import Wanted

    # All that can be refused is refused before the seconds that a model takes.
    wanted = Wanted(args.top, args.rationales, keep=args.keep, seed=args.seed)
    check_output(args.out, args.force)
    from molgnn.models.bundle import load_bundle

    model = load_bundle(args.model, device=args.device)
    with progress("explaining", args.quiet) as update:
        return explain_table(
            model,
            args.input,
            args.out,
            target=args.target,
            wanted=wanted,
            smiles=args.smiles_column,
            id=args.id_column,
            limit=args.limit,
            force=args.force,
            progress=update,
        )
