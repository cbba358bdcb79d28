"""The flags of the funnel, what is said of it, and the second look."""

import json
import sys
from types import SimpleNamespace

import pytest

from molgnn.cli.funnel import models_of, steps
from molgnn.cli.main import main
from molgnn.data.targets import Task
from molgnn.errors import Refusal


class Sizes:
    """Scores a molecule with its number of atoms; it is found wherever it is looked for."""

    recipe, name, sha256, device, num_members = "parent", "sizes", "5a" * 32, "cpu", 1
    tasks, columns, list_columns = (Task("size", "regression", "atoms"),), ("size",), ()
    card: dict = {}  # noqa: RUF012

    def job(self, precision):
        """It stays in this process."""

    def choose_precision(self, column):
        return {"used": "fp32", "reason": "it has nothing to round"}

    def predict_graphs(self, graphs, precision="fp32"):
        import numpy as np

        mean = np.array(graphs.num_atoms, dtype=float)[:, None]
        return mean, np.zeros_like(mean)


@pytest.fixture
def asked(monkeypatch):
    """The bundles that were asked for; none of them is read."""
    asked = []

    def load_bundle(model, device="auto"):
        asked.append(str(model))
        return Sizes()

    monkeypatch.setitem(
        sys.modules, "molgnn.models.bundle", SimpleNamespace(load_bundle=load_bundle)
    )
    return asked


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{'C' * n}O alcohol{n}" for n in range(1, 13)]
    (tmp_path / "lib.smi").write_text("\n".join([*lines, "C( bad"]) + "\n")
    (tmp_path / "small.yaml").write_text(
        "pool: 9\nmodels: {other: sub/model}\nproperties: {MW: [null, 150]}\nobjectives:\n"
        "  combine: pareto\n  of:\n    bulk: {model: other, aim: up}\n"
    )
    return tmp_path


def test_a_recipe_is_summed_up_step_by_step(asked, place, capsys):
    words = ["screen", "m", "lib.smi", "--recipe", "small.yaml", "--top", "3", "--out", "out"]
    assert main([*words, "--model", "other=mine"]) == 0
    assert asked == ["m", "mine"]
    said = capsys.readouterr().err.splitlines()
    at = next(i for i, line in enumerate(said) if line.startswith("13 rows read"))
    assert [line.split()[:4] for line in said[at + 1 : at + 5]] == [
        ["pool", "12", "->", "9"],
        ["objectives", "9", "->", "9"],
        ["properties", "9", "->", "6"],
        ["hits", "6", "->", "3"],
    ]
    assert said[at + 5] == "first of 3 hits, with their size (atoms):"
    assert said[at + 6] == "  1. 10  alcohol9"
    assert "out/dropped.csv: why each other molecule of the pool is no hit" in said
    assert sorted(path.name for path in (place / "out").iterdir()) == [
        *("dropped.csv", "hits.csv", "manifest.json", "page.json", "pool.parquet"),
        *("rejects.csv", "report.html"),
    ]


def test_a_second_look_reads_no_library(asked, place, capsys):
    assert main(["screen", "m", "lib.smi", "--recipe", "plain", "--top", "3", "--out", "a"]) == 0
    (place / "lib.smi").unlink()
    words = ["screen", "--rescore", "a", "--recipe", "lead_like", "--out", "b", "--top", "2"]
    capsys.readouterr()
    assert main(words) == 0
    assert "12 -> 12" in capsys.readouterr().err
    assert asked == ["m", "sizes"]
    assert main(["screen", "n", "--rescore", "a", "--minimize", "--out", "c", "--quiet"]) == 0
    assert asked[-1] == "n"
    facts = json.loads((place / "c" / "manifest.json").read_text())
    assert (facts["direction"], facts["funnel"]["name"]) == ("minimize", "plain")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "words, said",
    [
        (["m", "lib.smi", "--recipe", "nope"], "unknown recipe 'nope'"),
        (["m", "lib.smi", "--recipe", "gone.yaml"], "there is no such file"),
        (["m", "lib.smi", "--recipe", "wrong.yaml"], "wrong.yaml: unknown key 'pol'"),
        (["m", "lib.smi", "--model", "a=b"], "only a --recipe names further models"),
        (["m", "lib.smi", "--model", "ab"], "give NAME=PATH"),
        (["m", "lib.smi", "--rescore", "out"], "--rescore reads no library"),
        (["--rescore", "gone", "--recipe", "plain"], "needs the folder of a screen"),
        (["--rescore", "gone", "--resume"], "neither --resume nor --engine"),
        (["--rescore", "gone", "--spike", "a.smi"], "no library: leave out --spike"),
        (["--rescore", "gone", "--id-column", "a"], "no library: leave out --id-column"),
        (["--rescore", "gone", "--smiles-column", "a"], "no library: leave out --smiles-column"),
        (["--rescore", "gone", "--precision", "bf16"], "fp32: leave out --precision"),
    ],
)
def test_what_is_wrong_is_one_line_before_any_model(asked, place, capsys, words, said):
    (place / "wrong.yaml").write_text("pol: 3\n")
    assert main(["screen", *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert asked == []


def test_without_rescore_model_and_library_are_needed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["screen", "--recipe", "plain"])
    assert stop.value.code == 2
    assert "required: MODEL, LIBRARY" in capsys.readouterr().err


def test_models_are_names_and_paths():
    assert models_of(["a=b=c", "d=e"]) == {"a": "b=c", "d": "e"}
    with pytest.raises(Refusal, match="a: is given twice"):
        models_of(["a=b", "a=c"])


def test_a_step_says_nothing_that_commands_the_terminal():
    step = {"name": "cores", "title": "\x1b[31m" + "x" * 90, "before": 3, "after": 1}
    (line,) = steps({"funnel": {"steps": [step]}})
    assert line.isprintable()
    assert len(line) < 110
