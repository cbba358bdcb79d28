"""``molgnn predict``: a table with the model's columns added."""

import argparse
import errno
import os
import sys

from molgnn.cli.options import add_columns, add_level, add_run, one_thread
from molgnn.cli.terminal import INTERRUPTED, progress, say, terminated_as_interrupted
from molgnn.errors import Refusal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; no import here that takes time."""
    parser.add_argument("model", metavar="MODEL", help="a bundle's folder, or a bundled model")
    parser.add_argument(
        "input",
        metavar="INPUT",
        help=".smi .csv .tsv .parquet or .sdf, also .gz or .zst; - for stdin",
    )
    parser.add_argument(
        "--out", default="-", metavar="FILE", help=".csv, .tsv or .parquet; - for stdout (-)"
    )
    parser.add_argument(
        "--no-domain",
        dest="domain",
        action="store_const",
        const=False,
        default=True,
        help="without the columns that say how familiar a molecule is: the nearest training "
        "molecule, its similarity and labels, and in_domain",
    )
    parser.add_argument(
        "--vectors",
        dest="domain",
        action="store_const",
        const="vectors",
        help="with the nearest training molecule as the model's networks see it, too",
    )
    add_level(parser)
    add_columns(parser)
    add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Predict, and say on stderr how many rows have a prediction."""
    try:
        with terminated_as_interrupted():
            result = _predict(args)
    except KeyboardInterrupt:
        say("molgnn: interrupted" + (": nothing was written" if args.out != "-" else ""))
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout has seen enough. Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a file is refused where it is written; what is left is stdout
        if args.out != "-" or error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Refusal(f"stdout: can't be written ({error.strerror})") from error
    for name, given in result.renamed.items():
        say(f"the input has a column {name!r} already: the new one is {given!r}", args.quiet)
    where = "" if args.out == "-" else f" in {args.out}"
    invalid = result.rows - result.predicted
    reasons = " (see their reason)" if invalid else ""
    counts = f"{result.rows:,}, predicted {result.predicted:,}, refused {invalid:,}"
    say(f"rows{where}: {counts}{reasons}", args.quiet)
    if result.outside is not None:
        say(f"outside the model's domain: {result.outside:,} (in_domain false)", args.quiet)
    return 0


def _predict(args: argparse.Namespace):
    from molgnn.models.doubts import check_level
    from molgnn.screen.annotate import annotate, check_output

    one_thread()
    check_level(args.level)
    check_output(args.input, args.out, args.force)  # before the seconds that a model takes
    from molgnn.models.bundle import load_bundle

    model = load_bundle(args.model, device=args.device)
    domain = familiarity(model, args.domain, args.quiet)
    with progress("predicting", args.quiet or args.out == "-") as update:
        result = annotate(
            model,
            args.input,
            _stdout() if args.out == "-" else args.out,
            smiles=args.smiles_column,
            id=args.id_column,
            workers=args.workers,
            timeout=args.timeout,
            domain=domain,
            level=args.level,
            force=args.force,
            progress=update,
        )
    sys.stdout.flush()
    return result


def familiarity(model, asked: bool | str, quiet: bool) -> bool | str:
    """``asked``, or False where the model cannot say it, and a line says why: models from other
    hands may come without training molecules, and old ones without a rule."""
    if not asked or not hasattr(model, "known"):
        return False
    if model.known is None:
        missing = "no training.parquet in the model's folder: nearest training molecules unknown"
        say(missing, quiet)
        return False
    if model.rule is None:
        from molgnn.models.domain import NO_RULE

        say(NO_RULE, quiet)
    return asked


def _stdout():
    """stdout as the same bytes everywhere: UTF-8, and line ends as they are written."""
    sys.stdout.reconfigure(encoding="utf-8", newline="", errors="backslashreplace")
    return sys.stdout
