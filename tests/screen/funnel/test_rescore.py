"""A second look at a pool is the screen that would have been, without its library."""

import json
from pathlib import Path

import pytest

import molgnn
from molgnn.errors import Refusal
from molgnn.screen.pipeline import screen

NARROW = {"pool": 20, "properties": {"MW": [None, 400]}, "diversity": {"scaffold": 1}}


@pytest.fixture
def pool(fake_model, drugs_file, tmp_path):
    screen(fake_model(), drugs_file, top=5, out=tmp_path / "first", recipe="plain", minimize=True)
    return tmp_path / "first"


def test_it_gives_what_a_screen_with_that_recipe_gives(fake_model, drugs_file, pool, tmp_path):
    expected = screen(fake_model(), drugs_file, top=5, recipe=NARROW, minimize=True)
    drugs_file.unlink()
    result = molgnn.rescore(pool, NARROW, model=fake_model(), top=5, out=tmp_path / "second")
    assert result.hits.equals(expected.hits)
    assert result.dropped.equals(expected.dropped)
    assert result.manifest["direction"] == "minimize"
    assert result.manifest["funnel"]["steps"] == expected.manifest["funnel"]["steps"]
    told = json.loads((tmp_path / "second" / "manifest.json").read_text())
    assert told["rescored"]["counts"]["rows"] == 93
    assert told["library"]["files"][0]["name"] == str(pool / "pool.parquet")
    again = molgnn.rescore(tmp_path / "second", NARROW, model=fake_model(), top=5)
    assert again.hits.equals(result.hits)


def test_a_pool_of_one_end_of_the_scores_does_not_stand_for_the_other(
    fake_model, drugs_file, pool, tmp_path
):
    assert len(molgnn.rescore(pool, model=fake_model(), top=3, minimize=False).hits) == 3  # all
    model, few = fake_model(), tmp_path / "few"
    screen(model, drugs_file, top=5, out=few, recipe=NARROW, minimize=True)
    wanted = "20 lowest of .*, and the highest of the library are not in it"
    with pytest.raises(Refusal, match=wanted):
        molgnn.rescore(few, NARROW, model=model, top=5, minimize=False)
    assert len(molgnn.rescore(few, NARROW, model=model, top=5, minimize=True).hits) == 5


def test_another_model_scores_the_pool_anew(fake_model, tox, pool):
    tox.broken = {10: float("nan")}
    result = molgnn.rescore(pool, model=tox, top=4, task="bulk")
    assert (result.hits["bulk"] == 2 * result.hits["weight"]).all()
    assert result.manifest["direction"] == "maximize"
    counts = result.manifest["counts"]
    assert counts["invalid"] > 0
    assert counts["scored"] + counts["invalid"] == counts["rows"] == 92


def test_mol_blocks_and_odd_names_come_back(fake_model, tmp_path):
    from rdkit import Chem

    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    (tmp_path / "lib.sdf").write_text(block.replace("\n", "=evil\n", 1) + "$$$$\n")
    first = screen(
        fake_model(), tmp_path / "lib.sdf", recipe="plain", out=tmp_path / "a", workers=0
    )
    second = molgnn.rescore(tmp_path / "a", model=fake_model())
    assert second.hits.equals(first.hits)


def test_the_model_is_found_again_by_its_folder_or_name(drugs_file, tmp_path):
    lines = drugs_file.read_text().splitlines()[:12]
    drugs_file.write_text("\n".join(lines) + "\n")
    model = molgnn.load("solubility", device="cpu")
    first = screen(model, drugs_file, top=5, out=tmp_path / "a", recipe="plain", workers=0)
    path = tmp_path / "a" / "manifest.json"
    assert molgnn.rescore(tmp_path / "a", top=5, device="cpu").hits.equals(first.hits)
    facts = json.loads(path.read_text())
    facts["funnel"]["model_folder"] = "/gone"
    path.write_text(json.dumps(facts))
    assert molgnn.rescore(tmp_path / "a", top=5, device="cpu").hits.equals(first.hits)
    facts["model"]["sha256"] = "00"
    path.write_text(json.dumps(facts))
    with pytest.raises(Refusal, match="no longer where it was: name it"):
        molgnn.rescore(tmp_path / "a", top=5, device="cpu")


def test_what_is_no_pool_is_refused(fake_model, drugs_file, pool, tmp_path):
    model = fake_model()
    with pytest.raises(Refusal, match=r"no such file: .*needs the folder of a screen"):
        molgnn.rescore(tmp_path / "gone", model=model)
    screen(model, drugs_file, out=tmp_path / "plain")
    with pytest.raises(Refusal, match="not of a screen with a recipe="):
        molgnn.rescore(tmp_path / "plain", model=model)
    with pytest.raises(Refusal, match="is the folder that is rescored"):
        molgnn.rescore(pool, model=model, out=pool, force=True)
    with pytest.raises(Refusal, match="exists"):
        molgnn.rescore(pool, model=model, out=tmp_path / "plain")
    path = Path(pool / "pool.parquet")
    for damaged in (b"", b"PAR1", path.read_bytes()[:-9]):
        path.write_bytes(damaged)
        with pytest.raises(Refusal, match="damaged: no pool") as refused:
            molgnn.rescore(pool, model=model)
        assert "\n" not in str(refused.value)
    path.unlink()
    with pytest.raises(Refusal, match="no such file"):
        molgnn.rescore(pool, model=model)
