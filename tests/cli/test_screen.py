import argparse
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from molgnn.cli import report, screen
from molgnn.data.targets import Task
from molgnn.errors import Refusal

HEAVY = ("torch", "numpy", "rdkit", "pandas", "pyarrow", "rich", "molgnn.models.bundle")


class Sizes:
    """Scores a molecule with its number of atoms, and with twice that."""

    card: dict = {}  # noqa: RUF012
    recipe, name, sha256, device, num_members, card = "parent", "sizes", "00" * 32, "cpu", 1, {}
    tasks = (Task("size", "regression", "atoms"), Task("double", "regression"))
    columns = ("size", "double")

    def job(self, precision):
        """It stays in this process."""

    def choose_precision(self, column):
        return {"used": "fp32", "reason": "it has nothing to round"}

    def predict_graphs(self, graphs, precision="fp32"):
        import numpy as np

        mean = np.stack([graphs.num_atoms, 2.0 * graphs.num_atoms], axis=1)
        return mean, np.zeros_like(mean)


@pytest.fixture
def asked(monkeypatch):
    """The bundles that were asked for; none of them is read."""
    asked = []

    def load_bundle(model, device="auto"):
        asked.append((model, device))
        return Sizes()

    stand_in = SimpleNamespace(load_bundle=load_bundle)
    monkeypatch.setitem(sys.modules, "molgnn.models.bundle", stand_in)
    return asked


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "lib.smi"
    path.write_text("CC ethane\nCCC \x1b[31mred\nC( bad\nCCCC butane\n")
    return path


