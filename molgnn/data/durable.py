"""Files that are whole once they have their name, also after a kill or a loss of power."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from molgnn.errors import Refusal

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


@contextmanager
def durable(path: Path) -> Iterator[Path]:
    """A temporary path to write; where the block ends well it is synced and takes the name.

    Raises Refusal where the disk is full or may not be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno not in _UNWRITABLE:
            raise
        raise Refusal(f"{path}: can't be written ({error.strerror})") from error
    except BaseException:  # why: Ctrl-C too must leave no half a file; it goes on its way
        partial.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """A folder is synced too, for the new name in it; Windows cannot, and does so by itself."""
    if path.is_dir() and os.name == "nt":
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)
