"""Work on chunks of rows, here or in worker processes, in order and in bounded memory.

A worker imports this module and the chem floor: RDKit and numpy, never torch.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.data.reader import Row

AHEAD = 2  # chunks in flight for each worker: one in work, one that waits


@dataclass(frozen=True, slots=True)
class Featurized:
    """A chunk of rows and the graphs of its readable molecules.

    ``positions`` (B,) int64 says which row each graph is; ``reasons`` maps every other row's
    position to why it has none. ``seconds`` is the time that featurising took, in its process.
    """

    rows: "list[Row]"
    graphs: PackedGraphs
    positions: np.ndarray
    reasons: dict[int, str]
    seconds: float


def plan(
    chunks: "Iterable[list[Row]]", workers: int | None, spare: int = 1
) -> "tuple[Iterator[list[Row]], int]":
    """The same chunks, and how many workers to start: as asked, or none for a single chunk (a
    worker takes longer to start than that takes to featurise), or all cores but ``spare``."""
    if workers is not None and workers < 0:
        raise Refusal(f"--workers {workers}: give 0 (no worker processes) or more")
    chunks = iter(chunks)
    first = list(islice(chunks, 2))
    if workers is None:
        workers = max(1, cores() - spare) if len(first) > 1 else 0
    return chain(first, chunks), workers


def featurized(chunks: "Iterable[list[Row]]", recipe: str, workers: int) -> Iterator[Featurized]:
    """Each chunk with its graphs, in the order of the chunks; see ``worked``."""
    for rows, result in worked(chunks, partial(_featurize, recipe=recipe), workers):
        yield _finished(rows, result)


def worked(
    chunks: "Iterable[list[Row]]", work: Callable[[list[str]], Any], workers: int
) -> "Iterator[tuple[list[Row], Any]]":
    """Each chunk with ``work(texts)`` of it, in the order of the chunks; ``workers`` 0 works here.

    The text of a row that could not be read is "". At most ``AHEAD * workers`` chunks are in
    flight. Raises Refusal when a worker dies.
    """
    if workers == 0:
        for rows in chunks:
            yield rows, work(_texts(rows))
        return
    waiting: deque[tuple[list[Row], Future]] = deque()
    with _pool(workers) as pool:
        for rows in chunks:
            with _workers_alive(waiting[0][0] if waiting else rows), _main_hidden():
                waiting.append((rows, pool.submit(work, _texts(rows))))
            if len(waiting) == AHEAD * workers:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())


def _texts(rows: "list[Row]") -> list[str]:
    """What a worker needs of the rows; one that could not be read has nothing to featurise."""
    return ["" if row.problem else row.text for row in rows]


def _featurize(texts: list[str], recipe: str) -> tuple:
    start = time.perf_counter()
    graphs, positions, reasons = featurize(texts, recipe)
    return graphs, positions, reasons, time.perf_counter() - start


def _result(rows: "list[Row]", future: Future) -> "tuple[list[Row], Any]":
    with _workers_alive(rows):
        return rows, future.result()


def _finished(rows: "list[Row]", work: tuple) -> Featurized:
    graphs, positions, reasons, seconds = work
    return Featurized(rows, graphs, positions, reasons | unread(rows), seconds)


def unread(rows: "list[Row]") -> dict[int, str]:
    """Position -> problem of the rows that could not be read."""
    return {i: row.problem for i, row in enumerate(rows) if row.problem}


@contextmanager
def _workers_alive(rows: "list[Row]"):
    try:
        yield
    except BrokenProcessPool as error:
        raise Refusal(
            f"{rows[0].file} at or after line {rows[0].line}: a worker process died (killed, or "
            f"out of memory): free some memory, or try again with fewer --workers, 0 for none"
        ) from error


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that end with the block: after their work, or at once if it fails."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        yield pool
    except BaseException:  # why: after Ctrl-C too, or GeneratorExit, no worker may outlive the pool
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Ctrl-C reaches every process of the terminal: the parent alone answers it. A parent that was
    killed answers nothing, and its workers would wait for it for ever: so they watch it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Put ``__main__`` out of sight of processes that start now. A spawned process runs its
    parent's main script again, which would import torch in each worker, or start another screen
    where that script has no ``if __name__ == "__main__"``. Our workers need nothing of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
