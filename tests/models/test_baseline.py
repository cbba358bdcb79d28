"""The random forest beside the network."""

import numpy as np
import pytest

from molgnn.data.targets import Task
from molgnn.models import baseline

TRAIN = ["C" * n for n in range(1, 25)]
LENGTH = np.arange(1.0, 25.0)


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    """Ten trees instead of 500: what is tested here does not depend on their number."""
    for name in ("RandomForestRegressor", "RandomForestClassifier"):
        full = getattr(baseline, name)
        monkeypatch.setattr(baseline, name, lambda n, full=full, **rest: full(10, **rest))


def fit(y, tasks, smiles=("CCCCC", "C" * 20), seed=0):
    return baseline.forest_predictions(TRAIN, np.stack(y, axis=1), smiles, tasks, seed)


def test_columns_are_values_and_probabilities_of_each_class():
    y = [LENGTH, (LENGTH > 12).astype(float), LENGTH // 9]
    tasks = [
        Task("a", "regression"),
        Task("b", "binary", classes=("0", "1")),
        Task("c", "multiclass", classes=("0", "1", "2", "3")),
    ]
    predicted = fit(y, tasks)
    assert predicted.shape == (2, 6)
    np.testing.assert_allclose(predicted[:, 2:].sum(axis=1), 1)
    assert not predicted[:, 5].any()  # class 3 has no molecule here, and keeps its column
    assert ((predicted[:, 1] >= 0) & (predicted[:, 1] <= 1)).all()


def test_missing_labels_are_left_out():
    holes = LENGTH.copy()
    holes[::2] = np.nan
    assert np.isfinite(fit([holes], [Task("a", "regression")])).all()


def test_the_same_seed_gives_the_same_forest():
    task = [Task("a", "regression")]
    np.testing.assert_array_equal(fit([LENGTH], task), fit([LENGTH], task))
    assert (fit([LENGTH], task, seed=1) != fit([LENGTH], task)).any()


def test_quantiles_of_the_forest_are_those_of_its_trees():
    task = Task("y", "regression", quantiles=(0.1, 0.5, 0.9))
    y = np.arange(len(TRAIN), dtype=float)[:, None]
    found = baseline.forest_predictions(TRAIN, y, TRAIN, [task], 0)
    assert found.shape == (len(TRAIN), 3)
    assert (found[:, 1] <= found[:, 0]).all()
    assert (found[:, 0] <= found[:, 2]).all()
    assert (found[:, 1] < found[:, 2]).any()


def test_atoms_are_predicted_as_the_mean_of_those_alike():
    known = np.array([[6, 1], [6, 1], [6, 2], [7, 1]])
    y = np.array([[1.0], [3.0], [np.nan], [10.0]])
    asked = np.array([[6, 1], [6, 2], [7, 1], [8, 9]])
    task = Task("q", "regression", level="atom")
    found = baseline.alike_predictions(known, y, asked, [task])[:, 0]
    np.testing.assert_allclose(found, [2, 2, 10, 14 / 3])  # by code, element, code, all


def test_classes_of_atoms_are_shares_of_those_alike():
    known, y = np.array([[6], [6], [6], [7]]), np.array([[0.0], [1.0], [1.0], [2.0]])
    three = Task("c", "multiclass", classes=("0", "1", "2"), level="atom")
    found = baseline.alike_predictions(known, y, np.array([[6], [7]]), [three])
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3, 0], [0, 0, 1]])
    two = Task("c", "binary", classes=("0", "1"), level="atom")
    found = baseline.alike_predictions(known, np.minimum(y, 1), np.array([[6]]), [two])
    np.testing.assert_allclose(found, [[2 / 3]])
