"""Output files that appear whole or not at all, and never over another file unasked."""

import csv
import errno
import glob
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from molgnn.data.packed.durable import sync, unwritable
from molgnn.errors import Refusal

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


@contextmanager
def drafts(folder: Path, names: Sequence[str], force: bool = False) -> Iterator[dict[str, Path]]:
    """Temporary paths to write, one a name; they take their names when the block ends well.

    The folder is made where it is missing. Where the block fails, the drafts go, and so does a
    folder made for them. Refuses a name that exists, unless forced, before any work is done.
    """
    check_free(folder, names, force)
    made = missing_folders(folder)
    make_folder(folder)
    _sweep(folder, names)
    # Two runs into one folder must not write into each other's drafts.
    paths = {name: folder / f".{name}.{os.getpid()}.partial" for name in names}
    done = False
    try:
        yield paths
        check_free(folder, names, force)  # another run may have ended here meanwhile
        for path in paths.values():
            sync(path)
        with _undisturbed():
            for name, path in paths.items():
                os.replace(path, folder / name)
            done = True
        sync(folder)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise unwritable(folder, error) from error
    finally:
        if not done:
            _discard(paths.values(), made)


def check_free(folder: Path, names: Sequence[str], force: bool) -> None:
    """Refuse to overwrite, and to write into what is no folder."""
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder} is a file: --out needs a folder here")
    for path in (folder / name for name in names):
        if path.is_dir():
            raise Refusal(f"{path} is a folder: give another --out")
        if path.exists() and not force:
            raise Refusal(f"{path} exists: give another --out, or --force to overwrite it")


def csv_writer(file: TextIO, delimiter: str = ","):
    """A csv writer that ends lines with a line feed, and quotes a cell that holds either \\r or \\n
    (Python's own quotes only the characters of its line end before 3.13)."""
    return csv.writer(_LineFeeds(file), delimiter=delimiter, lineterminator="\r\n")


class _LineFeeds:
    def __init__(self, file: TextIO):
        self.file = file

    def write(self, row: str) -> None:
        self.file.write(row.removesuffix("\r\n") + "\n")


def open_text(path: Path) -> TextIO:
    """A text file to write: UTF-8, line ends as they are written, no text ever refused."""
    return open(path, "w", encoding="utf-8", newline="", errors="backslashreplace")


def number(value: float) -> str:
    """A figure as the tables show it: 7 digits, which is what single precision holds."""
    return f"{value:.7g}"


def missing_folders(folder: Path) -> list[Path]:
    """The folders that making this one would make, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def make_folder(folder: Path) -> None:
    """Make the folder, and those above it, where they are missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"{folder}: can't be made ({error.strerror}): give another --out") from error


def _discard(paths, made: list[Path]) -> None:
    with suppress(OSError):  # what could not be written cannot be tidied up, and was refused
        for path in paths:
            path.unlink(missing_ok=True)
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _sweep(folder: Path, names: Sequence[str]) -> None:
    """Remove the drafts of processes that were killed."""
    for name in names:
        for path in folder.glob(f".{glob.escape(name)}.*.partial"):
            number = path.name.removesuffix(".partial").rpartition(".")[2]
            if number.isdecimal() and not _is_alive(int(number)):
                path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    """Whether there is such a process; Windows is not asked, where the question would end it."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM come to nothing in the block, which is short and the last of the work:
    between two renames they would leave half of the results."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = [kind for kind in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(kind) is not None]
    before = {kind: signal.signal(kind, lambda *_: None) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
