import csv
import io
import os
import signal
import subprocess
import sys

import pytest

from molgnn.errors import Refusal
from molgnn.screen.outputs import csv_writer, drafts, number
from molgnn.screen.tally import Tally


def test_drafts_take_their_names_at_the_end_only(tmp_path):
    with drafts(tmp_path / "out", ["a.txt"]) as paths:
        paths["a.txt"].write_text("done")
        assert not (tmp_path / "out" / "a.txt").exists()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_a_failure_removes_drafts_and_the_folders_made_for_them(tmp_path):
    def half(path):
        path.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), drafts(tmp_path / "a" / "b", ["c"]) as paths:
        half(paths["c"])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_line(tmp_path):
    with pytest.raises(Refusal, match="can't be written"), drafts(tmp_path, ["a"]):
        raise OSError(28, "No space left on device")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(Refusal, match="is a folder"), drafts(tmp_path, ["a.csv"], force=True):
        pass


@pytest.mark.parametrize("cell", ["a\rb", "a\nb", 'a"b', "a,b", "a\r\nb", " a ", "\0"])
def test_a_cell_comes_back_as_it_was_and_lines_end_in_a_line_feed(cell):
    file = io.StringIO(newline="")
    csv_writer(file).writerow([cell, "x"])
    assert file.getvalue().endswith("x\n")
    assert not file.getvalue().endswith("\r\n")
    assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [[cell, "x"]]


def test_a_number_has_the_digits_of_single_precision():
    assert number(0.8999999761581421) == "0.9"
    assert number(-12345.678) == "-12345.68"


def test_reasons_are_tallied_by_kind_and_in_bounded_memory(monkeypatch):
    tally = Tally()
    for atom in range(50):
        tally.add(f"valence of atom {atom} is {atom} {atom}")
    tally.add("other")
    assert tally.most(5) == [
        {"reason": "valence of atom … is …", "count": 50},
        {"reason": "other", "count": 1},
    ]
    monkeypatch.setattr("molgnn.screen.tally.MAX_KINDS", 10)
    full = Tally()
    for i in range(200):
        full.add("x" * i)
    assert len(full.counts) == 11
    assert sum(full.counts.values()) == 200


def test_merged_tallies_count_all_kinds_in_order_of_appearance():
    one, two = Tally(), Tally({"b": 2, "a": 1})
    one.add("a")
    one.merge(two)
    assert one.most(5) == [{"reason": "a", "count": 2}, {"reason": "b", "count": 2}]


def test_drafts_of_a_process_that_was_killed_are_swept_up_and_those_of_a_living_one_stay(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    dead, living = (tmp_path / f".a.txt.{pid}.partial" for pid in (gone.pid, os.getppid()))
    dead.touch()
    living.touch()
    with drafts(tmp_path, ["a.txt"]) as paths:
        paths["a.txt"].touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, "a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_between_two_renames_does_not_leave_half_of_the_results(tmp_path, monkeypatch):
    rename, handler = os.replace, signal.getsignal(signal.SIGINT)

    def interrupted(*paths):
        rename(*paths)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(os, "replace", interrupted)
    with drafts(tmp_path, ["a", "b"]) as paths:
        for path in paths.values():
            path.touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert signal.getsignal(signal.SIGINT) is handler
