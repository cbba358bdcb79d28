"""A screen of a packed library and one of its files are one and the same."""

import os

import pytest
from rdkit import Chem

from molgnn.data.packed import library as packed
from molgnn.data.packed.build import build_library
from molgnn.data.pool import workers
from molgnn.errors import Refusal
from molgnn.models.bundle import load_bundle
from molgnn.screen import pipeline
from molgnn.screen.pipeline import screen


@pytest.fixture
def folder(library, tmp_path):
    build_library(library, tmp_path / "packed", recipe="none", chunk=8, shard=16, workers=0)
    return tmp_path / "packed"


def test_results_are_those_of_the_raw_library(fake_model, library, folder, tmp_path):
    model = fake_model(members=2, broken={4: float("nan")})
    one = screen(model, library, top=9, out=tmp_path / "raw", chunk=8)
    two = screen(model, folder, top=9, out=tmp_path / "out")
    for name in ("hits.csv", "rejects.csv"):
        assert (tmp_path / "raw" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    for part in ("counts", "invalid_reasons", "cut", "scores"):
        assert one.manifest[part] == two.manifest[part]
    assert two.manifest["library"].pop("packed")["name"] == str(folder)
    assert one.manifest["library"] == two.manifest["library"]
    assert two.manifest["run"]["stages"].keys() == {"unpack", "score", "keep"}
    assert one.hits.equals(two.hits)


def test_scores_of_a_network_are_equal_to_the_bit(tmp_path):
    drugs = os.path.join(os.path.dirname(__file__), "..", "..", "data", "approved_drugs.smi")
    path = tmp_path / "lib.smi"
    with open(drugs, encoding="utf-8") as file:
        path.write_text("".join(file.readlines()[:300]), encoding="utf-8")
    model = load_bundle("solubility", device="cpu")
    options = {"recipe": model.recipe, "chunk": 100, "shard": 200, "workers": 0}
    build_library(path, tmp_path / "packed", **options)
    raw, packed = (screen(model, x, chunk=100) for x in (path, tmp_path / "packed"))
    assert raw.hits.equals(packed.hits)
    assert len(raw.hits) == 100


def test_rdkit_is_not_called_before_the_hits_are_final(fake_model, folder, tmp_path, monkeypatch):
    def called(*_, **__):
        raise AssertionError("RDKit was called")

    for name in ("MolFromSmiles", "MolFromMolBlock", "SanitizeMol"):
        monkeypatch.setattr(Chem, name, called)
    monkeypatch.setattr(workers, "featurize", called)
    assert len(screen(fake_model(), folder, top=3).hits) == 3


def test_text_is_read_for_chunks_with_hits_only(fake_model, tmp_path, monkeypatch):
    path, read = tmp_path / "lib.smi", []
    path.write_text("CCC\n" * 3 + "C\n" * 30)
    build_library(path, tmp_path / "packed", recipe="none", chunk=4, shard=8, workers=0)
    real = packed.Shard._origin

    def origin(self, number):
        read.append((self.path.name, number))
        return real(self, number)

    monkeypatch.setattr(packed.Shard, "_origin", origin)
    hits = screen(fake_model(), tmp_path / "packed", top=2).hits
    assert hits["smiles"].tolist() == ["CCC", "CCC"]
    assert set(read) == {("shard-00000.arrow", 0)}


def test_mol_blocks_are_shown_by_the_same_smiles(fake_model, tmp_path):
    path = tmp_path / "two.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for smiles in ("OCC", "CCCC"):
            writer.write(Chem.MolFromSmiles(smiles))
    build_library(path, tmp_path / "packed", recipe="none", workers=0)
    assert screen(fake_model(), path).hits.equals(screen(fake_model(), tmp_path / "packed").hits)


def test_duplicates_are_left_out_and_counted(fake_model, library, tmp_path):
    options = {"recipe": "none", "chunk": 8, "shard": 16, "workers": 0, "dedupe": True}
    build_library(library, tmp_path / "packed", **options)
    result = screen(fake_model(), tmp_path / "packed", out=tmp_path / "out")
    assert result.hits["score"].tolist() == list(range(10, 0, -1))
    counts = result.manifest["counts"]
    assert counts["duplicates"] == 30
    assert counts["lines"] == counts["rows"] + counts["blank_lines"] + 30
    assert "30 duplicates" in (tmp_path / "out" / "report.html").read_text()


def test_a_library_of_another_recipe_is_refused_before_a_folder_is_made(folder, tmp_path):
    model = load_bundle("solubility", device="cpu")
    with pytest.raises(Refusal, match="packed: standardised with 'none'"):
        screen(model, folder, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_stands_alone(fake_model, folder, library):
    with pytest.raises(Refusal, match="is screened alone"):
        screen(fake_model(), [library, folder])
    assert pipeline.CHUNK == 4096  # the chunk of packed libraries too: scores are equal to the bit
