"""Estimators as bundles: what the rest of molgnn makes of them, and the way back."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import molgnn
from molgnn.cli.main import main
from molgnn.sklearn import MolGNNClassifier, MolGNNRegressor

BOTH = pytest.mark.parametrize("kind", ["regressor", "classifier"])


@BOTH
def test_a_saved_estimator_comes_back_as_it_was(fitted, kind, smiles, tmp_path, outputs):
    model = fitted(kind, members=2, lr=0.01, verbose=0)
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model")
    np.testing.assert_array_equal(outputs(again, smiles), outputs(model, smiles))
    assert again.get_params() == model.get_params()
    assert again.history_ == []
    again.save(tmp_path / "twice", name="second")
    third = type(model).load(tmp_path / "twice")
    np.testing.assert_array_equal(outputs(third, smiles), outputs(model, smiles))
    assert molgnn.load(tmp_path / "twice").name == "second"
    again.fit(smiles, np.arange(60) % 2)  # it can go to school again
    assert again.history_ != []


@BOTH
def test_the_command_line_predicts_what_the_estimator_does(fitted, kind, smiles, tmp_path, outputs):
    model = fitted(kind)
    model.save(tmp_path / "model")
    (tmp_path / "in.smi").write_text("\n".join(smiles) + "\n")
    words = ["predict", tmp_path / "model", tmp_path / "in.smi", "--out", tmp_path / "out.csv"]
    assert main([*map(str, words), "--quiet", "--workers", "0"]) == 0
    found = pd.read_csv(tmp_path / "out.csv")
    expected = outputs(model, smiles).reshape(60, -1)
    columns = ["logS"] if kind == "regressor" else [f"y={name}" for name in model.classes_]
    np.testing.assert_allclose(found[columns], expected, atol=1e-5)


def test_the_probability_of_two_classes_is_that_of_the_second(classifier, smiles, tmp_path):
    y = np.where(np.arange(60) % 3 == 0, "active", "dull")
    model = classifier().fit(smiles, y)
    model.save(tmp_path / "model")
    loaded = molgnn.load(tmp_path / "model")
    assert loaded.tasks[0].classes == ("active", "dull")
    np.testing.assert_allclose(loaded.predict(smiles)["y"], model.predict_proba(smiles)[:, 1])


def test_the_bundle_holds_the_training_molecules_and_says_where_it_is_from(fitted, tmp_path):
    fitted("regressor", validation_fraction=0.25).save(tmp_path / "mine")
    training = pq.read_table(tmp_path / "mine" / "training.parquet")
    assert training.column_names == ["smiles", "logS", "fingerprint"]
    assert training.num_rows == 45
    config = json.loads((tmp_path / "mine" / "config.json").read_text())
    assert config["name"] == "mine"
    assert config["data"]["counts"] == {"train": 45, "valid": 15, "test": 0}
    assert config["options"]["fit"]["epochs"] == 2
    assert config["sklearn"]["estimator"] == "MolGNNRegressor"
    assert config["domain"]["rule"] == "leave-one-out"
    found = molgnn.load(tmp_path / "mine").predict(training["smiles"].to_pylist(), domain=True)
    assert found["nearest_logS"].tolist() == training["logS"].to_pylist()
    assert found["in_domain"].all()
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "molecules in memory, 45 train, 15 valid" in card


@pytest.mark.parametrize(
    "classes", [["low", "high"], [3, -1, 8], [True, False], [0.5 * 2, 2.0], ["1", "2"]], ids=str
)
def test_classes_keep_their_type(classifier, smiles, classes, tmp_path):
    y = np.array([classes[i % len(classes)] for i in range(60)])
    model = classifier(epochs=1).fit(smiles, y)
    model.save(tmp_path / "model")
    again = MolGNNClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.classes_, model.classes_)
    assert again.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(again.predict(smiles), model.predict(smiles))


def test_parameters_without_a_place_in_json_are_left_out_or_told_apart(
    classifier, smiles, tmp_path
):
    model = classifier(
        random_state=np.random.RandomState(3), class_weight={1: 4.0}, lr=np.float64(0.1)
    )
    model.fit(smiles, np.arange(60) % 2)
    model.save(tmp_path / "model")
    again = MolGNNClassifier.load(tmp_path / "model").get_params()
    assert again["random_state"] is None
    assert again["class_weight"] == {0: 1.0, 1: 4.0}
    assert again["lr"] == 0.1


def test_several_targets_stay_a_table_of_columns(regressor, smiles, table, tmp_path):
    y = table[["logS"]].assign(double=2 * table["logS"])
    for name, given in (("two", y), ("tall", y[["logS"]]), ("flat", y["logS"])):
        model = regressor(epochs=1).fit(smiles, given)
        model.save(tmp_path / name)
        again = MolGNNRegressor.load(tmp_path / name).predict(smiles)
        np.testing.assert_array_equal(again, model.predict(smiles))


def test_bundled_models_and_runs_can_be_loaded(smiles, tmp_path):
    bundled = MolGNNRegressor.load("solubility")
    expected = molgnn.load("solubility", device="cpu").predict(smiles)["logS"]
    np.testing.assert_allclose(bundled.predict(smiles), expected)
    assert bundled.encoder == molgnn.load("solubility").card["model"]["encoder"]
    path = tmp_path / "mine.csv"
    rows = [f"{text},{i % 3}" for i, text in enumerate(smiles)]
    path.write_text("\n".join(["smiles,kind", *rows]) + "\n")
    tiny = {"model": "network", "encoder": {"name": "dmpnn", "dim": 8, "depth": 1}}
    tiny |= {"epochs": 1, "baseline": False}
    run = molgnn.fit(path, "kind", kind="multiclass", split="random", out=tmp_path / "run", **tiny)
    model = MolGNNClassifier.load(run.folder)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.encoder == {"name": "dmpnn", "dim": 8, "depth": 1}
    np.testing.assert_allclose(model.predict_proba(smiles), run.model.predict(smiles).iloc[:, :3])


def test_a_bundle_of_another_kind_is_refused_in_one_line(fitted, regressor, smiles, tmp_path):
    fitted("classifier").save(tmp_path / "classes")
    with pytest.raises(
        ValueError, match=r"predicts y \(multiclass\): load it with MolGNNClass"
    ) as e:
        MolGNNRegressor.load(tmp_path / "classes")
    assert "\n" not in str(e.value)
    with pytest.raises(ValueError, match=r"logS \(regression\): load it with MolGNNRegressor, not"):
        MolGNNClassifier.load("solubility")
    with pytest.raises(ValueError, match="unknown model 'nowhere'"):
        MolGNNRegressor.load("nowhere")
    (tmp_path / "mixed.csv").write_text("smiles,a,b\nC,0,0.5\nCC,1,1.5\nCCC,1,2\nCCCC,0,3\n")
    tiny = {"model": "network", "encoder": {"name": "dmpnn", "dim": 8, "depth": 1}}
    tiny |= {"epochs": 1, "baseline": False}
    split = {"name": "random", "sizes": [1.0, 0.0, 0.0]}
    run = molgnn.fit(tmp_path / "mixed.csv", ["a", "b"], split=split, out=tmp_path / "run", **tiny)
    for kind in (MolGNNRegressor, MolGNNClassifier):
        with pytest.raises(ValueError, match=r"load it with molgnn\.load, not with"):
            kind.load(run.folder)


@pytest.mark.parametrize(
    "damage, said",
    [
        ({"sklearn": 3}, "damaged: 'sklearn' tells of no estimator"),
        ({"sklearn": {"params": [1]}}, "damaged: 'sklearn' tells of no estimator"),
        ({"sklearn": {"classes": "<i8"}}, "damaged: its classes are no <i8"),
        ({"sklearn": {"classes": "no type"}}, "damaged: its classes are no"),
    ],
)
def test_a_damaged_account_of_the_estimator_is_refused(fitted, damage, said, tmp_path):
    fitted("classifier").save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(ValueError, match=said):
        MolGNNClassifier.load(tmp_path / "model")


def test_nothing_is_overwritten_unless_forced(fitted, smiles, tmp_path):
    model = fitted("regressor")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty: give another folder, or force=True"):
        model.save(tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        model.save(tmp_path / "notes.txt")
    model.save(tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    np.testing.assert_array_equal(
        MolGNNRegressor.load(tmp_path).predict(smiles), model.predict(smiles)
    )


@pytest.mark.parametrize("text", [None, "no parquet"])
def test_a_bundle_without_its_molecules_is_refused(text, regressor, smiles, table, tmp_path):
    regressor(model="mean").fit(smiles, table["logS"]).save(tmp_path / "kept")
    path = tmp_path / "kept" / "training.parquet"
    path.unlink()
    if text:
        path.write_text(text)
    with pytest.raises(ValueError, match=r"training\.parquet: not readable"):
        MolGNNRegressor.load(tmp_path / "kept")
