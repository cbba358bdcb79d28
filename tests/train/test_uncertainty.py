"""Five ways to a standard deviation: options of a training, and no flag afterwards."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

import molgnn
from molgnn.chem.graph import featurize
from molgnn.data.levels import Levels
from molgnn.errors import Refusal
from molgnn.models.ensemble import Predictor
from molgnn.screen.annotate import annotate
from molgnn.screen.pipeline import screen
from molgnn.sklearn import MolGNNClassifier, MolGNNRegressor
from molgnn.train.kfold import NEVER, out_of_fold
from molgnn.train.options import LossOptions
from molgnn.train.reliability import figures_of_std

SAMPLED = {"name": "mlp", "dropout": 0.2, "samples": 4}
WAYS = {
    "mve": {"loss": "mve"},
    "evidential": {"loss": {"regression": "evidential", "evidence": 0.1}},
    "samples": {"head": SAMPLED},
}


@pytest.mark.parametrize("way", WAYS)
def test_predict_and_screen_say_what_was_judged_without_a_flag(way, fit, table, tmp_path):
    def enough_to_calibrate(rows):
        for row in rows[40:56]:
            row["split"] = "valid"

    run = fit(table(enough_to_calibrate), valid="judge", **WAYS[way])
    told = run.predictions
    assert run.model.calibration["y"].n == 28
    assert (told["y_std"] > 0).all()
    assert run.metrics["uncertainty"].keys() == {"valid", "test"}
    assert set(run.metrics["uncertainty"]["test"]["y"]) == {"spearman", "nll"}
    asked = run.model.predict(told["smiles"].tolist())
    np.testing.assert_array_equal(asked[["y", "y_std"]], told[["y", "y_std"]])
    library = tmp_path / "lib.smi"
    library.write_text("".join(f"{s} m{i}\n" for i, s in enumerate(told["smiles"])))
    hits = screen(run.folder, library, top=5, out=tmp_path / "hits", workers=0).hits
    best = told.set_index("smiles").loc[hits["smiles"], "y_std"]
    np.testing.assert_allclose(hits["y_std"], best, rtol=1e-6)
    annotate(run.model, library, tmp_path / "out.csv", workers=0)
    with open(tmp_path / "out.csv", newline="") as file:
        written = [float(row["y_std"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(written, told["y_std"], rtol=1e-4)


def test_without_such_an_option_nothing_is_said(fit, table):
    run = fit(table(), valid="judge", head={"name": "mlp", "dropout": 0.2})
    assert "uncertainty" not in run.metrics
    assert run.model.calibration == {}
    assert "y_std" not in run.predictions


@pytest.mark.parametrize("kind", ["active", "kind"])
def test_classes_are_sampled_too(kind, fit, table):
    as_asked = {"head": SAMPLED, "kind": "multiclass" if kind == "kind" else "binary"}
    run = fit(table(), kind, valid="judge", **as_asked)
    columns = run.model.columns
    assert (run.predictions[[f"{column}_std" for column in columns]] > 0).all(axis=None)
    assert run.metrics["uncertainty"] == {"valid": {}, "test": {}}


def test_an_ensemble_that_was_refitted_says_it_as_one(fit, table):
    run = fit(table(), valid="refit", members=2, loss="mve")
    graphs = featurize(run.predictions["smiles"].tolist())[0]
    means, own = run.model.answers(graphs)
    each, stds = (np.stack([m.molecule for m in levels]) for levels in (means, own))
    expected = np.sqrt(each.var(axis=0, ddof=1) + (stds**2).mean(axis=0))[:, 0]
    seen = (run.predictions["split"] == "test").to_numpy()
    np.testing.assert_allclose(run.predictions["y_std"][seen], expected[seen])
    assert (run.predictions["y_std"] > 0).all()


def test_out_of_fold_a_member_alone_has_its_own():
    graphs = featurize(["CC", "O", "CCC"])[0]
    each = [Levels.of(graphs, molecule=np.full((3, 2), m)) for m in (1.0, 3.0)]
    stds = [np.array([[0.5, np.nan]] * 3), np.array([[2.0, np.nan]] * 3)]
    own = [Levels.of(graphs, molecule=std) for std in stds]
    model = Predictor([], [])
    model.shallow = [0, 0]
    mean, spread = out_of_fold(model, each, np.array([0, 1, NEVER]), own)
    np.testing.assert_allclose(mean.molecule[:, 0], [1, 3, 2])
    np.testing.assert_allclose(spread.molecule[:, 0], [0.5, 2.0, np.sqrt(2 + (0.25 + 4) / 2)])
    np.testing.assert_allclose(spread.molecule[:, 1], [np.nan, np.nan, np.sqrt(2)])


def test_folds_and_bounds_and_a_blend_go_together(fit, table):
    def bound(rows):
        for row in rows[::5]:
            row["y"] = f">{row['y']}"

    few = {"name": "blend", "parts": ["network", "linear"], "features": ["avalon"]}
    run = fit(table(bound), folds=2, model=few, loss="evidential", transform="rank", epochs=2)
    assert run.model.num_members == 4
    assert (run.predictions["y_std"] > 0).all()
    assert np.isfinite(run.model.predict("CCO")["y_std"][0])


@pytest.mark.parametrize(
    "options, said",
    [
        ({"loss": "mve", "model": "forest"}, "how far 'y' may be off"),
        ({"head": {"name": "mlp", "samples": 20}}, "head.dropout"),
        ({"head": SAMPLED, "model": "forest"}, "no network in this model"),
        ({"loss": {"regression": "evidential", "evidence": -1}}, "loss.evidence"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(options, said, fit, table, tmp_path):
    with pytest.raises(Refusal, match=said):
        fit(table(), **options)
    assert not (tmp_path / "run").exists()


def test_weights_of_evidence_are_numbers():
    for weight in (float("nan"), float("inf")):
        with pytest.raises(Refusal, match="evidence"):
            LossOptions(evidence=weight)


def test_a_stopped_training_goes_on_to_the_same_weights(fit, table, weights):
    def stop(member, row):
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    asked = {"loss": "evidential", "head": SAMPLED, "ema": 0.9, "epochs": 2}
    with pytest.raises(KeyboardInterrupt):
        fit(table(), out="stopped", epoch_done=stop, **asked)
    stopped, whole = (fit(table(), out=out, **asked) for out in ("stopped", "whole"))
    assert weights(stopped) == weights(whole)


def test_estimators_of_scikit_learn_have_it_in_their_model(rows_of):
    frame = pd.DataFrame(rows_of())
    smiles, y = frame["smiles"].tolist(), frame["y"].astype(float)
    tiny = {"model": "network", "encoder": {"name": "gin", "dim": 8, "depth": 2}, "epochs": 2}
    found = MolGNNRegressor(loss="mve", **tiny).fit(smiles, np.stack([y, -y], axis=1))
    assert found.predict(smiles).shape == (80, 2)
    assert (found.model_.predict(smiles).filter(like="_std") > 0).all(axis=None)
    classes = MolGNNClassifier(head=SAMPLED, **tiny).fit(smiles, frame["kind"])
    assert classes.predict_proba(smiles).sum(axis=1) == pytest.approx(1)


def test_cross_validation_writes_it_down(table, tmp_path):
    tiny = {"model": "network", "encoder": {"name": "gin", "dim": 8, "depth": 2}, "epochs": 1}
    molgnn.evaluate(table(), "y", folds=2, repeats=1, loss="mve", out=tmp_path / "cv", **tiny)
    (path, *_) = sorted((tmp_path / "cv" / "predictions").glob("a-*.parquet"))
    assert (pd.read_parquet(path)["y_std"] > 0).all()


def test_figures_of_deviations():
    error, std = np.array([0.1, 0.5, 1.0, 2.0]), np.array([0.2, 0.4, 0.9, 3.0])
    found = figures_of_std(error, std)
    expected = 0.5 * np.log(2 * np.pi) + np.mean(np.log(std) + (error / std) ** 2 / 2)
    assert found == {"spearman": pytest.approx(1), "nll": pytest.approx(expected)}
    assert figures_of_std(error, np.zeros(4)) == {}


def test_the_config_of_a_bundle_says_what_the_head_says(fit, table):
    run = fit(table(), loss="mve", epochs=1)
    config = json.loads((run.folder / "model" / "config.json").read_text())
    assert [task["spread"] for task in config["tasks"]] == ["variance"]
