"""Small estimators and a small table for the tests of the estimators."""

from pathlib import Path

import pandas as pd
import pytest

from molgnn.sklearn import MolGNNClassifier, MolGNNRegressor

_SHIPPED = Path(__file__).parents[2] / "data" / "solubility.csv"
_TINY = {
    "model": "network",
    "validation_fraction": 0.1,
    "encoder": {"name": "dmpnn", "dim": 8, "depth": 1},
    "head": {"name": "mlp", "hidden": 16},
    "epochs": 2,
    "batch_size": 16,
    "random_state": 0,
    "accelerator": "cpu",
}


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """Sixty molecules of the shipped set: ``smiles``, ``logS``."""
    return pd.read_csv(_SHIPPED)[["smiles", "logS"]].iloc[::21][:60].reset_index(drop=True)


@pytest.fixture(scope="session")
def smiles(table) -> list[str]:
    return table["smiles"].tolist()


@pytest.fixture(scope="session")
def soluble(table) -> list[str]:
    """Classes of those molecules: high, low, middle."""
    return pd.cut(table["logS"], [-20, -3.5, -2, 20], labels=["low", "middle", "high"]).tolist()


@pytest.fixture(scope="session")
def regressor():
    """regressor(...) -> a tiny one, not fitted."""
    return lambda **params: MolGNNRegressor(**_TINY | params)


@pytest.fixture(scope="session")
def classifier():
    """classifier(...) -> a tiny one, not fitted."""
    return lambda **params: MolGNNClassifier(**_TINY | params)


@pytest.fixture
def fitted(regressor, classifier, smiles, table, soluble):
    """fitted("regressor" or "classifier", ...) -> a tiny one, fitted to the table."""

    def make(kind, **params):
        if kind == "regressor":
            return regressor(**params).fit(smiles, table["logS"])
        return classifier(**params).fit(smiles, soluble)

    return make


@pytest.fixture(scope="session")
def outputs():
    """outputs(estimator, X) -> probabilities if it has some, else predictions."""
    return lambda estimator, X: getattr(estimator, "predict_proba", estimator.predict)(X)
