"""The dispatcher: ``molgnn COMMAND``. It imports a command only to run it."""

import argparse
import errno
import gc
import sys
from importlib import import_module

from molgnn import __version__
from molgnn.errors import Refusal

COMMANDS = {
    "train": "train a model on a table (Hydra: key=value)",
    "pretrain": "pretrain an encoder on a library without labels (Hydra: key=value)",
    "tune": "find good options for a table by trials (Hydra: key=value)",
    "predict": "predict properties of the molecules of a table",
    "embed": "write the vectors that a model or a pretrained encoder has of molecules",
    "screen": "rank a library and keep its best molecules",
    "explain": "draw what each atom adds to a prediction",
    "library": "pack a library once, to screen it at the speed of the model",
    "evaluate": "cross-validate one configuration, or compare two on the same folds",
    "report": "rebuild the HTML page of a finished screen",
    "models": "list the models that ship with molgnn",
    "data": "list the named data sets, or fetch one",
    "bench": "measure molgnn, beside other tools where they are installed",
}

HYDRAS = ("train", "pretrain", "tune")  # their grammar is Hydra's, not argparse's


class _Parser(argparse.ArgumentParser):
    """One that says a mistake in a line, without all of its flags."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message} (its flags: {self.prog} --help)\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 refused with one line, 2 usage."""
    argv = sys.argv[1:] if argv is None else argv
    name = argv[0] if argv and argv[0] in COMMANDS else None
    parser = _parser(name)
    try:
        if name in HYDRAS:
            return import_module(f"molgnn.cli.{name}").run(argv[1:])
        args = parser.parse_args(argv)
        if name is None:
            parser.print_help()
            return 2
        return args.run(args)
    except Refusal as refusal:
        print(f"molgnn: {refusal}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has seen enough, as in `molgnn data | head`
        sys.stderr.close()
        return 1
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        print(f"molgnn: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1


def _parser(name: str | None) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="molgnn",
        description="Train on a few thousand molecules, screen a library, keep the best.",
    )
    parser.add_argument("--version", action="version", version=f"molgnn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command, text in COMMANDS.items():
        sub = commands.add_parser(command, help=text, description=text.capitalize() + ".")
        if command == name and name not in HYDRAS:
            module = import_module(f"molgnn.cli.{command}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def console() -> int:
    """``main`` for a process that ends with it: the search for cycles among all that torch left
    in memory would take a quarter of a second, to free what is freed anyway."""
    try:
        return main()
    except KeyboardInterrupt:  # before the command could answer it
        return 130
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(console())