def run(command, *words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.parametrize("command", ["screen", "predict", "report"])
def test_help_imports_nothing_heavy(command):
    code = (
        "import argparse, sys, importlib\n"
        f"c = importlib.import_module('molgnn.cli.{command}')\n"
        "p = argparse.ArgumentParser(); c.add_arguments(p); p.format_help()\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_screen_writes_its_files_and_sums_up_on_stderr(asked, library, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(screen, "some-model", library, "--top", 2, "--out", out, "--device", "cpu") == 0
    assert asked == [("some-model", "cpu")]
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "ranking by size; --task NAME for another: double"
    assert lines[1].startswith("4 rows read: 3 scored, 1 invalid (")
    assert lines[2:] == [
        "highest size (atoms) of 2 hits:",
        "  1. 4  butane",
        "  2. 3  ?[31mred",
        f"{out}/hits.csv and {out}/report.html",
        f"{out}/rejects.csv: the invalid rows, each with its reason",
    ]
    assert (out / "manifest.json").is_file()


def test_a_page_without_explanations_is_asked_for_by_a_flag(asked, library, tmp_path, monkeypatch):
    from molgnn.screen import pipeline

    whole, seen = pipeline.screen, []

    def noted(*args, explain, **options):
        seen.append(explain)
        return whole(*args, explain=explain, **options)

    monkeypatch.setattr(pipeline, "screen", noted)
    run(screen, "some-model", library, "--out", tmp_path / "a")
    run(screen, "some-model", library, "--out", tmp_path / "b", "--no-explain")
    assert seen == [True, False]


def test_hidden_molecules_are_told_in_a_few_lines(asked, library, tmp_path, capsys):
    known, out = tmp_path / "known.smi", tmp_path / "out"
    known.write_text("CCCCC pentane\nC methane\nC-C-C-C-C again\n")
    assert run(screen, "m", library, "--top", 2, "--out", out, "--spike", known) == 0
    lines = capsys.readouterr().err.splitlines()
    at = next(i for i, line in enumerate(lines) if "hidden" in line)
    assert lines[at : at + 4] == [
        "2 known molecules hidden in the library: ROC-AUC 0.500, EF 1 % 2.5 (at most 2.5), BEDROC "
        "0.982, 1 of 2 among the first 2",
        "the model has no training molecules with it: whether it knew these, is open",
        "1 row repeated another",
        f"{out}/hits.csv and {out}/report.html",
    ]
    assert lines[at + 4] == f"{out}/spike.csv: each hidden molecule with its rank"


def test_a_missing_spike_is_refused_before_the_model_is_read(asked, library, tmp_path):
    with pytest.raises(Refusal, match="gone"):
        run(screen, "m", library, "--out", tmp_path / "out", "--spike", tmp_path / "gone.smi")
    assert asked == []


def test_quiet_says_nothing(asked, library, tmp_path, capsys):
    run(screen, "m", library, "--out", tmp_path / "out", "--quiet")
    assert capsys.readouterr() == ("", "")


def test_flags_reach_the_screen(asked, tmp_path, capsys):
    table = tmp_path / "t.csv"
    table.write_text("a,b,c\nCCC,x,C\nCC,y,CC\n")
    columns = ("--smiles-column", "c", "--id-column", "b")
    out = tmp_path / "out"
    run(screen, "m", table, "--out", out, "--minimize", "--task", "double", *columns)
    assert "lowest double of 2 hits:\n  1. 2  x\n  2. 4  y\n" in capsys.readouterr().err
    run(screen, "m", table, "--out", out, "--maximize", "--force", *columns)
    assert "  1. 2  y\n  2. 1  x\n" in capsys.readouterr().err


def test_a_timeout_brings_a_worker_and_must_be_a_time(asked, library, tmp_path, capsys):
    out = tmp_path / "out"
    run(screen, "m", library, "--out", out, "--workers", 0, "--timeout", 30)
    facts = json.loads((out / "manifest.json").read_text())
    assert facts["run"]["workers"] == 1
    assert facts["run"]["featurizer"] == "binary"
    with pytest.raises(Refusal, match=r"--timeout 0: give seconds"):
        run(screen, "m", library, "--out", out, "--force", "--timeout", 0)


def test_what_exists_is_refused_before_the_model_is_read(asked, library, tmp_path):
    (tmp_path / "hits.csv").write_text("mine")
    with pytest.raises(Refusal, match=r"hits\.csv exists"):
        run(screen, "m", library, "--out", tmp_path)
    assert asked == []


def test_maximize_and_minimize_exclude_each_other(library, capsys):
    with pytest.raises(SystemExit) as stop:
        run(screen, "m", library, "--maximize", "--minimize")
    assert stop.value.code == 2


def test_an_interrupted_screen_says_so_in_a_line(asked, library, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Sizes, "predict_graphs", interrupted)
    assert run(screen, "m", library, "--out", tmp_path / "out", "--quiet") == 130
    assert capsys.readouterr().err == (
        "molgnn: interrupted before the first 16,384 rows were done: nothing was kept\n"
    )
    assert not (tmp_path / "out").exists()


def test_quiet_is_silent_also_when_it_goes_on(asked, library, tmp_path, capsys, monkeypatch):
    from molgnn.screen.pipeline import screen as verb

    words, flags = ("m", library, "--out", tmp_path / "out"), ("--quiet", "--workers", 0)
    monkeypatch.setitem(verb.__kwdefaults__, "shard", 1)
    monkeypatch.setitem(verb.__kwdefaults__, "chunk", 1)
    real, calls = Sizes.predict_graphs, []

    def third(self, graphs, precision):
        calls.extend([graphs] * len(graphs))
        if len(graphs) and len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, graphs, precision)

    monkeypatch.setattr(Sizes, "predict_graphs", third)
    assert run(screen, *words, *flags) == 130
    assert capsys.readouterr().err.startswith("molgnn: interrupted after 3 rows: the same command")
    with pytest.raises(Refusal, match='direction "maximize", now it is "minimize"'):
        run(screen, *words, *flags, "--minimize")
    assert run(screen, *words, *flags, "--resume") == 0
    assert capsys.readouterr().err == ""
    with pytest.raises(Refusal, match="no unfinished screen to go on with"):
        run(screen, *words, *flags, "--resume", "--force")
    assert run(screen, *words, *flags, "--no-resume", "--force") == 0


def test_progress_is_live_on_a_terminal_a_line_now_and_then_elsewhere_or_quiet(monkeypatch, capsys):
    from molgnn.cli import terminal

    with terminal.progress("screening") as update:
        update(12345)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(terminal, "LINE_EVERY", 0)
    with terminal.progress("screening") as update:
        update(12345)
    assert capsys.readouterr().err == "screening: 12,345 rows\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with terminal.progress("screening") as update:
        update(12345)
    assert "12,345 rows" in capsys.readouterr().err
    with terminal.progress("screening", quiet=True) as update:
        assert update is None


def test_report_rebuilds_the_page(asked, library, tmp_path, capsys):
    out = tmp_path / "out"
    run(screen, "m", library, "--out", out, "--quiet")
    (out / "report.html").unlink()
    assert run(report, out) == 0
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert capsys.readouterr().err == f"{out / 'report.html'}\n"
    with pytest.raises(Refusal, match="no folder of a finished screen"):
        run(report, tmp_path)
