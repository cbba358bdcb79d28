"""Linear models beside scikit-learn's own predictions; classes that are never seen; damage."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from molgnn.errors import Refusal
from molgnn.models.shallow.boosting import NEVER
from molgnn.models.shallow.linear import PENALTY, Linear, fit_linear

COUNT = np.arange(12) < 8


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.4, (90, 8)).astype(np.float32)
    others = np.float32(10.0) ** rng.normal(0, 4, (90, 4)).astype(np.float32)
    others[:, 3] = 7.0  # never changes
    return np.concatenate([counts, others], axis=1)


def scaled(x):
    """The features as the docstring says, by hand."""
    bent = np.arcsinh(x.astype(np.float64))
    z = 0.8 * bent
    z[:, 8:11] = (bent[:, 8:11] - bent[:, 8:11].mean(axis=0)) / bent[:, 8:11].std(axis=0)
    z[:, 11] = 0.0
    return np.clip(z, -5, 5)


@pytest.mark.parametrize("weight", [None, np.linspace(0.2, 3, 90)])
def test_ridge_gives_what_scikit_learn_predicts(x, weight):
    y = x[:, 0] - 0.1 * np.arcsinh(x[:, 9]) + np.random.default_rng(1).normal(0, 0.1, 90)
    found = fit_linear(x, y, 0, weight, COUNT).sums(x)[:, 0]
    z = scaled(x)
    wanted = Ridge(PENALTY).fit(z, y, sample_weight=weight).predict(z)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert np.corrcoef(found, y)[0, 1] > 0.6


@pytest.mark.parametrize("classes", [2, 3])
def test_logits_give_the_probabilities_of_scikit_learn(x, classes):
    y = np.digitize(x[:, 0] + x[:, 1], [0.5, 1.5])[:90] % classes
    sums = fit_linear(x, y, classes, None, COUNT).sums(x)
    assert sums.shape == (90, 1 if classes == 2 else 3)
    z = scaled(x)
    wanted = LogisticRegression(C=1 / PENALTY, max_iter=2000, tol=1e-8).fit(z, y).predict_proba(z)
    logits = np.concatenate([np.zeros((90, 1)), sums], axis=1) if classes == 2 else sums
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), wanted, atol=1e-3)


def test_a_class_without_a_molecule_is_never_predicted(x):
    y = np.where(x[:, 0] > 0, 2, 0)
    sums = fit_linear(x, y, 4, None, COUNT).sums(x)
    assert (sums[:, [1, 3]] == NEVER).all()
    lead = sums[:, 2] - sums[:, 0]
    assert lead[y == 2].mean() > lead[y == 0].mean() + 0.1


def test_no_bit_depends_on_the_other_rows_or_on_their_layout(x):
    model = fit_linear(x, x[:, 0], 0, None, COUNT)
    whole = model.sums(x)
    np.testing.assert_array_equal(model.sums(np.asfortranarray(x)), whole)
    np.testing.assert_array_equal(np.concatenate([model.sums(row[None]) for row in x]), whole)


def test_a_feature_far_beyond_the_training_molecules_is_only_far(x):
    model = fit_linear(x, x[:, 0], 0, None, COUNT)
    x[:, 8:] = np.float32(3e38)
    assert np.abs(model.sums(x)).max() < 100


@pytest.mark.parametrize("name", ["middle", "scale", "weight", "start"])
@pytest.mark.parametrize(
    "damage", [lambda a: a[:-1], lambda a: a.astype(np.float32), lambda a: a * np.nan]
)
def test_damaged_arrays_are_refused(x, name, damage):
    arrays = fit_linear(x, x[:, 0], 0, None, COUNT).arrays()
    Linear(**arrays).check(12, 1)
    with pytest.raises(Refusal, match="its linear model is damaged"):
        Linear(**arrays | {name: damage(arrays[name])}).check(12, 1)
