"""``molgnn bench``: figures about molgnn, beside other tools where they are installed.

Machines differ and are noisy, so what counts is the ratio within one run: the sides take turns,
round by round, on the same molecules.
"""

import argparse
import os

from molgnn.cli.bench import (
    accuracy,
    encoders,
    explain,
    featurize,
    funnel,
    gpu,
    latency,
    library,
    links,
    pretrain,
    screen,
    train,
    uncertainty,
)
from molgnn.errors import Refusal

_SUBJECTS = {
    "train": (train, "training molecules a second"),
    "pretrain": (pretrain, "molecules a second in pretraining"),
    "accuracy": (accuracy, "published benchmarks by their own protocols, beside published figures"),
    "encoders": (encoders, "all encoders on the same splits: figures and seconds"),
    "featurize": (featurize, "molecules featurised a second, in one process"),
    "library": (library, "packing and unpacking a library"),
    "screen": (screen, "whole screens, or their memory"),
    "funnel": (funnel, "seconds of each step of a funnel on a pool"),
    "explain": (explain, "whether attributions hold, and what explanations and domain cost"),
    "latency": (latency, "one SMILES to its prediction, on one core"),
    "gpu": (gpu, "scoring packed molecules on a GPU"),
    "uncertainty": (uncertainty, "coverage, calibration, spread and domain, by split"),
    "links": (links, "graph autoencoders on citation graphs, beside published figures"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, (subject, text) in _SUBJECTS.items():
        subject.add_arguments(what.add_parser(name, help=text))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    # Else --help would name no flag.
    parser.epilog = "".join(sub.format_usage() for sub in what.choices.values())


def run(args: argparse.Namespace) -> int:
    if args.json and os.path.exists(args.json):
        raise Refusal(f"{args.json}: exists already: name another file")
    if args.json and not os.path.isdir(folder := os.path.dirname(args.json) or "."):
        raise Refusal(f"{args.json}: no folder {folder}: make it first")
    return _SUBJECTS[args.what][0].run(args)
