"""What is done already: a file of JSON lines, one for each finished piece of a long work."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from molgnn.errors import Refusal

LOCK = "lock"


NUMBER = (int, float)
FIGURES = object()  # metric -> number, or None where it is not known


def lines(
    path: Path, writer: str, cut: bool = True, needed: Mapping[str, object] | None = None
) -> Iterator[dict]:
    """The records of whole lines, in order; what a kill left of a last one is cut off, so that none
    is glued to it, unless ``cut`` is False: who only looks, while another process may be writing.
    ``needed``: key -> type of what a record must hold, or ``FIGURES``. Raises Refusal for a line
    that ``writer`` cannot have written."""
    if not path.exists():
        return
    raw = path.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if _holds(record, needed or {}):
            yield record
        else:
            remedy = "remove the line, or give another --out"
            raise Refusal(f"{path} line {number}: not what `{writer}` wrote: {remedy}") from None
    if cut and len(whole) < len(raw):  # last, when all others have proved to be ours
        os.truncate(path, len(whole))


def _holds(record: object, needed: Mapping[str, object]) -> bool:
    return isinstance(record, dict) and all(
        _is_figures(record.get(key)) if kind is FIGURES else isinstance(record.get(key), kind)
        for key, kind in needed.items()
    )


def _is_figures(value: object) -> bool:
    return isinstance(value, dict) and all(
        number is None or isinstance(number, NUMBER) for number in value.values()
    )


def append(path: Path, record: dict) -> None:
    """One line more, on the disk when this returns."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def difference(there: Mapping, here: Mapping) -> str:
    """The first option in which two sets of options differ, with both values; "" if none does."""
    one, other = flat(there), flat(here)
    for name in {**one, **other}:
        if one.get(name) != other.get(name):
            return f"{name} is {one.get(name, 'not set')} there, {other.get(name, 'not set')} here"
    return ""


def flat(options: Mapping, where: str = "") -> dict:
    """Options within options by one name each, such as ``fit.epochs``."""
    found = {}
    for name, value in options.items():
        nested = isinstance(value, Mapping) and value
        found |= flat(value, f"{where}{name}.") if nested else {f"{where}{name}": value}
    return found


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make the folder, and hold its lock; one that was made and stays empty is removed again.

    Raises Refusal where it cannot be made, is a file, or another process holds the lock.
    """
    lock, made = FileLock(folder / LOCK), not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        remedy = "wait for its end, or give another folder"
        raise Refusal(f"{folder}: another process is at work there: {remedy}") from None
    except FileExistsError:
        raise Refusal(f"{folder} is a file: give another folder") from None
    except OSError as error:
        reason = error.strerror
        raise Refusal(f"{folder}: cannot be written ({reason}): give another folder") from None
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # the next one was quick to lock it, or Windows keeps it
            (folder / LOCK).unlink()
            if made:
                folder.rmdir()
