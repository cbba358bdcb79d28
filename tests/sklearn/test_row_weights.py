"""Weights of rows and of classes: what a weight of 0, 2 or 21 does."""

import numpy as np
import pytest
from sklearn.base import clone

BOTH = pytest.mark.parametrize("kind", ["regressor", "classifier"])


@BOTH
def test_a_row_of_weight_zero_is_as_good_as_absent(fitted, kind, smiles, table, soluble, outputs):
    y = table["logS"].tolist() if kind == "regressor" else soluble
    wrong = "other" if kind == "classifier" else 1e6
    expected = fitted(kind).fit(smiles, y)
    X, weight = ["not a molecule", *smiles, "CCO"], [0] + [1] * 60 + [0]
    model = clone(expected).fit(X, [wrong, *y, wrong], sample_weight=weight)
    np.testing.assert_array_equal(outputs(model, smiles), outputs(expected, smiles))
    assert model.model_.tasks == expected.model_.tasks


@pytest.mark.parametrize("batch_size", [3, 64])
def test_a_heavy_row_pulls_the_predictions_whatever_the_batch(regressor, batch_size):
    X, y = ["CCO"] * 8, [0.0] * 7 + [1.0]
    made = regressor(batch_size=batch_size, epochs=40, validation_fraction=0.0, lr=5e-3)
    plain = made.fit(X, y).predict(X)[0]
    heavy = made.fit(X, y, sample_weight=[1.0] * 7 + [21.0]).predict(X)[0]
    assert plain == pytest.approx(1 / 8, abs=0.12)
    assert heavy == pytest.approx(21 / 28, abs=0.12)


@pytest.mark.parametrize("target_transform", ["standardize", "rank"])
def test_weight_two_is_two_rows(regressor, smiles, table, target_transform):
    """With all rows in one batch, and up to the last digits of single precision."""
    y, weight = table["logS"].to_numpy(), np.arange(60) % 3
    twice = np.repeat(np.arange(60), weight)
    made = regressor(
        batch_size=200, epochs=5, validation_fraction=0.0, target_transform=target_transform
    )
    repeated = clone(made).fit(np.array(smiles)[twice], y[twice])
    weighted = clone(made).fit(smiles, y, sample_weight=weight)
    np.testing.assert_allclose(weighted.predict(smiles), repeated.predict(smiles), atol=1e-4)
    if target_transform == "standardize":
        assert weighted.model_.tasks[0].mean == pytest.approx(y[twice].mean())
        assert weighted.model_.tasks[0].std == pytest.approx(y[twice].std())
    else:
        np.testing.assert_allclose(weighted.model_.tasks[0].knots, repeated.model_.tasks[0].knots)


def test_weight_two_is_two_rows_for_balanced_classes(classifier, smiles, soluble):
    weight = np.arange(60) % 3
    twice = np.repeat(np.arange(60), weight)
    made = classifier(batch_size=200, validation_fraction=0.0, class_weight="balanced")
    repeated = clone(made).fit(np.array(smiles)[twice], np.array(soluble)[twice])
    weighted = clone(made).fit(smiles, soluble, sample_weight=weight)
    np.testing.assert_allclose(
        weighted.predict_proba(smiles), repeated.predict_proba(smiles), atol=1e-5
    )


def test_equal_weights_are_none_and_only_ratios_matter(regressor, smiles, table):
    y, weight = table["logS"], np.linspace(1, 2, 60)
    plain = regressor().fit(smiles, y).predict(smiles)
    for equal in (3.0, np.full(60, 1e-9)):
        np.testing.assert_array_equal(
            regressor().fit(smiles, y, sample_weight=equal).predict(smiles), plain
        )
    one = regressor().fit(smiles, y, sample_weight=weight).predict(smiles)
    other = regressor().fit(smiles, y, sample_weight=weight * 1e-12).predict(smiles)
    np.testing.assert_allclose(one, other, rtol=1e-5)
    assert np.abs(one - plain).max() > 1e-6


@pytest.mark.parametrize(
    "weight, said",
    [
        ([1.0, 2.0], r"shape \(2,\): must have shape \(3,\)"),
        ([1.0, -1.0, 1.0], "-1: negative weights"),
        ([0.0, 0.0, 0.0], "at least one non-zero"),
        ([0.0, 0.0, 1.0], "1 sample.* minimum of 2"),
        ([1.0, np.nan, 1.0], "sample_weight contains NaN"),
    ],
)
def test_weights_that_are_none_are_refused(regressor, weight, said):
    with pytest.raises(ValueError, match=said):
        regressor().fit(["C", "CC", "CCC"], [1, 2, 3], sample_weight=weight)


def test_class_weights_pull_towards_a_class(classifier, smiles):
    y = np.where(np.arange(60) % 10 == 0, "rare", "often")

    def mean(class_weight):
        model = classifier(class_weight=class_weight, epochs=8, lr=0.01).fit(smiles, y)
        return model.predict_proba(smiles)[:, 1].mean()

    none, balanced, asked = mean(None), mean("balanced"), mean({"rare": 9.0})
    assert none < 0.3 < balanced < 0.7
    assert asked > none + 0.2
    with pytest.raises(ValueError, match="not in class_weight"):
        mean({"scarce": 2.0})
    with pytest.raises(ValueError, match="balanced"):
        mean("even")
