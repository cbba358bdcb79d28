"""What only the model can tell the page: colours, places and the model's card, in page.json."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch
from rdkit import Chem

from molgnn.chem.fingerprint import morgan
from molgnn.data.targets import Task
from molgnn.models.build import build_model
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.ensemble import Predictor
from molgnn.screen.explain.api import explain
from molgnn.screen.hits import read_hits
from molgnn.screen.page import beside
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.pipeline import screen

LIBRARY = (
    "CCO ethanol\n[H]OC([H])([H])C deuterated-by-hand\nc1ccccc1C(=O)[O-].[Na+] benzoate\n"
    "C[C@H](N)C(=O)O alanine\nCCCCCC hexane\nN#Cc1ccccc1 nitrile\n"
)
CARD = {
    "name": "m",
    "data": {"name": "made", "split": "random", "counts": {"train": 80, "test": 20}},
    "metrics": {"test": {"rmse": 0.5, "mae": float("nan")}, "other": {}},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Two untrained networks that have been to the disk."""
    spec = {"encoder": {"name": "gin", "dim": 8, "depth": 2}, "readout": {"name": "sum"},
            "head": {"name": "mlp", "hidden": 8}}  # fmt: skip
    torch.manual_seed(0)
    tasks = [Task("logS", "regression", "log mol/L"), Task("active", "binary", classes=("0", "1"))]
    members = [build_model(**spec, out_dim={"molecule": 2}) for _ in range(2)]
    folder = tmp_path_factory.mktemp("model") / "model"
    bits = [row.tobytes() for row in morgan([Chem.MolFromSmiles("CCO")])]
    training = pa.table({"smiles": ["CCO"], "logS": [0.5], "active": [1.0],
                         "fingerprint": pa.array(bits, pa.binary(256))})  # fmt: skip
    save_bundle(folder, Predictor(members, tasks, "parent", CARD), spec, training)
    return load_bundle(folder, "cpu")


@pytest.fixture
def lib(tmp_path):
    path = tmp_path / "lib.smi"
    path.write_text(LIBRARY)
    return path


def told(folder):
    return json.loads((folder / "page.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("task, unit", [("logS", "log mol/L"), ("active", "log-odds")])
def test_colours_are_the_attributions_of_explain(model, lib, tmp_path, task, unit):
    screen(model, lib, out=tmp_path / "out", task=task)
    why = told(tmp_path / "out")["why"]
    assert why["unit"] == unit
    assert [hit["rank"] for hit in why["hits"]] == [1, 2, 3, 4, 5, 6]
    for hit in why["hits"]:
        found = explain(model, hit["smiles"], task)
        shares = np.array([*hit["atoms"], *hit["bonds"]], dtype=float)
        wanted = np.array([*found.atoms, *found.bonds])
        np.testing.assert_array_equal(np.isnan(shares), np.isnan(wanted))
        largest = np.nanmax(np.abs(wanted))
        assert hit["largest"] == pytest.approx(largest, rel=0.1)
        np.testing.assert_allclose(shares / 100, wanted / largest, atol=0.1)


def test_every_hit_is_drawn_with_its_colours(model, lib, tmp_path):
    screen(model, lib, out=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count('<g class="why">') == 6
    assert page.count("full colour: ±") == 6


def test_a_library_of_mol_blocks_has_colours_on_the_smiles_of_hits_csv(model, tmp_path):
    path = tmp_path / "lib.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for smiles in ("OC(=O)[C@H](C)N", "c1ccccc1CO", "CCN"):
            writer.write(Chem.MolFromSmiles(smiles))
    screen(model, path, out=tmp_path / "out")
    hits = told(tmp_path / "out")["why"]["hits"]
    header, *rows = read_hits(tmp_path / "out" / "hits.csv")
    assert [hit["smiles"] for hit in hits] == [row[header.index("smiles")] for row in rows]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count('<g class="why">') == 3


def test_a_page_is_made_anew_without_the_model(model, lib, tmp_path):
    screen(model, lib, out=tmp_path / "out")
    before = (tmp_path / "out" / "report.html").read_bytes()
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    (tmp_path / "copy" / "report.html").unlink()
    assert rebuild_report(tmp_path / "copy").read_bytes() == before
    (tmp_path / "copy" / "page.json").unlink()
    page = rebuild_report(tmp_path / "copy").read_text(encoding="utf-8")
    assert "Where the hits lie" not in page
    assert "Orange" not in page


def test_only_the_first_hits_are_explained_and_the_page_says_so(model, lib, tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "EXPLAINED", 2)
    screen(model, lib, out=tmp_path / "out")
    assert len(told(tmp_path / "out")["why"]["hits"]) == 2
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "atoms and bonds of the first 2 hits raise" in page


def test_where_nothing_is_explained_the_page_says_why(model, fake_model, lib, tmp_path):
    for out, known, options, said in (
        ("fake", fake_model(), {}, beside.NO_NETWORK),
        ("quick", model, {"explain": False}, beside.NOT_ASKED),
    ):
        screen(known, lib, out=tmp_path / out, **options)
        assert told(tmp_path / out)["why"] == {"none": said}
        page = (tmp_path / out / "report.html").read_text(encoding="utf-8")
        assert f"Structures without colours: {said}" in page
        assert 'class="why"' not in page


def test_the_map_is_of_vectors_or_of_fingerprints(model, fake_model, lib, tmp_path):
    screen(model, lib, out=tmp_path / "a")
    screen(fake_model(), lib, out=tmp_path / "b")
    for out, of in (("a", "networks' vectors"), ("b", "Morgan fingerprints")):
        places = told(tmp_path / out)["map"]
        assert of in places["of"]
        assert len(places["hits"]) == len(places["sample"]) == 6
        found = np.array([p[1:] for p in places["hits"]] + [p[:2] for p in places["sample"]])
        assert found.min() == 0
        assert found.max() == 1000
        assert 0 < sum(places["explained"]) <= 1


def test_a_library_of_two_molecules_has_no_map(fake_model, tmp_path):
    (tmp_path / "lib.smi").write_text("C\n")
    screen(fake_model(), tmp_path / "lib.smi", out=tmp_path / "out")
    assert told(tmp_path / "out")["map"] is None
    assert "Where the hits lie" not in (tmp_path / "out" / "report.html").read_text()


def test_the_models_card_is_on_the_page(model, fake_model, lib, tmp_path):
    screen(model, lib, out=tmp_path / "out")
    assert told(tmp_path / "out")["card"] == {
        "predicts": "2 x gin",
        "data": CARD["data"],
        "metrics": {"test": {"rmse": 0.5}},
    }
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for said in (
        "2 x gin",
        "made: 80 train, 20 test molecules",
        "random",
        "0.500",
        "active, binary: 0, 1",
    ):
        assert said in page
    screen(fake_model(), lib, out=tmp_path / "fake")
    assert told(tmp_path / "fake")["card"] == {}
