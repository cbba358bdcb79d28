"""``molgnn explain`` from end to end: the folder, the page, and what is said."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rdkit import Chem

from molgnn.cli.main import main

HOSTILE = "../../<script>alert(1)</script>'\"&"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(f'smiles,id\nOCC,one\nC(,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n,two\n'
                    f'[Na+].CC([O-])=O,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n')  # fmt: skip
    return path


@pytest.fixture
def explain(tmp_path, table):
    """explain(flags) -> exit code, the folder and what explanations.json says."""

    def run(*flags, source=table, out="out"):
        folder = tmp_path / out
        code = main(["explain", "solubility", str(source), "--out", str(folder), *flags])
        figures = folder / "explanations.json"
        return code, folder, json.loads(figures.read_text()) if figures.is_file() else None

    return run


def test_a_folder_holds_figures_drawings_and_a_page(explain, capsys, table):
    code, folder, facts = explain()
    assert code == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [f"rows in {folder}: 4, explained 2, refused 2 (see their reason)"]
    names = ["explanations.json", "index.html", "molecule_0001.svg", "molecule_0004.svg"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (facts["target"], facts["unit"], facts["input"]) == ("logS", "log10(mol/L)", str(table))
    first, bad, empty, salt = facts["molecules"]
    assert (first["row"], first["line"], first["id"], first["svg"]) == (1, 2, "one", names[2])
    assert (bad["reason"], empty["reason"]) == ("not valid SMILES", "empty")
    assert "atoms" not in bad
    assert [value is None for value in salt["atoms"]] == [True, False, False, False, False]
    total = sum(first["atoms"]) + sum(first["bonds"]) - first["completeness_gap"]
    assert total == pytest.approx(first["score"] - first["baseline_score"], abs=1e-4)
    assert len(first["nearest"]) == 3
    assert first["nearest"][0]["similarity"] >= first["nearest"][1]["similarity"]
    for name in names[2:]:
        ElementTree.parse(folder / name)


def test_the_page_loads_nothing_and_hostile_names_stay_text(explain):
    _, folder, facts = explain()
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert re.search(r"(?:src|href)=", page) is None
    assert page.count("<svg role") == 2
    assert "../../&lt;script&gt;alert(1)&lt;/script&gt;&#x27;&quot;&amp;" in page
    assert facts["molecules"][1]["id"] == facts["molecules"][3]["id"] == HOSTILE
    assert all(path.parent == folder for path in folder.rglob("*"))


def test_the_page_stands_on_the_reports_look_light_and_dark(explain):
    page = (explain()[1] / "index.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in page


def test_nothing_is_overwritten_unasked(explain, capsys):
    _, folder, _ = explain()
    before = (folder / "index.html").read_bytes()
    (folder / "molecule_0001.svg").write_text("mine")
    assert explain()[0] == 1
    assert "--force" in capsys.readouterr().err
    assert (folder / "molecule_0001.svg").read_text() == "mine"
    assert explain("--force", "--quiet")[0] == 0
    assert (folder / "index.html").read_bytes() == before
    assert (folder / "molecule_0001.svg").read_text() != "mine"


def test_more_rows_than_the_limit_are_named_in_a_line(explain, capsys, table):
    _, _, facts = explain("--limit", "1", "--top", "0")
    assert capsys.readouterr().err.splitlines()[1] == (
        f"{table} has more rows: --limit N explains more than 1"
    )
    assert [each["nearest"] for each in facts["molecules"]] == [[]]


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--limit", "0"], "--limit 0: must be at least 1"),
        (["--top", "-1"], "--top -1: must be at least 0"),
        (["--keep", "0"], "--keep 0: must be above 0 and at most 1"),
        (["--target", "logP"], "unknown target 'logP': choose one of logS"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_written(flags, said, explain, capsys):
    code, folder, _ = explain(*flags)
    assert code == 1
    assert capsys.readouterr().err == f"molgnn: {said}\n"
    assert not folder.exists()


def test_rationales_are_told_and_drawn(explain):
    _, folder, facts = explain("--rationales", "--keep", "0.7")
    first = facts["molecules"][0]["rationale"]
    assert first["kept"] >= 0.7
    assert set(first["atoms"]) <= {0, 1, 2}
    assert (folder / "index.html").read_text(encoding="utf-8").count("<svg role") == 4
    assert 'aria-label="Rationale of one"' in (folder / "index.html").read_text(encoding="utf-8")


def test_mol_blocks_are_explained_in_their_own_order(explain, tmp_path):
    mol = Chem.MolFromSmiles("CCO")
    swapped = Chem.RenumberAtoms(mol, [2, 0, 1])
    path = tmp_path / "in.sdf"
    path.write_text(Chem.MolToMolBlock(mol) + "$$$$\n" + Chem.MolToMolBlock(swapped) + "$$$$\n")
    _, _, facts = explain(source=path)
    first, second = (np.array(each["atoms"]) for each in facts["molecules"])
    np.testing.assert_allclose(second, first[[2, 0, 1]], atol=1e-4)
    assert facts["molecules"][0]["smiles"] == "CCO"
    assert Path(facts["input"]) == path
