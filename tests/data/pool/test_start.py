"""Processes that are started for work: what they load and inherit, and that none outlives us."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

WAYS = [(), ("molgnn.data.packed.packing",)]


def facts(pipe):
    """What a process sees, as text."""
    from molgnn.data.pool.start import follow_parent

    follow_parent()
    pipe.send((sorted(sys.modules), os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]))
    pipe.recv()


def seen(preload):
    from molgnn.data.pool.start import begin

    process, pipe = begin(facts, preload=preload)
    found = pipe.recv()
    pipe.send("done")
    process.join()
    return found


@pytest.mark.parametrize("preload", WAYS)
def test_a_worker_has_one_thread_and_the_user_keeps_his_environment(preload, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert seen(preload)[1:] == ("1", "1")
    assert os.environ["OMP_NUM_THREADS"] == "6"
    assert "MKL_NUM_THREADS" not in os.environ


SCRIPT = """
import os, signal, sys
from functools import partial
from molgnn.data.pool.processes import processes
loaded = "list(__import__('sys').modules)"
with processes(partial(partial, eval), 1, preload={preload!r}) as pool:
    print(pool.submit("__import__('os').getpid()").result(), flush=True)
    pool.submit("__import__('molgnn.data.packed.packing') and None").result()
    print(*pool.submit(loaded).result(), flush=True)
    print(pool.submit("__import__('os').getppid()").result() == os.getpid(), flush=True)
    if {torch}:
        print(pool.submit("__import__('torch').get_num_threads()").result(), flush=True)
    if {killed}:
        pool.submit("__import__('time').sleep(600)")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def run(tmp_path, preload, killed, torch=False):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(preload=preload, killed=killed, torch=torch)))
    # Its output ends when the last process that holds it has ended: worker, fork server and all.
    return subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
@pytest.mark.parametrize("preload", WAYS)
def test_no_process_outlives_a_parent_that_is_killed(tmp_path, preload):
    done = run(tmp_path, preload, killed=True)
    assert done.returncode == -signal.SIGKILL
    assert int(done.stdout.split()[0]) > 0


def test_a_worker_imports_the_chem_floor_and_no_torch(tmp_path):
    done = run(tmp_path, (), killed=False)
    loaded = done.stdout.splitlines()[1].split()
    assert "molgnn.chem.graph" in loaded
    for heavy in ("torch", "pandas", "pyarrow", "molgnn.models", "molgnn.data.readers.reader"):
        assert heavy not in loaded


@pytest.mark.skipif(os.name == "nt", reason="no fork server there")
def test_what_is_preloaded_is_there_when_a_worker_starts_and_works_with_one_thread(tmp_path):
    done = run(tmp_path, ("torch",), killed=False, torch=True)
    _, loaded, is_child, threads = done.stdout.splitlines()
    assert "torch" in loaded.split()
    assert is_child == "False"  # but the fork server's
    assert threads == "1"
