"""Runs of a bench: the record of those that are finished, and the training of one that is not.

A finished run is a line of OUT/runs.jsonl, so that the same command goes on after a kill. While a
run trains, its folder lies in OUT/unfinished: nothing else is in there, so nothing of the user's
is replaced or removed.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.train.options import RunOptions
    from molgnn.train.run import Run

RUNS, UNFINISHED = "runs.jsonl", "unfinished"


def folder_of(out: str, *writes: str) -> Path:
    """Raises Refusal where a file has that name, and where the folder holds a file called as one
    that the bench ``writes``, and no record of a bench."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder} is a file: give another folder with --out")
    for name in writes:
        if (folder / name).exists() and not (folder / RUNS).exists():
            said = f"would be replaced, and is of no bench (no {RUNS} beside it)"
            raise Refusal(f"{folder / name}: {said}: give another folder with --out")
    return folder


def train_in(folder: Path, options: "RunOptions", quiet: bool = False) -> "Run":
    """Train in OUT/unfinished/NAME, or go on with the same run there. The caller ends with
    ``remove``, when it has what it needs of the run."""
    from molgnn.cli.epochs import EpochLog
    from molgnn.train.folder import can_go_on
    from molgnn.train.run import run as train

    try:
        goes_on = can_go_on(folder, options)
    except Refusal:  # a run of other options, or one that was killed when it had ended
        goes_on = False
    if quiet:
        return train(options, folder, force=not goes_on)
    log = EpochLog(options.fit.epochs)
    done = train(options, folder, force=not goes_on, epoch_done=log)
    log.close()
    return done


def remove(folder: Path) -> None:
    """The folder of a run; OUT/unfinished too, unless another run waits there to go on."""
    shutil.rmtree(folder)
    with suppress(OSError):  # not empty
        folder.parent.rmdir()
