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
