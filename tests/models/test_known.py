"""The nearest training molecules: which, how near, and what stands in the columns."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molgnn.chem.fingerprint import morgan
from molgnn.chem.smiles import canonical, parse
from molgnn.errors import Refusal
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.domain import FINGERPRINT, Rule, Side
from molgnn.models.vectors import Vectors

RULE = Rule("error", 0.3, "absolute error", Side(9, 0.5), Side(3, 0.8))


def table_of(smiles, **columns):
    bits = [row.tobytes() for row in morgan([Chem.MolFromSmiles(text) for text in smiles])]
    return pa.table({"smiles": smiles, **columns, "fingerprint": pa.array(bits, pa.binary(256))})


@pytest.fixture(scope="module")
def learnt(drugs):
    """Thirty training molecules with labels; the second stands there twice."""
    smiles = [text for text in drugs if "." not in text][:1450:50]
    smiles.append(smiles[1])
    toxic = [float(i % 2) for i in range(len(smiles))]
    kinds = [None if i == 2 else float(i % 3) for i in range(len(smiles))]
    return table_of(smiles, logS=np.arange(len(smiles)) / 2, toxic=toxic, **{"class": kinds})


@pytest.fixture
def saved(tmp_path, spec_of, predictor_of, learnt):
    """saved(card..., table, members) -> the folder of a bundle."""

    def save(table=learnt, members=1, **card):
        spec = spec_of("gin")
        save_bundle(tmp_path / "it", predictor_of(spec, members=members, **card), spec, table)
        return tmp_path / "it"

    return save


@pytest.fixture
def model(saved):
    return load_bundle(saved(domain=RULE.to_json()), "cpu")


def oracle(texts, known):
    """RDKit's similarities (Q, R) of molecules as they are written."""
    generator = rdFingerprintGenerator.GetMorganGenerator(
        radius=FINGERPRINT["radius"], fpSize=FINGERPRINT["bits"]
    )
    asked, others = (
        [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in side]
        for side in (texts, known)
    )
    return np.array([DataStructs.BulkTanimotoSimilarity(one, others) for one in asked])


def test_similarity_molecule_and_labels_are_those_of_rdkits_nearest(model, learnt, drugs):
    texts = [text for text in drugs if "." not in text][7:1000:70]
    found = model.predict(texts, domain=True)
    expected = oracle(texts, learnt["smiles"].to_pylist())
    np.testing.assert_array_equal(found["nearest_similarity"], expected.max(axis=1))
    rows = expected.argmax(axis=1)
    known = learnt.to_pandas().iloc[rows]
    assert found["nearest_smiles"].tolist() == known["smiles"].tolist()
    assert found["nearest_logS"].tolist() == known["logS"].tolist()
    assert found["nearest_toxic"].tolist() == known["toxic"].tolist()
    classes = [None if np.isnan(label) else str(int(label)) for label in known["class"]]
    assert found["nearest_class"].tolist() == classes
    assert found["in_domain"].tolist() == (expected.max(axis=1) >= 0.3).tolist()
    assert 0 < found["in_domain"].sum() < len(texts)


def test_a_training_molecule_is_itself_however_it_is_written_and_the_first_of_two(model, learnt):
    smiles = learnt["smiles"].to_pylist()
    written = [Chem.MolToSmiles(Chem.MolFromSmiles(text), canonical=False) for text in smiles]
    with_hydrogens = Chem.MolToSmiles(Chem.AddHs(Chem.MolFromSmiles(smiles[4])))
    block = Chem.MolToMolBlock(Chem.MolFromSmiles(smiles[5]))
    found = model.predict([*written, with_hydrogens, block, f"{smiles[6]}.Cl"], domain=True)
    assert (found["nearest_similarity"] == 1.0).all()
    assert found["nearest_smiles"].tolist() == [*smiles, *smiles[4:7]]
    assert found["nearest_logS"].tolist()[-4:] == [0.5, 2.0, 2.5, 3.0]


def test_a_bad_row_has_no_neighbour_and_shifts_none(model):
    found = model.predict(["CCO", "bad", "c1ccccc1C(=O)O"], domain="vectors")
    alone = model.predict(["c1ccccc1C(=O)O"], domain="vectors")
    assert found.iloc[1].drop("reason").isna().all()
    pd.testing.assert_frame_equal(found.iloc[[2]].reset_index(drop=True), alone)
    nothing = model.predict(["bad"], domain="vectors")
    assert list(nothing.columns) == list(found.columns)
    assert nothing.drop(columns="reason").isna().all(axis=None)


def test_without_the_question_nothing_is_added(model):
    found = model.predict(["CCO"])
    asked = model.predict(["CCO"], domain=True)
    pd.testing.assert_frame_equal(found, asked[found.columns])
    assert [name for name in asked if name not in found] == [
        *("nearest_similarity", "nearest_smiles", "nearest_logS", "nearest_toxic"),
        *("nearest_class", "in_domain"),
    ]


