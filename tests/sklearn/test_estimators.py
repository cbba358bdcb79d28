"""Estimators at work: parameters, training, and scikit-learn's tools around them."""

import copy
import pickle
import random
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from rdkit import Chem
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from molgnn.chem.graph import featurize
from molgnn.sklearn import MolGNNClassifier, MolGNNRegressor

ROOT = Path(__file__).parents[2]
BOTH = pytest.mark.parametrize("kind", ["regressor", "classifier"])


@pytest.mark.parametrize("estimator", [MolGNNRegressor, MolGNNClassifier])
def test_parameters_are_kept_as_given_and_cloned(estimator):
    given = {"encoder": {"name": "gin", "dim": 16}, "epochs": 7, "lr": 0.01, "random_state": 3}
    made = estimator(**given)
    assert {key: made.get_params()[key] for key in given} == given
    copied = clone(made)
    assert copied.get_params() == made.get_params()
    assert copied.encoder is not made.encoder
    assert made.set_params(epochs=9) is made
    assert made.epochs == 9


def test_estimators_are_made_and_listed_without_torch_and_molgnn_without_scikit_learn():
    code = (
        "import sys, molgnn\n"
        "assert not {'sklearn', 'torch', 'rdkit'} & set(sys.modules)\n"
        "from molgnn.sklearn import MolGNNClassifier, MolGNNRegressor\n"
        "from sklearn.base import clone\n"
        "clone(MolGNNRegressor(epochs=3)).get_params(); repr(MolGNNClassifier())\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_numbers_of_numpy_are_numbers(regressor, smiles, table):
    encoder = {"name": "dmpnn", "dim": np.int64(8), "depth": 1, "dropout": np.float32(0.0)}
    numpys = {"encoder": encoder, "epochs": np.int64(2), "lr": np.float64(1e-3)}
    found = regressor(**numpys, validation_fraction=np.float32(0.0)).fit(smiles, table["logS"])
    plain = regressor(validation_fraction=0.0).fit(smiles, table["logS"])
    np.testing.assert_array_equal(found.predict(smiles), plain.predict(smiles))


@pytest.mark.parametrize(
    "params, said",
    [
        ({"epochs": 0}, "epochs=0: must be at least 1"),
        ({"epochs": True}, "epochs=True: must be a number"),
        ({"batch_size": 1.5}, "must be a whole number"),
        ({"lr": -1.0}, "lr must be positive"),
        ({"lr": "fast"}, "lr=fast: must be a number"),
        ({"encoder": "transformer"}, "unknown encoder 'transformer': choose one of .*dmpnn"),
        ({"encoder": 3}, "encoder=3: give a name, or a mapping"),
        ({"encoder": {"name": "gin", "width": 3}}, "width.*choose one of"),
        ({"readout": "median"}, "unknown readout"),
        ({"head": {"name": "mlp", "layers": -1}}, "head.layers=-1: too small"),
        (
            {"loss": "cross_entropy"},
            "unknown loss 'cross_entropy': choose one of evidential, huber, l1, l2",
        ),
        ({"loss": 2}, "loss=2: give a name, or a mapping"),
        ({"target_transform": "sqrt"}, "choose one of auto, log10, none, rank, standardize"),
        ({"target_transform": "log10"}, "has no logarithm"),
        ({"recipe": "wash"}, "'wash'.*neutral, none, parent, tautomer"),
        ({"validation_fraction": 1.0}, "must be at least 0 and below 1"),
        ({"validation_fraction": None}, "validation_fraction=None: must be a number"),
        ({"patience": -1}, "patience=-1: must not be negative"),
        ({"members": 0}, "members=0"),
        ({"random_state": "one"}, "random_state|RandomState"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_a_value_error_of_fit(regressor, params, said):
    made = regressor(**params)
    with pytest.raises(ValueError, match=said) as refused:
        made.fit(["C", "CC", "CCC"], [-1.0, 1.0, 2.0])
    assert "\n" not in str(refused.value)
    assert not hasattr(made, "model_")


def test_a_part_of_the_rows_chooses_the_epoch(regressor, smiles, table):
    model = regressor(validation_fraction=0.25, epochs=4).fit(smiles, table["logS"])
    parts = model._source.parts
    assert (len(parts.train), len(parts.valid)) == (45, 15)
    assert sorted([*parts.train, *parts.valid]) == list(range(60))
    ((*rows,),) = model.history_
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert all(np.isfinite(row["valid_loss"]) for row in rows)
    none = regressor(validation_fraction=0.0).fit(smiles, table["logS"])
    assert len(none._source.parts.valid) == 0
    assert [row["valid_loss"] for row in none.history_[0]] == [None, None]
    few = regressor(validation_fraction=0.1).fit(smiles[:9], table["logS"][:9])
    assert len(few._source.parts.valid) == 0


def test_patience_ends_the_training_early(regressor, smiles, table):
    made = regressor(validation_fraction=0.3, epochs=60, lr=0.05, patience=2)
    rows = made.fit(smiles, table["logS"]).history_[0]
    best = int(np.argmin([row["valid_loss"] for row in rows])) + 1
    assert len(rows) == best + 2 < 60


def test_every_class_stays_in_training(classifier, smiles):
    y = ["often"] * 50 + ["seldom"] * 9 + ["once"]
    parts = classifier(validation_fraction=0.5).fit(smiles, y)._source.parts
    counts = {name: sum(y[row] == name for row in parts.valid) for name in set(y)}
    assert counts == {"often": 25, "seldom": 4, "once": 0}


@BOTH
def test_the_same_random_state_gives_the_same_predictions(fitted, kind, smiles, outputs):
    first = outputs(fitted(kind, random_state=5), smiles)
    np.testing.assert_array_equal(outputs(fitted(kind, random_state=5), smiles), first)
    assert np.abs(outputs(fitted(kind, random_state=6), smiles) - first).max() > 1e-6
    drawn = [outputs(fitted(kind, random_state=None), smiles) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-6
    states = [np.random.RandomState(5) for _ in range(2)]
    found = [outputs(fitted(kind, random_state=state), smiles) for state in states]
    np.testing.assert_array_equal(*found)


def test_nothing_global_changes(fitted, smiles):
    def everything():
        return (
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            np.random.get_state()[1].tolist(),
            random.getstate(),
        )

    before = everything()
    fitted("regressor").predict(smiles)
    assert everything() == before


def test_an_ensemble_is_the_mean_of_its_members(fitted, smiles):
    model = fitted("regressor", members=3)
    assert len(model.history_) == 3
    graphs = featurize(smiles)[0]
    each = model.model_.predict_members(graphs)[:, :, 0]
    np.testing.assert_allclose(model.predict(smiles), each.mean(axis=0))
    assert each.std(axis=0).min() > 0


def test_quantiles_predict_their_median(regressor, smiles, table):
    loss = {"regression": "quantile", "quantiles": [0.1, 0.5, 0.9]}
    y = np.stack([table["logS"], -table["logS"]], axis=1)
    model = regressor(loss=loss).fit(smiles, y)
    frame = model.model_.predict(smiles)
    np.testing.assert_allclose(model.predict(smiles), frame[["y0", "y1"]])
    assert (frame["y0_q0.1"] <= frame["y0"]).all()


def test_progress_is_said_where_it_is_asked_for(fitted, capsys):
    fitted("regressor")
    assert capsys.readouterr() == ("", "")
    fitted("classifier", verbose=1, members=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("[MolGNNClassifier] member 1/2, epoch 1/2: loss ")
    assert "validation loss" in lines[0]


def test_a_real_fit_beats_the_mean(regressor):
    whole = pd.read_csv(ROOT / "data" / "solubility.csv").iloc[::4]
    train, test = whole.iloc[::2], whole.iloc[1::2]
    model = regressor(encoder={"name": "dmpnn", "dim": 32}, epochs=12, lr=5e-3)
    model.fit(train["smiles"], train["logS"])
    mean = DummyRegressor().fit(train["smiles"], train["logS"])
    assert mean.score(test["smiles"], test["logS"]) < 0.01
    assert model.score(test["smiles"], test["logS"]) > 0.5


def test_a_pipeline_may_standardise_first(regressor, smiles, table):
    def capped(texts):
        return [Chem.CanonSmiles(text) for text in texts]

    pipe = make_pipeline(FunctionTransformer(capped), regressor())
    written = [Chem.MolToSmiles(Chem.MolFromSmiles(t), canonical=False) for t in smiles]
    pipe.fit(written, table["logS"], molgnnregressor__sample_weight=np.arange(60) + 1.0)
    direct = regressor().fit(capped(smiles), table["logS"], sample_weight=np.arange(60) + 1.0)
    np.testing.assert_array_equal(pipe.predict(written), direct.predict(capped(smiles)))


def test_cross_validation_trains_on_each_part(regressor, classifier, smiles, table, soluble):
    scores = cross_val_score(regressor(), smiles, table["logS"], cv=KFold(3), error_score="raise")
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    probability = cross_val_predict(
        classifier(), table["smiles"], np.array(soluble), cv=2, method="predict_proba"
    )
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)


def search(estimator, jobs):
    grid = {"encoder": ["gin", {"name": "dmpnn", "dim": 8}], "lr": np.array([1e-3, 1e-2])}
    return GridSearchCV(estimator, grid, cv=2, n_jobs=jobs, error_score="raise")


def test_a_grid_is_searched_over_encoders_and_rates(regressor, table):
    found = search(regressor(epochs=1), None).fit(table["smiles"], table["logS"])
    assert len(found.cv_results_["params"]) == 4
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.predict(table["smiles"]).shape == (60,)


@pytest.mark.slow
def test_two_processes_search_as_one_does(regressor, table):
    one, two = (
        search(regressor(epochs=1), jobs).fit(table["smiles"], table["logS"]) for jobs in (None, 2)
    )
    np.testing.assert_allclose(
        two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"]
    )


@BOTH
def test_copies_of_a_fitted_estimator_predict_the_same(fitted, kind, smiles, tmp_path, outputs):
    model = fitted(kind, members=2)
    expected = outputs(model, smiles)
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        joblib.load(tmp_path / "model.joblib"),
    ):
        np.testing.assert_array_equal(outputs(again, smiles), expected)
        assert again.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        clone(model).predict(smiles)
