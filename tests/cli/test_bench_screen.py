"""``molgnn bench screen`` on a few molecules: what it compares and counts, not the speed."""

import json
import sys

import numpy as np
import pytest

from molgnn.cli.bench import memory as bench_memory
from molgnn.cli.bench import screen as bench_screen
from molgnn.cli.bench.material import model_of, texts_of, write_library
from molgnn.cli.bench.ranks import compared
from molgnn.cli.bench.screen import ratios, stages_of
from molgnn.cli.bench.sides import Side, chemprop_side, timed
from molgnn.cli.main import main
from molgnn.errors import Refusal


@pytest.fixture
def in_this_process(monkeypatch):
    """Sides run here, one after the other: their start is not what the tests are about."""
    run = []

    def here(side):
        assert side.command[:3] == (sys.executable, "-m", "molgnn.cli.main")
        assert main(list(side.command[3:])) == 0
        run.append(side.name)
        return 1.0

    monkeypatch.setattr(bench_screen, "timed", here)
    return run


def test_every_side_screens_the_same_molecules_and_every_figure_is_there(
    in_this_process, tmp_path, capsys
):
    out = tmp_path / "figures.json"
    flags = ["--molecules", "150", "--rounds", "1", "--ensemble", "4", "--ranks"]
    assert main(["bench", "screen", *flags, "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    sides = ["fp32", "bf16", "bf16, packed", "fp32, 4 members"]
    assert in_this_process == ["library build", *sides]
    assert figures["seconds"] == {side: [1.0] for side in sides}
    assert "unpack" in figures["stages"]["bf16, packed"][0]
    assert set(figures["ensemble / one"]) == {"score", "featurize"}
    assert figures["hits in common of fp32 and bf16"]["of"] == 100
    assert figures["ranks"]["scores compared"] <= 150
    assert figures["ranks"]["largest difference of fp32 to plain"] < 1e-4
    assert figures["ranks"]["Spearman of bf16 and fp32"] > 0.999
    assert "150 molecules; packing them took" in capsys.readouterr().out


def test_neither_side_gets_a_row_that_ends_chemprop(library):
    texts = texts_of(str(library), None, 1000)
    assert {"C" * n for n in range(2, 11)} == set(texts)
    library.write_text("C( bad\n")
    with pytest.raises(Refusal, match="no molecule"):
        texts_of(str(library), None, 10)


def test_a_short_library_is_repeated(tmp_path):
    write_library(tmp_path / "it.csv", ["CC", "CCC"], 5)
    assert (tmp_path / "it.csv").read_text().split() == ["smiles", "CC", "CCC", "CC", "CCC", "CC"]


def test_members_that_the_bundled_model_lacks_are_like_its_own_and_not_equal():
    weights = [next(m.parameters()).detach() for m in model_of(5).members]
    assert len(weights) == 5
    for i, one in enumerate(weights):
        assert not any((one == other).all() for other in weights[:i])
    assert 0.02 > ((weights[3] - weights[0]).norm() / weights[0].norm()) > 0.005
    assert model_of(1).num_members == 1


def test_ratios_are_taken_round_by_round_to_chemprops_better_side():
    seconds = {"fp32": [2, 4], "chemprop, 0 workers": [9, 9], "chemprop, 2 workers": [8, 6]}
    assert ratios(seconds) == {"fp32": [4, 1.5]}


def test_stages_are_found_in_either_form_of_the_manifest(tmp_path):
    stages = {"stages": {"score": {"seconds": 2.5, "molecules_per_second": 4}}}
    for manifest in (stages, {"run": stages}):
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        assert stages_of(tmp_path) == {"score": 2.5}


def test_ranks_count_what_both_tops_hold():
    exact = np.arange(1000.0)
    rounded = exact.copy()
    rounded[[0, 999]] = rounded[[999, 0]]
    found = compared(exact + 0.5, exact, rounded)
    assert found["largest difference of fp32 to plain"] == 0.5
    assert found["of fp32's top 100 in bf16's"] == 99
    assert found["Spearman of bf16 and fp32"] == pytest.approx(0.988, abs=1e-3)


def test_without_chemprop_it_says_so_in_one_line(monkeypatch, in_this_process, capsys):
    monkeypatch.setitem(sys.modules, "chemprop", None)
    assert main(["bench", "screen", "--molecules", "5", "--against", "chemprop"]) == 1
    assert "chemprop is not installed here: pip install chemprop" in capsys.readouterr().err


def test_a_side_that_fails_says_its_last_line():
    side = Side("broken", (sys.executable, "-c", "raise SystemExit('no such thing')"))
    with pytest.raises(Refusal, match="broken: ended with code 1: no such thing"):
        timed(side)
    assert timed(Side("good", (sys.executable, "-c", ""))) > 0


def test_chemprop_predicts_from_the_same_file_with_its_own_batch_size(tmp_path):
    side = chemprop_side(tmp_path / "m.pt", tmp_path / "library.csv", tmp_path / "out.csv", 2)
    assert side.command[3:] == (
        *("predict", "-i", str(tmp_path / "library.csv"), "-o", str(tmp_path / "out.csv")),
        *("--model-paths", str(tmp_path / "m.pt"), "--num-workers", "2"),
    )


def test_memory_counts_the_processes_that_a_command_starts():
    psutil = pytest.importorskip("psutil")
    child = "import time; block = bytearray(b'x' * 120_000_000); time.sleep(0.8)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert bench_memory.peak(psutil, (sys.executable, "-c", code)) > 120e6
    with pytest.raises(Refusal, match="code 3"):
        bench_memory.peak(psutil, (sys.executable, "-c", "raise SystemExit(3)"))


def test_memory_is_measured_at_a_tenth_of_the_rows_and_at_all(monkeypatch, capsys, tmp_path):
    pytest.importorskip("psutil")
    seen = []

    def peak(_, command):
        path = command[command.index("--out") - 1]
        with open(path, encoding="utf-8") as file:
            seen.append(len(file.readlines()) - 1)
        return 1000 * seen[-1]

    monkeypatch.setattr(bench_memory, "peak", peak)
    out = tmp_path / "figures.json"
    arguments = ["bench", "screen", "--memory", "--molecules", "3000", "--json", str(out)]
    assert main(arguments) == 0
    assert seen == [300, 3000]
    assert json.loads(out.read_text())["peak bytes"] == {"300": 300_000, "3000": 3_000_000}
    assert "ratio 10.000" in capsys.readouterr().out


def test_without_psutil_memory_is_refused_in_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert main(["bench", "screen", "--memory"]) == 1
    assert "needs psutil" in capsys.readouterr().err


def test_chemprop_takes_the_checkpoint_that_is_written_for_it(tmp_path):
    pytest.importorskip("chemprop")
    from molgnn.cli.bench.sides import write_checkpoint

    write_checkpoint(tmp_path / "m.pt", 300, 3)
    write_library(tmp_path / "library.csv", ["CC", "CCO"], 6)
    timed(chemprop_side(tmp_path / "m.pt", tmp_path / "library.csv", tmp_path / "out.csv", 0))
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 7
