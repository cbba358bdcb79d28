"""Workers on machines that may go away: what a lost machine had in work is done again by another.

Each worker does what it was given in order, so where one dies, its first payload may be to blame,
and the others never are. Nothing here knows Ray: a ``Fleet`` does, or a fake in a test.
"""

import pickle
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from molgnn.data.pool.processes import AHEAD, WorkerDied
from molgnn.errors import Refusal

LOSSES = 2  # of the workers that had one payload, with their machines, before somebody looks at it
STARTS = 3  # of each worker that may fail in a row, before the run gives up
PATIENCE = 300.0  # seconds without any worker: a cluster may have to find a machine first


class Lost(Exception):
    """The worker that should have given this is gone; ``str(error)`` says how, and ``seen`` whether
    the cluster saw it die: it may only have fallen silent, as with all else on its machine."""

    def __init__(self, how: str, seen: bool = True):
        super().__init__(how)
        self.seen = seen


class Fleet(Protocol):
    """What can be asked of a cluster. A ``ref`` stands for something that is still to come."""

    def start(self) -> tuple[Any, Hashable]:
        """A worker, and the ref of where it begins, which may take as long as it likes."""

    def ask(self, worker: Any, data: bytes, patient: bool) -> Hashable:
        """The ref of the answer."""

    def first(self, refs: Sequence[Hashable], timeout: float) -> list[Hashable]:
        """Waits for one; all that are there, none where ``timeout`` seconds have passed."""

    def value(self, ref: Hashable) -> Any:
        """What is there. Raises Lost, or what the worker raised."""

    def is_gone(self, place: Any) -> bool:
        """Whether the place of a worker that was seen to die is lost as well."""

    def stop(self, worker: Any) -> None: ...


class Actors:
    """A Pool of so many workers, those included that have no place yet: they get work as soon as
    they have one. Nothing happens but in ``submit`` and while somebody waits for an answer."""

    def __init__(self, fleet: Fleet, workers: int):
        self.ahead = AHEAD * workers
        self._fleet, self._failed_starts = fleet, 0
        self._queue: deque[Answer] = deque()
        self._lanes = [_Lane(*fleet.start()) for _ in range(workers)]

    def submit(self, payload: Any, patient: bool = False) -> "Answer":
        data = pickle.dumps(payload, protocol=pickle.HIGHEST_PROTOCOL)
        answer = Answer(self, data, patient)
        self._queue.append(answer)
        self._hand_out()
        return answer

    def step(self) -> None:
        """Wait for the next thing to happen, and see to it."""
        waits = {lane.ref: lane for lane in self._lanes if lane.ref is not None}
        done = self._fleet.first(list(waits), PATIENCE)
        if not done and not any(lane.begun for lane in self._lanes):
            raise Refusal(
                f"no worker could be started on the Ray cluster for {PATIENCE:.0f} s: its CPUs are "
                f"all in use, or its nodes gone (ray status)"
            )
        for ref in done:
            self._see_to(waits[ref])
        self._hand_out()

    def close(self) -> None:
        for lane in self._lanes:
            self._fleet.stop(lane.worker)

    def _hand_out(self) -> None:
        """Give what waits to the workers with the least to do."""
        free = [lane for lane in self._lanes if lane.begun and len(lane.work) < AHEAD]
        while self._queue and free:
            lane = min(free, key=lambda lane: len(lane.work))
            answer = self._queue.popleft()
            ref = self._fleet.ask(lane.worker, answer.data, answer.patient)
            lane.work.append((ref, answer))
            free = [lane for lane in free if len(lane.work) < AHEAD]

    def _see_to(self, lane: "_Lane") -> None:
        try:
            value = self._fleet.value(lane.ref)
        except Lost as loss:
            self._replace(lane, loss)
        except Exception as error:  # why: whatever the work raised, who asked for it is to hear it
            if not lane.begun:
                raise
            lane.work.popleft()[1].failed(error)
        else:
            if lane.begun:
                lane.work.popleft()[1].done(value)
            else:
                lane.begun, lane.place, self._failed_starts = True, value, 0

    def _replace(self, lane: "_Lane", loss: Lost) -> None:
        """Another worker, wherever there is room for it. What the lost one had comes first now."""
        if lane.begun:
            self._queue.extendleft(reversed(self._innocent(lane, loss)))
        else:
            self._count_failed_start(loss)
        self._fleet.stop(lane.worker)
        self._lanes[self._lanes.index(lane)] = _Lane(*self._fleet.start())

    def _innocent(self, lane: "_Lane", loss: Lost) -> "list[Answer]":
        """What the worker had, less the first where that may be what it died of."""
        answers = [answer for _, answer in lane.work]
        first = answers[0]
        first.losses += 1
        alone = loss.seen and not self._fleet.is_gone(lane.place)
        if not alone and first.losses < LOSSES:
            return answers
        first.failed(WorkerDied(str(loss)))
        return answers[1:]

    def _count_failed_start(self, loss: Lost) -> None:
        self._failed_starts += 1
        if self._failed_starts > STARTS * len(self._lanes):
            raise Refusal(
                f"workers of the Ray cluster die before they have begun ({loss}): free some "
                f"memory, or try again with fewer --workers"
            )


class Answer:
    """What a worker will say to one payload."""

    def __init__(self, actors: Actors, data: bytes, patient: bool):
        self.data, self.patient, self.losses = data, patient, 0
        self._actors, self._said = actors, None
        self._error: Exception | None = None

    def result(self) -> Any:
        """Waits. Raises WorkerDied, what the work raised, or Refusal where there is no worker."""
        while self._said is None and self._error is None:
            self._actors.step()
        if self._error is not None:
            raise self._error
        return pickle.loads(self._said)

    def done(self, said: bytes) -> None:
        self._said, self.data = said, b""

    def failed(self, error: Exception) -> None:
        self._error, self.data = error, b""


class _Lane:
    """A worker and what it has been given, in the order in which it works."""

    def __init__(self, worker: Any, beginning: Hashable):
        self.worker, self._beginning = worker, beginning
        self.begun, self.place = False, None
        self.work: deque[tuple[Hashable, Answer]] = deque()

    @property
    def ref(self) -> Hashable | None:
        """What it will come up with next; None where it has nothing to do."""
        if not self.begun:
            return self._beginning
        return self.work[0][0] if self.work else None
