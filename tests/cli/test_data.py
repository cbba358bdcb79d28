"""``molgnn data``: lists every dataset with its place, and fetches by name."""

import argparse
import subprocess
import sys

import pytest

from molgnn.cli import data
from molgnn.data.named.registry import DATASETS
from molgnn.errors import Refusal


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path, monkeypatch):
    monkeypatch.delenv("MOLGNN_DATA", raising=False)
    monkeypatch.setenv("MOLGNN_CACHE", str(tmp_path))


def run(*arguments):
    parser = argparse.ArgumentParser()
    data.add_arguments(parser)
    return data.run(parser.parse_args(arguments))


def test_every_dataset_is_listed_with_its_place(capsys, tmp_path):
    (tmp_path / "bace.csv").write_text("smiles,Class\nCC,1\nC,0\n")
    assert run() == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "tasks", "kind", "rows", "where", "source"]
    assert [line.split()[0] for line in lines] == list(DATASETS)
    cells = {line.split()[0]: line.split() for line in lines}
    assert cells["solubility"][1:5] == ["logS", "regression", "1282", "shipped"]
    assert cells["hiv"][3:6] == ["41127", "to", "download"]
    assert cells["bace"][3:5] == ["2", "cache"]


def test_fetching_what_is_here_says_where_it_is(capsys):
    assert run("fetch", "solubility") == 0
    assert "already here (shipped)" in capsys.readouterr().out


def test_fetching_an_unknown_name_is_refused():
    with pytest.raises(Refusal, match="unknown dataset"):
        run("fetch", "nothing")


def test_the_command_imports_nothing_heavy_for_its_help():
    code = (
        "import sys, molgnn.cli.data\n"
        "print([m for m in ('numpy', 'pandas', 'rdkit', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
