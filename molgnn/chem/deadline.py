"""A deadline for each molecule, for worker processes: one that takes longer ends the process.

RDKit works in C++, where neither a signal nor another thread of Python can interrupt it. The watch
of ``faulthandler`` is a thread without Python, and can end the process even then.
"""

import faulthandler
import os
import time
from collections.abc import Iterable, Iterator
from functools import cache

_limit: float | None = None


def end_after(seconds: float | None) -> None:
    """From now on this process ends, with exit code 1, at a molecule that takes longer; None: no
    more. Only for a process that another one watches."""
    global _limit
    _limit = seconds


def each(texts: Iterable[str]) -> Iterable[str]:
    """The same texts; while one is worked on, its deadline runs, where ``end_after`` set one."""
    return texts if _limit is None else _watched(texts, _limit)


def _watched(texts: Iterable[str], seconds: float) -> Iterator[str]:
    """Setting the watch starts a thread, which costs as much as a small molecule: so it is set
    again only when an eighth of the time has passed, and goes off after 1 to 9/8 of the time."""
    late, since = seconds / 8, -float("inf")
    try:
        for text in texts:
            now = time.monotonic()
            if now - since > late:
                faulthandler.dump_traceback_later(seconds + late, exit=True, file=_nowhere())
                since = now
            yield text
    finally:
        faulthandler.cancel_dump_traceback_later()


@cache
def _nowhere():
    return open(os.devnull, "w")
