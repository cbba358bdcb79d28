import argparse
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from molgnn.cli import predict
from molgnn.data.targets import Task
from molgnn.errors import Refusal


class Sizes:
    """Predicts the number of atoms."""

    recipe, num_members, columns, list_columns = "parent", 1, ("size",), ()
    tasks = (Task("size", "regression", "atoms"),)

    def job(self, precision):
        """It stays in this process."""

    def choose_precision(self, column):
        return {"used": "fp32", "reason": "it has nothing to round"}

    def predict_graphs(self, graphs, precision="fp32"):
        import numpy as np

        mean = graphs.num_atoms[:, None].astype(float)
        return mean, np.zeros_like(mean)


@pytest.fixture(autouse=True)
def bundle(monkeypatch):
    stand_in = SimpleNamespace(load_bundle=lambda model, device: Sizes())
    monkeypatch.setitem(sys.modules, "molgnn.models.bundle", stand_in)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,größe\nCC,1\nC(,2\n", encoding="utf-8")
    return path


def run(*words):
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    return predict.run(parser.parse_args([str(word) for word in words]))


def test_without_out_the_table_goes_to_stdout_and_the_counts_to_stderr(table, capsys):
    assert run("m", table) == 0
    said = capsys.readouterr()
    assert said.out == "smiles,größe,size,reason\nCC,1,2,\nC(,2,,not valid SMILES\n"
    assert said.err == "rows: 2, predicted 1, refused 1 (see their reason)\n"


def test_a_file_gets_the_same_table(table, tmp_path, capsys):
    run("m", table)
    run("m", table, "--out", tmp_path / "out.csv", "--quiet")
    said = capsys.readouterr()
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == said.out
    assert said.err.count("\n") == 1
    with pytest.raises(Refusal, match="--force"):
        run("m", table, "--out", tmp_path / "out.csv")


def test_a_column_that_is_there_already_is_named_in_a_line(table, tmp_path, capsys):
    table.write_text("smiles,size\nCC,1\n")
    run("m", table, "--out", tmp_path / "out.tsv")
    assert capsys.readouterr().err == (
        "the input has a column 'size' already: the new one is 'size_predicted'\n"
        f"rows in {tmp_path / 'out.tsv'}: 1, predicted 1, refused 0\n"
    )


def test_an_interruption_is_a_line_and_exit_code_130(table, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Sizes, "predict_graphs", interrupted)
    assert run("m", table, "--out", tmp_path / "out.csv") == 130
    assert capsys.readouterr().err == "molgnn: interrupted: nothing was written\n"
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    path = tmp_path / "in.smi"
    path.write_text("CCO name\n" * 20000)
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(f"""
        import argparse, sys
        from types import SimpleNamespace
        import numpy as np
        class Ones:
            recipe, num_members, columns, tasks = "none", 1, ["y"], []
            list_columns = ()
            def predict_graphs(self, graphs, precision):
                return np.ones((len(graphs), 1)), np.zeros((len(graphs), 1))
        stand_in = SimpleNamespace(load_bundle=lambda model, device: Ones())
        sys.modules["molgnn.models.bundle"] = stand_in
        from molgnn.cli import predict
        parser = argparse.ArgumentParser()
        predict.add_arguments(parser)
        sys.exit(predict.run(parser.parse_args(["m", {str(path)!r}, "--workers", "0"])))
        """)
    )
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "smiles,id,y,reason\n"
        process.stdout.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == ""
