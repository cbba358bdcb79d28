"""Work on chunks of rows, here or in worker processes, in order and in bounded memory.

A worker may die, and a molecule may take for ever: the run goes on, and the row says why.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from molgnn.chem.graph import PackedGraphs, featurize, route
from molgnn.data.pool.careful import without_culprits
from molgnn.data.pool.processes import Job, WorkerDied, processes
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.data.readers.record import Row

TIMEOUT = 60.0  # seconds for one molecule; ordinary ones take less than a thousandth
MOST = 1024  # workers: more than any machine has cores
DEATHS = 3  # of the workers that had one chunk, without a row to blame, before the run gives up


class Answer(Protocol):
    def result(self) -> Any:
        """Waits; raises WorkerDied where the worker is gone."""


class Pool(Protocol):
    """Workers that have begun a job. ``ahead`` is how many payloads to keep in flight.

    A worker ends at a molecule that takes longer than its timeout, unless it is to be ``patient``;
    its payload's answer raises WorkerDied, and the pool goes on with the others.
    """

    ahead: int

    def submit(self, payload: Any, patient: bool = False) -> Answer: ...


OpenPool = Callable[[Job], AbstractContextManager[Pool]]


@dataclass(frozen=True, slots=True)
class Featurized:
    """A chunk of rows and the graphs of its readable molecules.

    ``positions`` (B,) int64 says which row each graph is; ``reasons`` maps every other row's
    position to why it has none. ``seconds`` is the time that featurising took, in its process, and
    ``route`` the way it went there (see ``chem.graph.route``).
    """

    rows: "list[Row]"
    graphs: PackedGraphs
    positions: np.ndarray
    reasons: dict[int, str]
    seconds: float
    route: str


def plan(
    chunks: "Iterable[list[Row]]",
    workers: int | None,
    spare: int = 1,
    timeout: float | None = None,
) -> "tuple[Iterator[list[Row]], int]":
    """The same chunks, and how many workers to start: as asked, or none for a single chunk (a
    worker takes longer to start than that takes to featurise), or all cores but ``spare``. With a
    ``timeout`` at least one: who works in this process cannot be stopped."""
    if workers is not None and not 0 <= workers <= MOST:
        raise Refusal(f"--workers {workers}: give 0 (no worker processes) to {MOST}")
    if timeout is not None and not 0 < timeout <= 1e6:
        raise Refusal(f"--timeout {timeout:g}: give seconds, more than 0 and at most 1,000,000")
    chunks = iter(chunks)
    first = list(islice(chunks, 2))
    if workers is None:
        workers = max(1, cores() - spare) if len(first) > 1 else 0
    return chain(first, chunks), max(workers, int(timeout is not None))


def featurized(
    chunks: "Iterable[list[Row]]",
    recipe: str,
    workers: int,
    timeout: float | None = None,
    open_pool: OpenPool | None = None,
    blocks: Sequence[str] = (),
) -> Iterator[Featurized]:
    """Each chunk with its graphs, in the order of the chunks; see ``worked``, and for ``blocks``
    ``chem.graph.featurize``."""
    job = partial(partial, _featurize, recipe=recipe, blocks=tuple(blocks))
    for rows, result in worked(chunks, job, workers, timeout=timeout, open_pool=open_pool):
        yield _finished(rows, result)


def texts_of(rows: "list[Row]") -> list[str]:
    """What a worker needs of the rows; one that could not be read has nothing to featurise."""
    return ["" if row.problem else row.text for row in rows]


def worked(
    chunks: "Iterable[list[Row]]",
    job: Job,
    workers: int,
    *,
    payload: "Callable[[list[Row]], Any]" = texts_of,
    check: Callable | None = None,
    timeout: float | None = None,
    preload: Sequence[str] = (),
    open_pool: OpenPool | None = None,
) -> "Iterator[tuple[list[Row], Any]]":
    """Each chunk with what ``job()`` makes of its ``payload``, in the order of the chunks.

    ``job`` is pickled and called once in each worker, where it gives the function that works.
    ``workers`` 0 works in this process; ``open_pool`` gives other workers than our own, which have
    ``preload``, a list of modules, in common. A row that takes a worker longer than ``timeout``
    seconds (None: TIMEOUT), or that kills it, comes back with its ``problem`` set, as ``check``
    finds it (None: ``without_culprits``). Raises Refusal when workers die of no row.
    """
    timeout = timeout or TIMEOUT
    if open_pool is None and workers == 0:
        work = job()
        for rows in chunks:
            yield rows, work(payload(rows))
        return
    open_pool = open_pool or partial(processes, workers=workers, timeout=timeout, preload=preload)
    check = check or partial(
        without_culprits, job=job, payload=payload, timeout=timeout, preload=preload
    )
    waiting: deque[tuple[list[Row], Answer]] = deque()
    with open_pool(job) as pool:
        result = partial(_survived, pool=pool, payload=payload, check=check)
        for rows in chunks:
            waiting.append((rows, pool.submit(payload(rows))))
            if len(waiting) == pool.ahead:
                yield result(*waiting.popleft())
        while waiting:
            yield result(*waiting.popleft())


def _survived(
    rows: "list[Row]", answer: Answer, *, pool: Pool, payload: Callable, check: Callable
) -> "tuple[list[Row], Any]":
    """The chunk's result, also where workers die of it or with it."""
    deaths = 0
    while True:
        try:
            return rows, answer.result()
        except WorkerDied as death:
            fit = check(rows)
            deaths = deaths + 1 if fit is rows or fit == rows else 0
            if deaths == DEATHS:
                raise Refusal(_given_up(rows, death)) from death
            # No row of it takes too long alone, so where all of them did, the machine is slow.
            rows, answer = fit, pool.submit(payload(fit), patient=True)


def _given_up(rows: "list[Row]", death: WorkerDied) -> str:
    return (
        f"{rows[0].file} at or after line {rows[0].line}: a worker process died {DEATHS} times "
        f"({death}): free some memory, or try again with fewer --workers, 0 for none"
    )


def _featurize(texts: list[str], recipe: str, blocks: Sequence[str]) -> tuple:
    start = time.perf_counter()
    graphs, positions, reasons = featurize(texts, recipe, blocks)
    return graphs, positions, reasons, time.perf_counter() - start, route()


def _finished(rows: "list[Row]", work: tuple) -> Featurized:
    graphs, positions, reasons, seconds, way = work
    return Featurized(rows, graphs, positions, reasons | unread(rows), seconds, way)


def unread(rows: "list[Row]") -> dict[int, str]:
    """Position -> problem of the rows that could not be read."""
    return {i: row.problem for i, row in enumerate(rows) if row.problem}


def cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
