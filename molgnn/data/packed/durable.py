"""Files that are whole once they have their name, also after a kill or a loss of power."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from molgnn.errors import Refusal

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, *_FULL)


@contextmanager
def durable(path: Path) -> Iterator[Path]:
    """A temporary path to write; where the block ends well it is synced and takes the name.

    Raises Refusal where the disk is full or may not be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        sync(partial)
        os.replace(partial, path)
        sync(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno not in _UNWRITABLE:
            raise
        raise unwritable(path, error) from error
    except BaseException:  # why: Ctrl-C too must leave no half a file; it goes on its way
        partial.unlink(missing_ok=True)
        raise


def unwritable(path: Path, error: OSError) -> Refusal:
    """The refusal for a disk that is full or may not be written."""
    remedy = "make room, then run the same command again"
    if error.errno not in _FULL:
        remedy = "give another --out, or mend its permissions"
    return Refusal(f"{path}: can't be written ({error.strerror}): {remedy}")


def sync(path: Path) -> None:
    """Have a file's bytes on the disk before going on. A folder is synced too, for the new name in
    it; Windows cannot, and does so by itself."""
    if path.is_dir() and os.name == "nt":
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)
