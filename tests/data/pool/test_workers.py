import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from functools import partial

import pytest

from molgnn.data.library import read_library
from molgnn.data.pool import workers
from molgnn.data.pool.processes import WorkerDied
from molgnn.errors import Refusal


def chunks_of(library, size=3):
    return read_library(library).chunks(size)


def seen(parts):
    return [(p.rows, p.graphs.atoms.tolist(), p.positions.tolist(), p.reasons) for p in parts]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_row_of_a_chunk_is_a_graph_or_has_a_reason(library, size):
    for part in workers.featurized(chunks_of(library, size), "none", 0):
        rows = sorted([*part.positions.tolist(), *part.reasons])
        assert rows == list(range(len(part.rows)))
        assert len(part.graphs) == len(part.positions)
        assert part.route == "binary"


def test_two_workers_give_what_none_give_in_order_and_few_chunks_ahead(library):
    taken = 0

    def counted():
        nonlocal taken
        for chunk in chunks_of(library):
            taken += 1
            yield chunk

    parts = []
    for part in workers.featurized(counted(), "none", 2):
        parts.append(part)
        assert taken - len(parts) < 2 * 2
    assert seen(parts) == seen(workers.featurized(chunks_of(library), "none", 0))
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_costs_no_row(library):
    def deadly():
        for number, chunk in enumerate(chunks_of(library)):
            if number in (1, 6, 7):
                for process in multiprocessing.active_children():
                    process.kill()
            yield chunk

    parts = workers.featurized(deadly(), "none", 2)
    assert seen(parts) == seen(workers.featurized(chunks_of(library), "none", 0))
    assert not multiprocessing.active_children()


def end_unless_single(texts):
    """Dies with every chunk, and with no row of it alone."""
    if len(texts) > 1:
        os._exit(3)


def test_workers_that_die_of_no_row_are_one_clear_line(library):
    job = partial(partial, end_unless_single)
    message = r"lib\.smi at or after line 1: a worker process died 3 times \(exit code 3\): free"
    with pytest.raises(Refusal, match=message):
        list(workers.worked(chunks_of(library), job, 1))
    assert not multiprocessing.active_children()


def test_a_failure_of_the_consumer_leaves_no_process_behind(library):
    stream = workers.featurized(chunks_of(library), "none", 1)
    next(stream)
    stream.close()
    assert not multiprocessing.active_children()


class Counted:
    """A job: its work says how often it was begun in its process, and what it was given."""

    def __init__(self):
        self.begun = 0

    def __call__(self):
        self.begun += 1
        return lambda payload: (self.begun, payload)


@pytest.mark.parametrize("number", [0, 2])
def test_a_job_is_begun_once_in_a_process_and_gets_the_payload(library, number):
    stream = workers.worked(chunks_of(library, 20), Counted(), number, payload=len)
    assert [(len(rows), result) for rows, result in stream] == [
        (20, (1, 20)), (20, (1, 20)), (2, (1, 2)),
    ]  # fmt: skip


class HerePool:
    """Works in this process, and its second answer is that a worker has died."""

    ahead = 1

    def __init__(self, job):
        self.work, self.submitted = job(), []

    def submit(self, payload, patient=False):
        self.submitted.append((payload, patient))
        return self

    def result(self):
        if len(self.submitted) == 2:
            raise WorkerDied("exit code 7")
        return self.work(self.submitted[-1][0])


def test_another_pool_can_take_the_place_of_the_processes(library):
    opened = []

    @contextmanager
    def open_pool(job):
        opened.append(HerePool(job))
        yield opened[0]

    parts = workers.featurized(chunks_of(library, 20), "none", 5, open_pool=open_pool)
    assert seen(parts) == seen(workers.featurized(chunks_of(library, 20), "none", 0))
    patience = [patient for _, patient in opened[0].submitted]
    assert patience == [False, False, True, False]
    assert opened[0].submitted[1][0] == opened[0].submitted[2][0]


def test_a_script_without_a_main_guard_can_use_workers(library, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        print("started")
        from molgnn.data.library import read_library
        from molgnn.data.pool.workers import featurized
        chunks = read_library({str(library)!r}).chunks(20)
        print(sum(len(part.graphs) for part in featurized(chunks, "none", 1)))
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["started", "40"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal to send there")
@pytest.mark.parametrize("preload", [(), ("torch",)])
@pytest.mark.parametrize("when", [1, 30])  # while the first worker starts, and in the middle
def test_ctrl_c_ends_a_run_and_its_workers_without_a_word_from_them(
    library, tmp_path, when, preload
):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        from functools import partial
        from itertools import count
        from molgnn.data.library import read_library
        from molgnn.data.packed.packing import pack_chunk
        from molgnn.data.pool.workers import worked
        chunk = list(read_library({str(library)!r}))
        def chunks():
            for number in count():
                if number == {when}:
                    print("running", flush=True)
                yield chunk
        job = partial(partial, pack_chunk, recipe="none", keyed=False)
        try:
            for _ in worked(chunks(), job, 2, preload={preload!r}):
                pass
        except KeyboardInterrupt:
            print("stopped")
        """)
    )
    run = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stdout.readline() == "running\n"
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: the workers hear it too
    assert run.communicate(timeout=60) == ("stopped\n", "")


def test_a_library_of_one_chunk_starts_no_worker_unless_asked(library):
    assert workers.plan(chunks_of(library, 1000), None)[1] == 0
    assert workers.plan(chunks_of(library, 10), None)[1] >= 1
    assert workers.plan(chunks_of(library, 1000), 3)[1] == 3
    with pytest.raises(Refusal, match="--workers -1"):
        workers.plan(chunks_of(library), -1)


def test_a_timeout_needs_a_worker_and_must_be_a_time(library):
    assert workers.plan(chunks_of(library, 1000), None, timeout=5)[1] == 1
    assert workers.plan(chunks_of(library, 1000), 0, timeout=5)[1] == 1
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(Refusal, match=r"--timeout .*: give seconds"):
            workers.plan(chunks_of(library), 1, timeout=wrong)


def test_planning_loses_no_chunk(library):
    chunks, _ = workers.plan(chunks_of(library, 10), None)
    assert [row for chunk in chunks for row in chunk] == list(read_library(library))
