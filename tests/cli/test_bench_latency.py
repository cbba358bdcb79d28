"""``molgnn bench latency`` on few requests: what it counts and what it refuses, not the speed."""

import json

import pytest
import torch

from molgnn.cli.bench.latency import COLUMNS, MOLECULES
from molgnn.cli.main import main


@pytest.fixture(autouse=True)
def threads():
    """The command takes one thread; other tests keep theirs."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_each_molecule_and_number_of_members_has_its_figures(tmp_path, capsys):
    out = tmp_path / "figures.json"
    arguments = ["--members", "1", "4", "--requests", "5", "--json", str(out)]
    assert main(["bench", "latency", *arguments]) == 0
    figures = json.loads(out.read_text())
    assert (figures["model"], figures["requests"]) == ("solubility", 5)
    rows = [(row["members"], row["molecule"]) for row in figures["ms"]]
    assert rows == [(members, name) for members in (1, 4) for name in MOLECULES]
    for row in figures["ms"]:
        assert all(0 < row[name] < 60_000 for name in COLUMNS)
        assert row["p50"] <= row["p95"]
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in shown[1:]] == [[str(m), name] for m, name in rows]


def test_it_takes_a_model_as_it_is_and_molecules_of_ones_own(tmp_path, capsys):
    out = tmp_path / "figures.json"
    arguments = ["--smiles", "CCN", "c1ccccc1", "--requests", "1", "--json", str(out)]
    assert main(["bench", "latency", "solubility", *arguments]) == 0
    rows = [(row["members"], row["molecule"]) for row in json.loads(out.read_text())["ms"]]
    assert rows == [(3, "CCN"), (3, "c1ccccc1")]
    assert "CCN" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--smiles", "CC", "C("], "--smiles C(: not valid SMILES"),
        (["--requests", "0"], "at least 1 each"),
        (["--members", "3", "0"], "at least 1 each"),
        (["nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, words, capsys):
    assert main(["bench", "latency", *arguments]) == 1
    assert words in capsys.readouterr().err
