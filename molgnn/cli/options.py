"""Flags that several commands share; nothing here imports more than argparse."""

import argparse
import os


def one_thread() -> None:
    """For this process, before it imports torch: its workers have the cores, and where it has none
    a second thread gains little, and loses much on a machine that is busy."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Which columns of a table hold the molecules and their names."""
    parser.add_argument("--smiles-column", metavar="NAME", help="column of SMILES (found by name)")
    parser.add_argument("--id-column", metavar="NAME", help="column of ids (found by name)")


def add_level(parser: argparse.ArgumentParser) -> None:
    """How sure intervals and sets of classes are to be."""
    parser.add_argument(
        "--level",
        type=float,
        default=0.9,
        metavar="P",
        help="of calibrated intervals (TASK_low, TASK_high) and sets of classes (TASK_set): the "
        "share of molecules like the held-out ones whose true value is to be inside (0.9)",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Where the work is done, and what is said about it."""
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda or mps (auto: the fastest)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that read molecules; 0 for none (by the size of the input)",
    )
    add_timeout(parser)
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """When to give up a molecule; None where nobody asked."""
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="S",
        help="seconds in which a worker must have read a molecule, else it is a reject (60); "
        "given here, there is at least one worker",
    )
