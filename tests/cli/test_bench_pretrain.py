"""``molgnn bench pretrain``: figures of the loop of pretraining itself."""

import json

import pytest

from molgnn.cli.main import main

SMALL = ["--molecules", "40", "--batch", "8", "--rounds", "2", "--accelerator", "cpu"]


@pytest.mark.parametrize("terms", ["gae", "masked"])
def test_each_precision_has_a_rate_for_each_round(terms, tmp_path, capsys):
    path = tmp_path / "figures.json"
    words = ["bench", "pretrain", *SMALL, "--terms", terms, "--precision", "32-true"]
    assert main([*words, "--json", str(path)]) == 0
    assert "32-true" in capsys.readouterr().out
    figures = json.loads(path.read_text())
    rates = figures["molecules_per_second"]
    assert list(rates) == ["32-true"]
    assert len(rates["32-true"]) == 2
    assert min(rates["32-true"]) > 0
    assert figures["settings"]["terms"] == terms


@pytest.mark.parametrize(
    "words, said",
    [
        (["--terms", "nothing"], "unknown terms"),
        (["--rounds", "0"], "at least 1"),
        (["nothing.smi"], "nothing.smi"),
    ],
)
def test_what_cannot_be_is_one_line(words, said, capsys):
    assert main(["bench", "pretrain", *SMALL, *words]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
