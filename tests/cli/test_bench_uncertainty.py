"""``molgnn bench uncertainty`` on a small table: its figures are those of the runs."""

import json

import numpy as np
import pytest

from molgnn.cli.bench.believed import rows_of, table
from molgnn.cli.main import main


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """240 alcohols and amines as esol, with a label that is their length and noise."""
    folder = tmp_path / "given" / "moleculenet"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).normal(size=240)
    smiles = ["C" * (2 + i // 8) + "N" * (1 + i % 8) for i in range(240)]
    rows = [f"{s},{len(s) + e:.4f}" for s, e in zip(smiles, noise, strict=True)]
    (folder / "esol.csv").write_text("\n".join(["smiles,logS", *rows]) + "\n")
    monkeypatch.setenv("MOLGNN_DATA", str(folder.parent))
    monkeypatch.setenv("MOLGNN_CACHE", str(tmp_path / "empty"))

    def run(*flags):
        given = ["--data", "esol", "--set", "model=neighbours", "--out", str(tmp_path / "out")]
        return main(["bench", "uncertainty", *given, *flags])

    return run


def test_it_tells_coverage_by_split_and_goes_on(bench, tmp_path, capsys):
    figures = tmp_path / "figures.json"
    assert bench("--seeds", "0", "1", "--splits", "random", "--json", str(figures)) == 0
    (row,) = json.loads(figures.read_text())["rows"]
    assert (row["set"], row["split"], row["seeds"]) == ("esol", "random", 2)
    assert 0.5 < row["coverage 80"][0] <= row["coverage 90"][0] <= row["coverage 95"][0] <= 1
    assert row["width 90"][0] > 0
    assert row["ECE"] is None
    assert (tmp_path / "out" / "uncertainty.png").stat().st_size > 5000
    before = (tmp_path / "out" / "runs.jsonl").read_bytes()
    capsys.readouterr()
    assert bench("--seeds", "0", "1", "--splits", "random") == 0
    assert (tmp_path / "out" / "runs.jsonl").read_bytes() == before
    assert "run 1" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--data", "esool"], "esool"),
        (["--data", "lipo"], "lipo is not on this machine"),
        (["--set", "data.split.name=random"], "the bench itself says this"),
    ],
)
def test_wrong_wishes_are_one_line(bench, flags, said, capsys):
    assert bench(*flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_rows_are_means_of_seeds_and_tell_the_worst_task():
    def record(seed, *tasks, fifths=None):
        each = {
            f"t{i}": {"before": {"ece": b}, "after": {"ece": a, "coverage_90": 0.9}}
            for i, (b, a) in enumerate(tasks)
        }
        if fifths:
            each["t0"]["quintiles"] = fifths
        return {"data": "d", "split": "random", "seed": seed, "tasks": each, "ratio": None}

    records = [record(0, (0.1, 0.05), (0.02, 0.03)), record(1, (0.2, 0.05), (0.02, 0.06))]
    (row,) = rows_of(records)
    assert row["ECE before"][0] == pytest.approx(0.085)
    assert row["ECE"][0] == pytest.approx(0.0475)
    assert row["worst task"] == pytest.approx(0.025)
    assert row["width 90"] is None
    rising, falling = [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 3.0, 4.0, 5.0]
    assert "5.00 rises" in table(rows_of([record(0, (0.1, 0.1), fifths=rising)]))
    assert "5.00 does not rise" in table(rows_of([record(0, (0.1, 0.1), fifths=falling)]))
