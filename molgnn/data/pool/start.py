"""Start a process that works for this one: without its main script, with one thread, no longer.

Where modules are to be preloaded, Python's fork server imports them once and the processes share
them in memory; else, and on Windows, each process starts anew.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType

# Libraries read these when they are loaded. Workers share the cores: a second thread only disturbs.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_starting = threading.Lock()  # what a start changes for a moment belongs to the whole process


def begin(target: Callable, *args, preload: Sequence[str] = ()) -> tuple[BaseProcess, Connection]:
    """A process that runs ``target(pipe, *args)``, and our end of its pipe. Raises OSError where
    none can be had from the system, or from a fork server that is just ending."""
    context = _context(preload)
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *args), daemon=True)
    with _starting, _main_hidden(), _one_thread(), _deaf():
        try:
            process.start()
        except EOFError:
            raise ConnectionError("the fork server ended") from None
    theirs.close()  # so that the pipe ends when the process does
    return process, ours


def import_ahead(preload: Sequence[str]) -> None:
    """Have the fork server import ``preload`` from now on, beside what this process does until it
    needs workers. Nothing where there is no fork server."""
    context = _context(preload)
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver  # not above: Windows has none

        with _starting, _main_hidden(), _one_thread(), _deaf():
            forkserver.ensure_running()


def follow_parent() -> None:
    """To call first in such a process. Ctrl-C reaches every process of the terminal: the parent
    alone answers it. A parent that was killed answers nothing, and its workers would wait for it
    for ever: so they watch it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(ONE_THREAD)  # a fork server that was there before us has another environment
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _context(preload: Sequence[str]):
    """Python starts one fork server in a process, and what it has preloaded by then stays so."""
    if not preload or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


@contextmanager
def _one_thread() -> Iterator[None]:
    """ONE_THREAD in the environment of what starts now, be it a worker or the fork server."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _deaf() -> Iterator[None]:
    """Block Ctrl-C in what starts now: until it could ignore it, it would die of it with a
    traceback. Not on Windows, which has no such mask."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its own start ends by opening the ears of this thread
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
