"""``molgnn embed``: the vectors of a library's molecules as a Parquet file."""

import argparse

from molgnn.cli.options import add_columns, add_run, one_thread
from molgnn.cli.terminal import INTERRUPTED, progress, say, terminated_as_interrupted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; no import here that takes time."""
    parser.add_argument(
        "model", metavar="MODEL", help="a trained model or a pretrained encoder: its folder or name"
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help=".smi .csv .tsv .parquet or .sdf, also .gz or .zst; a pattern; a packed library; "
        "- for stdin",
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="a .parquet file: file, line, id, smiles, z"
    )
    add_columns(parser)
    add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Embed, and say on stderr how many rows have a vector."""
    try:
        with terminated_as_interrupted():
            result = _embed(args)
    except KeyboardInterrupt:
        say("molgnn: interrupted: nothing was written")
        return INTERRUPTED
    refused = result.rows - result.embedded
    reasons = " (see their reason)" if refused else ""
    counts = f"{result.rows:,}, embedded {result.embedded:,}, refused {refused:,}"
    say(f"rows in {args.out}: {counts}{reasons}", args.quiet)
    return 0


def _embed(args: argparse.Namespace):
    one_thread()
    from molgnn.screen.latent.vectors import check_vectors_file, write_vectors

    check_vectors_file(args.input, args.out, args.force)  # before the seconds that a model takes
    from molgnn.models.embedder import load_embedder

    embedder = load_embedder(args.model, args.device)
    with progress("embedding", args.quiet) as update:
        return write_vectors(
            embedder,
            args.input,
            args.out,
            smiles=args.smiles_column,
            id=args.id_column,
            workers=args.workers,
            timeout=args.timeout,
            force=args.force,
            progress=update,
        )
