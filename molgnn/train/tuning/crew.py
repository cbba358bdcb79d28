"""Trials in several processes at a time, each with its share of the threads."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import torch

from molgnn.data.pool.start import begin, follow_parent
from molgnn.data.pool.workers import cores
from molgnn.errors import Refusal
from molgnn.train.options import RunOptions
from molgnn.train.tuning.memory import Room, own_peaks
from molgnn.train.tuning.trial import Material, Outcome, attempt

DEATHS = 3  # of processes one after the other, until the search is given up

# What is still to do: a trial with its options, or None.
Next = Callable[[], tuple[object, RunOptions] | None]


def work(pipe: Connection, threads: int) -> None:
    """The process: trials out of the pipe, (what, ...) into it. It ends when the pipe does."""
    follow_parent()
    torch.set_num_threads(threads)

    def report(tenth: int, loss: float) -> bool:
        pipe.send(("report", tenth, loss))
        return pipe.recv()

    with suppress(EOFError, BrokenPipeError):
        material, metric = pipe.recv()
        while True:
            options = pipe.recv()
            try:
                outcome = attempt(material, options, metric, report)
            except Exception:  # noqa: BLE001 - whatever it is, the search must show it and end
                pipe.send(("error", traceback.format_exc()))
                return
            pipe.send(("done", outcome, *own_peaks()))


class _Busy(NamedTuple):
    process: BaseProcess
    trial: object


class Crew:
    """Processes that try options. ``room`` says how many may be at work."""

    def __init__(self, material: Material, metric: str, room: Room):
        self.material, self.metric, self.room = material, metric, room
        self.idle: list[tuple[BaseProcess, Connection]] = []
        self.busy: dict[Connection, _Busy] = {}
        self.deaths = 0

    def run(
        self, next_trial: Next, report: Callable[[object, int, float], bool]
    ) -> Iterator[tuple[object, Outcome]]:
        """Each trial with its outcome, as they end, until ``next_trial`` gives None and all have.
        ``report(trial, tenth, loss)`` says whether to end one. Raises Refusal where processes keep
        dying."""
        try:
            while True:
                while len(self.busy) < self.room.trials and (found := next_trial()):
                    self._begin(*found)
                if not self.busy:
                    return
                for pipe in wait(list(self.busy)):
                    ended = self._heard(pipe, report)
                    if ended:
                        yield ended
        finally:
            self._end()

    def _begin(self, trial, options: RunOptions) -> None:
        if not self.idle:
            threads = max(1, cores() // self.room.workers)
            process, pipe = begin(work, threads, preload=(__name__,))
            pipe.send((self.material, self.metric))
            self.idle.append((process, pipe))
        process, pipe = self.idle.pop()
        self.busy[pipe] = _Busy(process, trial)
        with suppress(BrokenPipeError):  # it has died, as the answer will say
            pipe.send(options)

    def _heard(self, pipe: Connection, report) -> tuple[object, Outcome] | None:
        process, trial = self.busy[pipe]
        try:
            what, *told = pipe.recv()
            if what == "report":
                pipe.send(report(trial, *told))
                return None
        except (EOFError, ConnectionError):
            return trial, self._died(pipe)
        if what == "error":
            raise RuntimeError(f"a trial's process failed:\n{told[0]}")
        outcome, peaks, free = told
        self.room.measured(peaks, free)
        self.deaths = 0
        del self.busy[pipe]
        if len(self.busy) < self.room.trials:
            self.idle.append((process, pipe))
        else:  # there is no room for it any more
            pipe.close()
            process.join()
        return trial, outcome

    def _died(self, pipe: Connection) -> Outcome:
        """A process that is gone was probably killed for its memory: there is one less from now."""
        process, _ = self.busy.pop(pipe)
        process.join()
        pipe.close()
        self.deaths += 1
        self.room.workers = max(1, self.room.workers - 1)
        reason = f"its process died (exit code {process.exitcode}): out of memory?"
        if self.deaths == DEATHS:
            raise Refusal(f"{DEATHS} trials in a row: {reason} Give fewer workers, or less to hold")
        return Outcome("failed", reason=reason)

    def _end(self) -> None:
        for pipe, (process, _) in self.busy.items():
            process.kill()  # nothing that it does is wanted, nor kept
            process.join()
            pipe.close()
        for process, pipe in self.idle:
            pipe.close()
            process.join()
        self.busy, self.idle = {}, []
