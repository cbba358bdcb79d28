"""Work that outlives its workers, on a fleet that dies when the test says so."""

import pickle
from itertools import count

import pytest

from molgnn.data.pool.processes import AHEAD, WorkerDied
from molgnn.errors import Refusal
from molgnn.screen.actors import LOSSES, STARTS, Actors, Lost


class FakeFleet:
    """Each worker doubles what it is given, in order. A worker whose number is in ``dying`` dies at
    its first payload, together with its place where ``places`` die, unseen where ``silent``; one in
    ``stillborn`` before that, and one in ``late`` never begins."""

    def __init__(self, dying=(), places=False, silent=False, stillborn=(), late=()):
        self.dying, self.places, self.silent = dying, places, silent
        self.stillborn, self.late = stillborn, late
        self.numbers, self.asked, self.stopped = count(), [], []

    def start(self):
        number = next(self.numbers)
        return number, ("begin", number)

    def ask(self, worker, data, patient):
        self.asked.append((worker, pickle.loads(data), patient))
        return ("work", worker, len(self.asked) - 1)

    def first(self, refs, timeout):
        return [ref for ref in refs if ref[1] not in self.late]

    def value(self, ref):
        kind, worker, *asked = ref
        if worker in (self.stillborn if kind == "begin" else self.dying):
            raise Lost(f"worker {worker} died", seen=not self.silent)
        if kind == "begin":
            return f"place of {worker}"
        payload = self.asked[asked[0]][1]
        if payload is None:
            raise ValueError("no number")
        return pickle.dumps(2 * payload)

    def is_gone(self, place):
        return self.places

    def stop(self, worker):
        self.stopped.append(worker)


def results(actors, payloads):
    answers = [actors.submit(payload) for payload in payloads]
    return [answer.result() for answer in answers]


def test_answers_are_those_of_their_payloads_and_all_workers_work():
    fleet = FakeFleet()
    assert results(Actors(fleet, 3), range(20)) == list(range(0, 40, 2))
    assert {worker for worker, *_ in fleet.asked} == {0, 1, 2}


def test_a_worker_has_only_as_much_as_keeps_it_busy():
    fleet = FakeFleet()
    actors = Actors(fleet, 2)
    answers = [actors.submit(number) for number in range(20)]
    assert fleet.asked == []  # before they have begun
    answers[0].result()
    assert len(fleet.asked) == AHEAD * 2 + 2  # those, and one more of each that has answered


@pytest.mark.parametrize("how", ["places", "silent"])
def test_a_lost_place_costs_nobody_an_answer(how):
    fleet = FakeFleet(dying={0, 1, 2}, **{how: True})
    assert results(Actors(fleet, 3), range(20)) == list(range(0, 40, 2))
    assert set(fleet.stopped) == {0, 1, 2}


def test_what_a_lost_place_had_in_work_is_worked_on_next():
    fleet = FakeFleet(dying={0}, places=True)
    results(Actors(fleet, 1), range(9))
    assert [payload for _, payload, _ in fleet.asked] == [0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_a_worker_that_dies_by_itself_is_told_of_its_payload_alone():
    actors = Actors(FakeFleet(dying={0}), 1)
    answers = [actors.submit(number) for number in range(5)]
    with pytest.raises(WorkerDied, match="worker 0 died"):
        answers[0].result()
    assert [answer.result() for answer in answers[1:]] == [2, 4, 6, 8]


@pytest.mark.parametrize("how", ["places", "silent"])
def test_a_payload_that_loses_its_place_again_and_again_is_told(how):
    actors = Actors(FakeFleet(dying=range(LOSSES), **{how: True}), 1)
    first, second = actors.submit(1), actors.submit(2)
    with pytest.raises(WorkerDied):
        first.result()
    assert second.result() == 4


def test_patience_survives_a_lost_place():
    fleet = FakeFleet(dying={0}, places=True)
    assert Actors(fleet, 1).submit(3, patient=True).result() == 6
    assert [patient for *_, patient in fleet.asked] == [True, True]


def test_what_the_work_raises_is_raised_and_the_worker_goes_on():
    fleet = FakeFleet()
    actors = Actors(fleet, 1)
    bad, good = actors.submit(None), actors.submit(4)
    with pytest.raises(ValueError, match="no number"):
        bad.result()
    assert good.result() == 8
    assert fleet.stopped == []


def test_workers_without_a_place_leave_the_work_to_the_others():
    fleet = FakeFleet(late={0, 2})
    assert results(Actors(fleet, 3), range(5)) == [0, 2, 4, 6, 8]
    assert {worker for worker, *_ in fleet.asked} == {1}


def test_no_worker_at_all_is_refused_in_the_end():
    with pytest.raises(Refusal, match=r"no worker could be started .* \(ray status\)"):
        Actors(FakeFleet(late={0, 1}), 2).submit(1).result()


def test_workers_that_die_at_birth_are_replaced_but_not_for_ever():
    assert results(Actors(FakeFleet(stillborn={0, 1, 2}), 2), range(3)) == [0, 2, 4]
    fleet = FakeFleet(stillborn=range(1000))
    with pytest.raises(Refusal, match=r"die before they have begun \(worker \d+ died\)"):
        Actors(fleet, 2).submit(1).result()
    assert next(fleet.numbers) <= 2 * (STARTS + 1) + 1


def test_closing_ends_every_worker():
    fleet = FakeFleet(dying={0}, places=True)
    actors = Actors(fleet, 2)
    results(actors, range(4))
    actors.close()
    assert sorted(fleet.stopped) == [0, 1, 2]
