"""Find the rows that kill a worker or keep it too long: each is tried alone, against the clock.

RDKit can crash on a text, or take hours for it, and nothing inside its process can stop it then.
"""

import pickle
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from molgnn.chem.deadline import end_after
from molgnn.chem.graph import route
from molgnn.data.pool.processes import Job, ending, started
from molgnn.data.pool.start import begin, follow_parent

if TYPE_CHECKING:
    from molgnn.data.readers.record import Row

Start = Callable[[], tuple[BaseProcess, Connection]]
_BEGUN, _DONE = True, False
PATIENCE = 60.0  # seconds beyond the timeout for what is no parsing; the process ends itself before
TOO_LONG = "exit code 1"  # the end that ``chem.deadline`` makes


def without_culprits(
    rows: "list[Row]",
    job: Job,
    payload: Callable[["list[Row]"], Any],
    timeout: float,
    preload: Sequence[str] = (),
) -> "list[Row]":
    """The same rows, those that cannot be worked on with their ``problem`` set.

    ``payload`` of a single row is what the job's work is tried on, in a process of its own, for at
    most ``timeout`` seconds each. A row on which that process dies counts only when it dies again.
    """
    start = partial(begin, _one_by_one, pickle.dumps(job), timeout, preload=preload)
    problems = _problems([payload([row]) for row in rows], start, timeout)
    return [
        replace(row, problem=problems[i]) if i in problems else row for i, row in enumerate(rows)
    ]


def _problems(payloads: list, start: Start, timeout: float) -> dict[int, str]:
    """Position -> problem of the culprits among the payloads."""
    problems: dict[int, str] = {}
    first, died_on = 0, None
    while (stop := _first_stop(payloads[first:], start, timeout)) is not None:
        position, how = first + stop[0], stop[1]
        if how and died_on != position:  # it may have been killed for something else
            first = died_on = position
            continue
        slow = f"parsing took longer than {timeout:g} s (--timeout)"
        problems[position] = f"the parser crashed on it ({how})" if how else slow
        first = position + 1
    return problems


def _first_stop(payloads: list, start: Start, timeout: float) -> tuple[int, str] | None:
    """The position of the first payload that goes wrong, and how the process ended: "" where it
    took too long. None where all went well, or where not even the job could be begun."""
    try:
        process, pipe = start()
    except OSError:
        return None
    at, limit = -1, None  # starting has no limit: a job may have a model to load
    with closing(pipe):
        try:
            pipe.send(payloads)
            while pipe.poll(limit):
                if pipe.recv() is _DONE:
                    return None
                at, limit = at + 1, timeout + PATIENCE
            return at, ""
        except (EOFError, OSError):
            process.join()
            how = ending(process)
            return (at, "" if how == TOO_LONG else how) if at >= 0 else None
        finally:
            process.kill()
            process.join()


def _one_by_one(pipe: Connection, job: bytes, timeout: float) -> None:
    follow_parent()
    payloads = pipe.recv()
    work = started(job)
    route()  # tests itself once in a process: not in the time of the first row
    end_after(timeout)  # of parsing alone, as in a worker: scoring takes its own time
    for payload in payloads:
        pipe.send(_BEGUN)
        with suppress(Exception):  # why: what it raises here it raises in a worker too, and is told
            work(payload)
    pipe.send(_DONE)
