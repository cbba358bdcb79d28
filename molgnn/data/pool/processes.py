"""Worker processes, each behind a pipe of its own, so that a death costs and points at one payload.

A worker imports this module and the chem floor: RDKit and numpy, never torch, unless its job does.
What is pickled here goes between this process and its own children, never to or from a file.
"""

import gc
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from molgnn.chem.deadline import end_after
from molgnn.data.pool.start import begin, follow_parent

Job = Callable[[], Callable[[Any], Any]]
AHEAD = 2  # payloads in flight for each worker: one in work, one that waits


class WorkerDied(Exception):
    """The worker that had this payload is gone; ``str(error)`` says how. The pool goes on."""


@contextmanager
def processes(
    job: Job, workers: int, timeout: float | None = None, preload: Sequence[str] = ()
) -> Iterator["Processes"]:
    """A pool of processes that end with the block, and at the latest with this process."""
    pool = Processes(partial(begin, _serve, _pickled(job), timeout, preload=preload), workers)
    try:
        yield pool
    finally:
        pool.close()


class Processes:
    """Each payload goes to the worker with the least to do, and to a new one if that has died.

    A molecule that takes longer than the timeout, in seconds, ends its worker.
    """

    def __init__(self, start: Callable[[], tuple[BaseProcess, Connection]], workers: int):
        self.ahead = AHEAD * workers
        self._lanes = [_Lane(start) for _ in range(workers)]

    def submit(self, payload: Any, patient: bool = False) -> "Answer":
        """``patient``: without a deadline. A death is raised by the answer, not here."""
        lane = min(self._lanes, key=lambda lane: lane.load)
        return lane.submit(_pickled((patient, payload)))

    def close(self) -> None:
        for lane in self._lanes:
            lane.kill()
        for lane in self._lanes:
            lane.join()


class Answer:
    """What a worker will say to one payload."""

    def __init__(self, future: Future):
        self._future = future

    def result(self) -> Any:
        """Waits. Raises WorkerDied, or what the work raised."""
        good, value = pickle.loads(self._future.result())
        if good:
            return value
        raise value


class _Lane:
    """A worker, and the thread that starts it and talks with it: one payload there, one answer
    back, so that neither side ever waits to be read while it writes; and Ctrl-C, which Python
    raises in the main thread alone, never interrupts a start or an answer halfway."""

    def __init__(self, start: Callable[[], tuple[BaseProcess, Connection]]):
        self._start, self._lock, self._closed = start, threading.Lock(), False
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[Future] = []

    @property
    def load(self) -> int:
        self._waiting = [future for future in self._waiting if not future.done()]
        return len(self._waiting)

    def submit(self, data: bytes) -> Answer:
        future = self._thread.submit(self._ask, data)
        self._waiting.append(future)
        return Answer(future)

    def _ask(self, data: bytes) -> bytes:
        pipe = self._ready()
        try:
            pipe.send_bytes(data)
            return pipe.recv_bytes()
        except (EOFError, OSError):
            raise WorkerDied(self._buried()) from None

    def _ready(self) -> Connection:
        with self._lock:
            if self._closed:
                raise WorkerDied("the pool is closed")
            if self._process is None:
                try:
                    self._process, self._pipe = self._start()
                except OSError as error:
                    raise WorkerDied(f"it can't be started: {error}") from None
            return self._pipe

    def _buried(self) -> str:
        """Once only: where Ctrl-C met the start of the thread, it may be there beside ``join``."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return "the pool is closed"
        process.join()
        self._pipe.close()
        return ending(process)

    def kill(self) -> None:
        """At once: a worker holds nothing that could be lost."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def join(self) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._buried()


def ending(process: BaseProcess) -> str:
    """How a process ended: "signal 9" or "exit code 1"."""
    code = process.exitcode or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _pickled(thing: Any) -> bytes:
    return pickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)


def _serve(pipe: Connection, job: bytes, timeout: float | None) -> None:
    """A worker's life: one answer to each payload, until the pipe is closed."""
    follow_parent()
    work = None
    while True:
        try:
            data = pipe.recv_bytes()
        except EOFError:
            return
        try:
            work = work or started(job)
            patient, payload = pickle.loads(data)
            end_after(None if patient else timeout)
            answer = _pickled((True, work(payload)))
        except Exception as error:  # noqa: BLE001  why: whatever it is, the parent is to raise it
            answer = _pickled((False, _portable(error)))
        pipe.send_bytes(answer)


def started(job: bytes) -> Callable[[Any], Any]:
    """Begin a job in this process, with one thread: the workers share the cores already."""
    work = pickle.loads(job)()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    gc.freeze()  # modules stay: no search for cycles need look through them again
    return work


def _portable(error: Exception) -> Exception:
    """The error with its traceback as text; another one where it does not survive the way."""
    text = "".join(traceback.format_exception(error))
    error.add_note(f"in a worker process:\n{text}")
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  why: an error's own constructor may fail in any way
        return RuntimeError(text)
