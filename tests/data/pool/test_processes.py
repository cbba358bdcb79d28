"""A pool of processes: payloads there, answers back, and what comes of errors and deaths."""

import multiprocessing
import os
import signal
import struct
from contextlib import closing
from functools import partial

import pytest

from molgnn.data.pool.processes import Processes, WorkerDied, processes
from molgnn.data.pool.start import begin
from molgnn.errors import Refusal

EVAL = partial(partial, eval)


class Fussy(Exception):
    """An error that does not survive pickling."""

    def __init__(self, one, two):
        super().__init__(one)


def refuse(word):
    raise Refusal(word)


def fuss(word):
    raise Fussy(word, 2)


def no_job():
    raise Refusal("no such model")


def test_large_payloads_and_answers_pass_each_other():
    with processes(partial(partial, bytes.upper), 2) as pool:
        answers = [pool.submit(bytes([97 + i]) * 5_000_000) for i in range(6)]
        assert [a.result()[:1] for a in answers] == [b"A", b"B", b"C", b"D", b"E", b"F"]
    assert not multiprocessing.active_children()


def test_an_error_of_the_work_is_raised_here_with_its_traceback():
    with processes(partial(partial, refuse), 1) as pool:
        with pytest.raises(Refusal) as caught:
            pool.submit("not this").result()
        assert str(caught.value) == "not this"
        assert "in refuse" in caught.value.__notes__[0]
    with processes(partial(partial, fuss), 1) as pool, pytest.raises(RuntimeError, match="Fussy"):
        pool.submit("x").result()


def test_a_job_that_cannot_be_begun_says_why():
    with processes(no_job, 1) as pool, pytest.raises(Refusal, match="no such model"):
        pool.submit("x").result()


def test_a_death_costs_its_payload_and_no_other():
    with processes(EVAL, 2) as pool:
        texts = ["1", "2", "__import__('os')._exit(5)", "4", "5", "6"]
        answers = [pool.submit(text) for text in texts]
        with pytest.raises(WorkerDied, match="exit code 5"):
            answers[2].result()
        assert [answers[i].result() for i in (0, 1, 3, 4, 5)] == [1, 2, 4, 5, 6]


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
def test_a_signal_is_named_and_another_worker_takes_the_place():
    with processes(EVAL, 1) as pool:
        worker = pool.submit("__import__('os').getpid()").result()
        answer = pool.submit("__import__('time').sleep(600)")
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(WorkerDied, match=f"signal {int(signal.SIGKILL)}"):
            answer.result()
        assert pool.submit("7").result() == 7


def half_an_answer(pipe):
    pipe.recv_bytes()
    os.write(pipe.fileno(), struct.pack("!i", 1000) + b"half")
    os._exit(6)


@pytest.mark.skipif(os.name == "nt", reason="pipes have no descriptors to write to there")
def test_a_half_written_answer_is_a_death():
    pool = Processes(partial(begin, half_an_answer), 1)
    with closing(pool), pytest.raises(WorkerDied, match="exit code 6"):
        pool.submit("x").result()


def test_closing_does_not_wait_for_work():
    with processes(EVAL, 1) as pool:
        pool.submit("__import__('time').sleep(600)")
        pool.submit("1")
    assert not multiprocessing.active_children()


def test_a_deadline_ends_a_worker_and_a_patient_one_goes_on(medium_smiles):
    job = partial(partial, featurize_many)
    with processes(job, 1, timeout=0.1) as pool:
        with pytest.raises(WorkerDied, match="exit code 1"):
            pool.submit([medium_smiles]).result()
        assert pool.submit([medium_smiles], patient=True).result() == 1
        with pytest.raises(WorkerDied):
            pool.submit([medium_smiles]).result()


def featurize_many(texts):
    from molgnn.chem.graph import featurize

    return len(featurize(texts, "none")[1])
