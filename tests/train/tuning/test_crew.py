"""Trials in processes: a death costs a trial, memory bounds how many there are."""

import pytest

from molgnn.errors import Refusal
from molgnn.train.api import options_of
from molgnn.train.run import read_data, split_data
from molgnn.train.tuning import memory
from molgnn.train.tuning.crew import Crew
from molgnn.train.tuning.memory import Room
from molgnn.train.tuning.trial import material_of

GIGABYTE = 10**9


@pytest.fixture
def crew(table):
    """crew(room, work) -> the crew and ``next_trial``, which gives ``work`` trials by number."""
    tiny = {"model": "network", "encoder": {"name": "gin", "dim": 8}}
    options = options_of(table(), "y", **tiny, split="column", epochs=3)
    dataset, _, units = read_data(options.data, options.kind, None)
    material = material_of(dataset, split_data(dataset, options), units)

    def make(room, work):
        numbers = iter(range(work))
        found = Crew(material, "rmse", room)
        return found, lambda: next(((number, options) for number in numbers), None)

    return make


def test_a_process_that_dies_costs_its_trial_and_there_is_one_less(crew):
    room = Room(2, {})
    found, next_trial = crew(room, 3)
    killed = []

    def kill_one(trial, tenth, loss):
        if trial == 1 and not killed:
            killed.append(trial)
            (process,) = [busy.process for busy in found.busy.values() if busy.trial == 1]
            process.kill()
            process.join()
        return False

    outcomes = dict(found.run(next_trial, kill_one))
    assert [outcomes[number].state for number in range(3)] == ["complete", "failed", "complete"]
    assert "its process died" in outcomes[1].reason
    assert room.trials == 1
    assert outcomes[0].value == outcomes[2].value
    assert found.busy == {}
    assert found.idle == []


def test_processes_that_keep_dying_end_the_search(crew):
    found, next_trial = crew(Room(1, {}), 5)

    def kill(trial, tenth, loss):
        (busy,) = found.busy.values()
        busy.process.kill()
        return False

    with pytest.raises(Refusal, match="3 trials in a row: its process died"):
        list(found.run(next_trial, kill))


def test_one_trial_runs_alone_until_its_memory_is_known():
    room = Room(8, {"memory": 10 * GIGABYTE})
    assert room.trials == 1
    room.measured({"memory": GIGABYTE}, {})
    assert room.trials == 6  # 8 GB hold six of 1.25 GB


def test_larger_trials_leave_room_for_fewer_and_never_for_none():
    room = Room(8, {"memory": 10 * GIGABYTE})
    room.measured({"memory": 3 * GIGABYTE}, {})
    assert room.trials == 2
    room.measured({"memory": GIGABYTE}, {})
    assert room.trials == 2
    room.measured({"memory": 30 * GIGABYTE}, {})
    assert room.trials == 1


def test_the_memory_of_a_gpu_counts_as_well():
    room = Room(8, {"memory": 100 * GIGABYTE})
    room.measured({"memory": GIGABYTE, "GPU memory": 4 * GIGABYTE}, {"GPU memory": 20 * GIGABYTE})
    assert room.trials == 3


def test_where_nothing_can_be_measured_memory_is_no_limit():
    room = Room(4, {})
    room.measured({}, {})
    assert room.trials == 4


def test_the_memory_of_a_container_is_its_limit(tmp_path):
    for name, text in {
        "max": "1000\n",
        "current": "700\n",
        "stat": "anon 5\ninactive_file 50\n",
    }.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert memory._left(tmp_path) == 350
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._left(tmp_path) is None
    assert memory._left(tmp_path / "none") is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    5 kB\n")
    assert memory._available(tmp_path / "meminfo") == 5 * 1024
