"""Estimators of every kind of model: fitted, kept, loaded, the same numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import molgnn
from molgnn.sklearn import MolGNNClassifier, MolGNNRegressor
from molgnn.train.parts import MODELS

FOREST = {"name": "forest", "features": ["morgan"], "trees": 20}
FEW = {
    "network": "network",
    "hybrid": {"name": "hybrid", "network_features": ["avalon"]},
    "blend": {"name": "blend", "network_features": ["avalon"], "features": ["morgan"]},
    "boosting": {"name": "boosting", "features": ["morgan", "erg"]},
    "linear": {"name": "linear", "features": ["morgan", "rdkit2d"]},
    "forest": FOREST,
    "neighbours": "neighbours",
    "mean": "mean",
}
OWNER = {"regressor": MolGNNRegressor, "classifier": MolGNNClassifier}


def test_there_is_a_small_form_of_every_model():
    assert set(FEW) == set(MODELS)


@pytest.mark.parametrize("kind", OWNER)
@pytest.mark.parametrize("model", FEW)
def test_every_model_is_fitted_kept_and_loaded_with_the_same_bits(
    model, kind, fitted, outputs, smiles, tmp_path
):
    estimator = fitted(kind, model=FEW[model])
    found = outputs(estimator, smiles)
    assert len(found) == len(smiles)
    assert np.isfinite(found).all()
    assert bool(estimator.history_) == (model in ("network", "hybrid", "blend"))
    estimator.save(tmp_path / "kept")
    again = OWNER[kind].load(tmp_path / "kept")
    np.testing.assert_array_equal(outputs(again, smiles), found)
    assert again.model == FEW[model]
    plain = molgnn.load(tmp_path / "kept").predict(smiles)
    column = plain[again.model_.columns[0]].to_numpy()
    first = found if found.ndim == 1 else found[:, 0]
    np.testing.assert_allclose(column, first, atol=1e-12)
    again.save(tmp_path / "anew")
    np.testing.assert_array_equal(outputs(OWNER[kind].load(tmp_path / "anew"), smiles), found)


@pytest.mark.parametrize("model", ["forest", "neighbours", "boosting"])
def test_a_model_without_a_graph_learns(model, regressor, smiles, table):
    estimator = regressor(model=FEW[model]).fit(smiles, table["logS"])
    assert np.corrcoef(estimator.predict(smiles), table["logS"])[0, 1] > 0.6


@pytest.mark.parametrize("model", ["forest", "boosting", "neighbours", "mean"])
def test_sample_weights_reach_models_without_a_graph(model, regressor, smiles, table):
    weight = np.where(np.arange(len(smiles)) < 30, 0.01, 1.0)
    plain = regressor(model=FEW[model]).fit(smiles, table["logS"]).predict(smiles)
    counted = regressor(model=FEW[model]).fit(smiles, table["logS"], weight).predict(smiles)
    assert np.abs(plain - counted).max() > 1e-3


def test_missing_labels_of_several_targets(regressor, smiles, table):
    y = pd.DataFrame({"a": table["logS"], "b": -table["logS"]})
    y.loc[::3, "a"] = np.nan
    found = regressor(model=FOREST).fit(smiles, y).predict(smiles)
    assert found.shape == (len(smiles), 2)
    assert np.isfinite(found).all()


def test_quantiles_of_a_blend_are_the_networks(regressor, smiles, table):
    estimator = regressor(model=FEW["blend"], loss="quantile").fit(smiles, table["logS"])
    assert np.isfinite(estimator.predict(smiles)).all()
    assert estimator.model_.blocks == ("avalon",)
    with pytest.raises(ValueError, match="choose model=network"):
        regressor(model="forest", loss="quantile").fit(smiles, table["logS"])


@pytest.mark.parametrize(
    "model, said",
    [
        ("forrest", "unknown model 'forrest'"),
        (3, "model=3: give a name"),
        ({"name": "forest", "tree": 3}, "model.tree"),
        ({"name": "forest", "features": ["mordred"]}, "mordred"),
    ],
)
def test_a_model_that_is_none_is_a_value_error(model, said, regressor, smiles, table):
    with pytest.raises(ValueError, match=said):
        regressor(model=model).fit(smiles, table["logS"])


def test_models_can_be_searched_over(regressor, smiles, table):
    grid = {"model": ["mean", FOREST]}
    search = GridSearchCV(clone(regressor()), grid, cv=2).fit(smiles, table["logS"])
    assert search.best_params_ == {"model": FOREST}


def test_a_run_of_a_forest_is_loaded_as_an_estimator(tmp_path, smiles, table):
    path = tmp_path / "mine.csv"
    table.to_csv(path, index=False)
    few = {"name": "forest", "features": ["morgan"], "trees": 5}
    run = molgnn.fit(path, "logS", model=few, out=tmp_path / "run", baseline=False)
    estimator = MolGNNRegressor.load(run.folder)
    np.testing.assert_array_equal(
        estimator.predict(smiles), run.model.predict(smiles)["logS"].to_numpy()
    )
    assert estimator.model["parts"] == ["forest"]
    assert clone(estimator).fit(smiles, table["logS"]).model_.shallow[0].kind == "forest"


@pytest.mark.parametrize("model", ["linear", "forest", "neighbours", "hybrid"])
def test_salts_are_learnt_from_as_the_parents_that_are_predicted(model, regressor, smiles, table):
    salts = [f"{text}.Cl" if i % 2 else f"[Na+].{text}" for i, text in enumerate(smiles)]
    found = regressor(model=FEW[model]).fit(salts, table["logS"]).predict(smiles)
    parents = regressor(model=FEW[model]).fit(list(smiles), table["logS"]).predict(smiles)
    np.testing.assert_array_equal(found, parents)