def test_by_vectors_the_nearest_is_that_of_all_distances(saved, learnt, drugs):
    model = load_bundle(saved(members=2), "cpu")
    texts = [text for text in drugs if "." not in text][7:1000:70]
    known, asked = model.embed(learnt["smiles"].to_pylist()), model.embed(texts)
    scale = known.std(axis=0)
    scale[scale == 0] = 1
    apart = (asked[:, None] / scale - known / scale).astype(np.float64)
    distance = np.sqrt((apart**2).mean(axis=2))
    found = model.predict(texts, domain="vectors")
    np.testing.assert_allclose(found["embedding_distance"], distance.min(axis=1), rtol=1e-4)
    rows = distance.argmin(axis=1)
    assert found["embedding_smiles"].tolist() == learnt["smiles"].take(rows).to_pylist()
    assert found["embedding_logS"].tolist() == learnt["logS"].take(rows).to_pylist()
    own = model.predict(learnt["smiles"].to_pylist(), domain="vectors")
    assert (own["embedding_distance"] == 0).all()
    assert own["embedding_smiles"].tolist() == learnt["smiles"].to_pylist()


@pytest.mark.parametrize("rows, block", [(1, 1), (3, 7), (256, 4096)])
def test_blocks_do_not_change_the_nearest_vector_and_equal_ones_give_the_first(rows, block):
    known = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    known = np.concatenate([known, known, known[:3] + 0.5])
    known[:, 2] = 7.0  # a channel that says nothing
    vectors = Vectors.of(known, np.arange(100, 100 + len(known)))
    distance, row = vectors.nearest(known, rows, block)
    assert row.tolist() == [*range(100, 120), *range(100, 120), 140, 141, 142]
    assert not distance.any()
    one, other = vectors.nearest(known + 0.1, rows, block), vectors.nearest(known + 0.1)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_an_old_bundle_gives_neighbours_and_an_empty_flag(saved):
    model = load_bundle(saved(), "cpu")
    assert model.rule is None
    found = model.predict(["CCO"], domain=True)
    assert found["nearest_similarity"].notna().all()
    assert found["in_domain"].isna().all()


@pytest.mark.parametrize("kept", ["v1/gin", "v2/neighbours", "v2/blend"])
def test_bundles_of_older_versions_know_the_nearest_and_predict_as_they_did(kept):
    folder = Path(__file__).parent / "bundles" / kept
    expected = json.loads((folder / "expected.json").read_text())
    model = load_bundle(folder, "cpu")
    found = model.predict(texts := expected.pop("smiles"), domain=True)
    for column, values in expected.items():
        np.testing.assert_allclose(found[column], values, atol=1e-5, err_msg=column)
    known = pq.read_table(folder / "training.parquet")["smiles"].to_pylist()
    good = found["reason"] == ""
    read = [canonical(parse(t, "parent")) for t, ok in zip(texts, good, strict=True) if ok]
    similarity = oracle(read, known)
    np.testing.assert_array_equal(found["nearest_similarity"][good], similarity.max(axis=1))
    assert found["in_domain"].isna().all()


def test_columns_step_aside_for_tasks_of_the_same_name(saved, learnt, predictor_of, spec_of):
    from molgnn.data.targets import Task

    tasks = (Task("in_domain", "regression"), Task("similarity", "regression"))
    spec = spec_of("gin")
    folder = saved()
    save_bundle(folder, predictor_of(spec, tasks=tasks), spec, learnt)
    found = load_bundle(folder, "cpu").predict(["CCO"], domain=True)
    assert list(found.columns) == [
        *("in_domain", "similarity", "nearest_similarity", "nearest_smiles", "nearest_in_domain"),
        *("nearest_similarity_domain", "in_domain_domain", "reason"),
    ]


# A folder whose training molecules were taken out, or damaged.


def test_without_the_training_molecules_a_model_predicts_and_refuses_the_domain(saved):
    folder = saved(domain=RULE.to_json())
    (folder / "training.parquet").unlink()
    model = load_bundle(folder, "cpu")
    assert model.predict(["CCO"])["reason"].tolist() == [""]
    with pytest.raises(Refusal, match="no training molecules to be near to"):
        model.predict(["CCO"], domain=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table.drop_columns(["fingerprint"]),
        lambda table: table.drop_columns(["smiles"]),
        lambda table: table.slice(0, 0),
        lambda table: table.set_column(0, "smiles", pa.nulls(len(table), pa.string())),
        lambda table: table.set_column(4, "fingerprint", pa.array([b"short"] * len(table))),
        lambda table: table.set_column(4, "fingerprint", pa.nulls(len(table), pa.binary())),
        lambda table: table.set_column(1, "logS", pa.array(["much"] * len(table))),
        lambda table: table.set_column(1, "logS", pa.array([[1.0]] * len(table))),
    ],
)
def test_damaged_training_molecules_are_refused_in_a_line(saved, learnt, damage):
    folder = saved()
    pq.write_table(damage(learnt), folder / "training.parquet")
    model = load_bundle(folder, "cpu")
    assert model.predict(["CCO"])["reason"].tolist() == [""]
    with pytest.raises(Refusal, match=r"training\.parquet: damaged") as refused:
        model.predict(["CCO"], domain=True)
    assert "\n" not in str(refused.value)
    (folder / "training.parquet").write_bytes(b"PAR1")
    with pytest.raises(Refusal, match=r"training\.parquet: damaged"):
        model.predict(["CCO"], domain=True)


def test_a_model_without_a_network_has_no_vectors(mixture_of, tmp_path, learnt):
    model, spec = mixture_of("neighbours")
    save_bundle(tmp_path, model, spec, learnt)
    model = load_bundle(tmp_path, "cpu")
    assert model.predict(["CCO"], domain=True)["nearest_similarity"].notna().all()
    with pytest.raises(Refusal, match="has no network"):
        model.predict(["CCO"], domain="vectors")
