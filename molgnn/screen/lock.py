"""One screen at a time in a folder: a lock that ends with its process, however that ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from molgnn.errors import Refusal
from molgnn.screen.outputs import make_folder, missing_folders

LOCK = "lock"


@contextmanager
def locked(out: Path, name: str) -> Iterator[None]:
    """Make the folder ``out``/``name`` and hold its lock. At the end the folders that were made go,
    if nothing is in them. Raises Refusal where another process holds the lock."""
    folder = out / name
    made = missing_folders(folder)
    try:
        make_folder(folder)
        lock = _acquired(out, folder / LOCK)
        try:
            yield
        finally:
            _leave(folder, lock)
    finally:
        for path in made:
            with suppress(OSError):  # something is in it by now
                path.rmdir()


def _acquired(out: Path, path: Path) -> FileLock:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Refusal(
            f"{out}: another screen is at work there: wait for its end, or give another --out"
        ) from None
    except OSError as error:
        raise Refusal(f"{path}: can't be locked ({error.strerror}): give another --out") from error
    return lock


def _leave(folder: Path, lock: FileLock) -> None:
    """Let go of the lock, and of a folder that holds nothing else."""
    empty = [path.name for path in folder.glob("*")] == [LOCK]
    unlinked = False
    if empty:
        with suppress(PermissionError):  # Windows lets nobody remove a file that is open
            (folder / LOCK).unlink()
            unlinked = True
    lock.release()
    if empty:
        with suppress(OSError):  # the next screen was quick to begin here
            if not unlinked:
                (folder / LOCK).unlink()
            folder.rmdir()
