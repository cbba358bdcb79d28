"""The nearest training molecules are those that RDKit finds, with their labels."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molgnn.chem.fingerprint import morgan
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.ensemble import Predictor
from molgnn.screen.explain import known
from molgnn.screen.explain.known import known_to, tanimoto
from molgnn.screen.explain.target import Target, target_of

TEXTS = ["CCO", "CCCO", "c1ccccc1", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "CCCCCC"]
ACTIVE = [0.0, 1.0, 0.0, 1.0, 0.0, None, 1.0]
TASK = Task("toxic", "binary", classes=("safe", "toxic"))


def training(folder):
    bits = morgan([Chem.MolFromSmiles(text) for text in TEXTS])
    fingerprints = pa.array([row.tobytes() for row in bits], pa.binary(256))
    table = pa.table({"smiles": TEXTS, "toxic": ACTIVE, "fingerprint": fingerprints})
    pq.write_table(table, folder / "training.parquet")
    return Predictor([], [TASK], path=folder)


@pytest.mark.parametrize("block", [1, 3, 4096])
def test_tanimoto_is_rdkits(block, monkeypatch):
    monkeypatch.setattr(known, "_BLOCK", block)
    mols = [Chem.MolFromSmiles(text) for text in TEXTS]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(mol) for mol in mols]
    expected = [DataStructs.BulkTanimotoSimilarity(row, prints) for row in prints]
    np.testing.assert_allclose(tanimoto(morgan(mols), morgan(mols)), expected)


def test_the_nearest_come_first_with_label_and_similarity(tmp_path):
    found = known_to(training(tmp_path), Target("toxic", TASK, 0, 0))
    (near,) = found.nearest([Chem.MolFromSmiles("CCCO")], 3)
    assert [(n.smiles, n.label) for n in near][:2] == [("CCCO", "toxic"), ("CCO", "safe")]
    assert near[0].similarity == 1.0
    assert near[0].similarity > near[1].similarity > near[2].similarity


def test_the_nearest_actives_are_active(tmp_path):
    found = known_to(training(tmp_path), Target("toxic", TASK, 0, 0))
    (near,) = found.nearest_of_class([Chem.MolFromSmiles("c1ccccc1")], 5)
    assert [n.smiles for n in near] == ["c1ccccc1O", "CCCO", "CCCCCC"]
    assert {n.label for n in near} == {"toxic"}


def test_a_molecule_without_a_label_has_none(tmp_path):
    found = known_to(training(tmp_path), Target("toxic", TASK, 0, 0))
    assert found.nearest([Chem.MolFromSmiles("CCN")], 1)[0][0].label is None


def test_a_model_that_is_not_on_disk_knows_no_molecules():
    assert known_to(Predictor([], [TASK]), Target("toxic", TASK, 0, 0)) is None


def test_a_damaged_file_is_refused(tmp_path):
    model = training(tmp_path)
    (tmp_path / "training.parquet").write_text("nothing")
    with pytest.raises(Refusal, match="damaged"):
        known_to(model, Target("toxic", TASK, 0, 0))
    fingerprints = pa.array([b"short"])
    pq.write_table(
        pa.table({"smiles": ["C"], "fingerprint": fingerprints}), tmp_path / "training.parquet"
    )
    with pytest.raises(Refusal, match="damaged"):
        known_to(model, Target("toxic", TASK, 0, 0))


def test_an_unknown_target_is_refused_with_the_choices(model_of):
    with pytest.raises(Refusal, match=r"unknown target 'x': choose one of class=a, .*logS, toxic"):
        target_of(model_of(), "x")
