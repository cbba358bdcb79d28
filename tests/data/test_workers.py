import multiprocessing
import signal
import subprocess
import sys
import textwrap

import pytest

from molgnn.data import workers
from molgnn.data.library import read_library
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
        assert taken - len(parts) < workers.AHEAD * 2
    assert seen(parts) == seen(workers.featurized(chunks_of(library), "none", 0))
    assert not multiprocessing.active_children()


def test_a_killed_worker_is_one_clear_line(library):
    def deadly():
        for number, chunk in enumerate(chunks_of(library)):
            if number == 1:
                for process in multiprocessing.active_children():
                    process.kill()
                    process.join()
            yield chunk

    with pytest.raises(Refusal, match=r"lib\.smi at or after line \d+: a worker process died"):
        list(workers.featurized(deadly(), "none", 1))


def test_a_failure_of_the_consumer_leaves_no_process_behind(library):
    stream = workers.featurized(chunks_of(library), "none", 1)
    next(stream)
    stream.close()
    assert not multiprocessing.active_children()


def test_a_worker_imports_the_chem_floor_and_no_torch():
    with workers._pool(1) as pool, workers._main_hidden():
        loaded = pool.submit(eval, "__import__('molgnn.data.packing') and None").result()
        loaded = pool.submit(eval, "list(__import__('sys').modules)").result()
    assert "molgnn.chem.graph" in loaded
    for heavy in ("torch", "pandas", "pyarrow", "molgnn.models", "molgnn.data.reader"):
        assert heavy not in loaded


def test_a_script_without_a_main_guard_can_use_workers(library, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        print("started")
        from molgnn.data.library import read_library
        from molgnn.data.workers import featurized
        chunks = read_library({str(library)!r}).chunks(20)
        print(sum(len(part.graphs) for part in featurized(chunks, "none", 1)))
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["started", "40"]


def test_a_library_of_one_chunk_starts_no_worker_unless_asked(library):
    assert workers.plan(chunks_of(library, 1000), None)[1] == 0
    assert workers.plan(chunks_of(library, 10), None)[1] >= 1
    assert workers.plan(chunks_of(library, 1000), 3)[1] == 3
    with pytest.raises(Refusal, match="--workers -1"):
        workers.plan(chunks_of(library), -1)


def test_planning_loses_no_chunk(library):
    chunks, _ = workers.plan(chunks_of(library, 10), None)
    assert [row for chunk in chunks for row in chunk] == list(read_library(library))


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import multiprocessing, os, signal
        from molgnn.data.workers import _main_hidden, _pool
        with _pool(1) as pool, _main_hidden():
            print(pool.submit(os.getpid).result(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """)
    )
    # Its output ends when the last process that holds it has ended.
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert int(done.stdout) > 0
