"""The careful pass finds the rows to blame, and blames no other."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from molgnn.chem.graph import featurize
from molgnn.data.pool import careful
from molgnn.data.pool.careful import without_culprits
from molgnn.data.pool.workers import texts_of, worked
from molgnn.data.readers.record import Row


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    """What hangs here is not RDKit, so the process does not end itself: the parent has to do it."""
    monkeypatch.setattr(careful, "PATIENCE", 0.0)


ROWS = [Row("lib.smi", i, text, "", None, "") for i, text in enumerate("abcdefgh", 1)]


def act(texts, deeds, once):
    """Work that goes wrong on some letters; on those in ``once`` only the first time."""
    for text in texts:
        mark = Path(once, text)
        if mark.is_file():
            mark.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        deed = deeds.get(text)
        if deed == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif deed == "hang":
            time.sleep(600)
        elif deed == "raise":
            raise ValueError(text)
    return [text.upper() for text in texts]


def job(folder, **deeds):
    return partial(partial, act, deeds=deeds, once=str(folder))


def problems(rows):
    return {row.text: row.problem for row in rows if row.problem}


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
def test_rows_that_crash_or_hang_are_found_one_after_the_other(tmp_path):
    rows = without_culprits(ROWS, job(tmp_path, a="crash", d="hang", e="crash"), texts_of, 1)
    assert problems(rows) == {
        "a": "the parser crashed on it (signal 11)",
        "d": "parsing took longer than 1 s (--timeout)",
        "e": "the parser crashed on it (signal 11)",
    }
    assert [row.text for row in rows] == list("abcdefgh")


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
def test_a_row_during_which_the_process_is_killed_once_is_not_to_blame(tmp_path):
    for letter in "cf":
        (tmp_path / letter).touch()
    assert without_culprits(ROWS, job(tmp_path), texts_of, 30) == ROWS


def test_an_error_is_for_the_worker_to_tell(tmp_path):
    assert without_culprits(ROWS, job(tmp_path, b="raise"), texts_of, 30) == ROWS
    with pytest.raises(ValueError, match="b"):
        list(worked([ROWS], job(tmp_path, b="raise"), 1))


def no_start():
    os._exit(1)


def test_a_job_that_cannot_begin_is_no_row_s_fault():
    assert without_culprits(ROWS, no_start, texts_of, 1) == ROWS


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
def test_all_other_rows_are_worked_on(tmp_path):
    chunks = [ROWS[:3], ROWS[3:6], ROWS[6:]]
    (tmp_path / "h").touch()
    stream = worked(chunks, job(tmp_path, b="crash", f="crash"), 2, timeout=30)
    rows, results = zip(*stream, strict=True)
    assert results == (["A", "", "C"], ["D", "E", ""], ["G", "H"])
    assert problems(row for chunk in rows for row in chunk).keys() == {"b", "f"}


def slow_scores(texts):
    """Featurises at once, and takes its time to score."""
    graphs, *_ = featurize(texts, "none")
    time.sleep(0.6)
    return len(graphs)


def test_time_spent_on_anything_but_parsing_is_nobodys_fault(slow_smiles, monkeypatch):
    monkeypatch.setattr(careful, "PATIENCE", 60.0)
    texts = ["CC", slow_smiles, "CCC"]
    rows = [Row("lib.smi", i, text, "", None, "") for i, text in enumerate(texts, 1)]
    fit = without_culprits(rows, partial(partial, slow_scores), texts_of, timeout=0.4)
    assert [row.problem for row in fit] == ["", "parsing took longer than 0.4 s (--timeout)", ""]
