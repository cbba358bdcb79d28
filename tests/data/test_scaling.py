"""Transforms of labels: there and back, in the user's units."""

import numpy as np
import pytest
from scipy.stats import norm, rankdata
from sklearn.preprocessing import QuantileTransformer

from molgnn.data.scaling import TRANSFORMS, by_their_look, decode, encode, fitted
from molgnn.data.targets import Task
from molgnn.errors import Refusal

NAN = float("nan")


def task(transform, labels, **given):
    scale = fitted("y", transform, labels)
    return Task("y", "regression", transform=transform, **scale, **given)


@pytest.fixture
def labels():
    return np.random.default_rng(0).lognormal(0, 2, 400)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_is_encoded_decodes_to_the_label(transform, labels):
    it = task(transform, labels)
    back = decode(encode(labels[:, None], [it]), [it])
    np.testing.assert_allclose(back[:, 0], labels, rtol=2e-4)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_missing_labels_stay_missing_and_order_is_kept(transform, labels):
    it = task(transform, labels)
    found = encode(np.array([[1.0], [NAN], [2.0], [0.5]]), [it])[:, 0]
    assert np.isnan(found[1])
    assert found[3] < found[0] < found[2]


@pytest.mark.parametrize("transform", ["standardize", "log10"])
def test_a_network_learns_labels_of_mean_0_and_deviation_1(transform, labels):
    found = encode(labels[:, None], [task(transform, labels)])
    assert found.mean() == pytest.approx(0, abs=1e-5)
    assert found.std() == pytest.approx(1, rel=1e-5)


def test_log10_is_the_logarithm(labels):
    it = task("log10", labels)
    assert (it.mean, it.std) == pytest.approx((np.log10(labels).mean(), np.log10(labels).std()))
    assert decode(np.array([[0.0]]), [it])[0, 0] == pytest.approx(10 ** np.log10(labels).mean())


@pytest.mark.parametrize("bad", [0.0, -3.0])
def test_a_label_without_a_logarithm_is_refused_wherever_it_stands(bad, labels):
    with pytest.raises(Refusal, match=f"'y' holds {bad:g}, which has no logarithm"):
        task("log10", np.append(labels, bad))
    with pytest.raises(Refusal, match=f"'y' holds {bad:g}, which has no logarithm"):
        encode(np.array([[1.0], [bad], [NAN]]), [task("log10", labels)])


def test_rank_gives_normal_scores_of_mid_ranks():
    labels = np.array([3.0, 1, 1, 10, 2, 2, 2])
    expected = norm.ppf((rankdata(labels) - 0.5) / 7)
    found = encode(labels[:, None], [task("rank", labels)])[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_rank_of_many_labels_is_near_sklearns_quantile_transform():
    labels = np.random.default_rng(1).gamma(1.0, size=5000)
    oracle = QuantileTransformer(n_quantiles=1000, output_distribution="normal")
    expected = oracle.fit_transform(labels[:, None])[:, 0]
    it = task("rank", labels)
    assert len(it.knots) <= 513
    inner = np.abs(expected) < 2
    found = encode(labels[:, None], [it])[:, 0]
    np.testing.assert_allclose(found[inner], expected[inner], atol=0.02)


def test_rank_predicts_nothing_beyond_the_training_labels(labels):
    found = decode(np.array([[-50.0], [50.0]]), [task("rank", labels)])[:, 0]
    np.testing.assert_allclose(found, [labels.min(), labels.max()])


def test_quantiles_come_out_sorted_with_the_median_first(labels):
    it = task("log10", labels, quantiles=(0.05, 0.5, 0.95))
    crossed = decode(np.array([[0.5, -1.0, 0.2]]), [it])[0]
    assert crossed[1] < crossed[0] < crossed[2]
    assert it.columns == ["y", "y_q0.05", "y_q0.95"]


def test_a_decoded_logarithm_is_never_infinite(labels):
    assert np.isfinite(decode(np.array([[1e9]]), [task("log10", labels)])).all()


def test_a_task_comes_back_from_json_and_a_damaged_one_does_not(labels):
    it = task("rank", labels[:5], quantiles=(0.1, 0.5), level="atom")
    plain = it.to_json()
    assert Task.from_json(plain) == it
    old = {key: plain[key] for key in ("name", "kind", "unit", "classes", "mean", "std")}
    assert Task.from_json(old).transform == "standardize"
    wrong = [
        {"knots": [[1.0, 0.0]]},
        {"knots": [[1.0, 0.0], [1.0, 1.0]]},
        {"knots": [[1.0, 0.0], [2.0, float("nan")]]},
        {"quantiles": [0.5, 0.1]},
        {"quantiles": [0.1, 0.9]},
        {"quantiles": [0.5, 1.5]},
        {"level": "residue"},
        {"transform": "exp"},
        {"std": 0.0},
        {"std": float("inf")},
        {"std": True},
        {"name": ""},
        {"name": 5},
        {"name": "reason"},
        {"std": float("nan")},
        {"mean": float("inf")},
        {"kind": "ordinal"},
    ]
    for change in wrong:
        with pytest.raises(ValueError, match="describes no task"):
            Task.from_json(plain | change)


def test_auto_ranks_skewed_labels_and_standardizes_the_others(labels):
    assert by_their_look(labels) == by_their_look(-labels) == "rank"
    assert by_their_look(np.log(labels)) == "standardize"
    assert by_their_look(labels[:49]) == "standardize"  # few labels say little of their skewness
    weight = np.where(labels > np.median(labels), 1e-9, 1.0)
    half = labels[labels <= np.median(labels)]
    assert by_their_look(labels, weight) == by_their_look(half)
    draws = np.random.default_rng(1).gamma(4.0, size=100_000)  # of skewness 2 / sqrt(4)
    assert by_their_look(draws) == "standardize"
    draws = np.random.default_rng(1).gamma(1.0, size=100_000)
    assert by_their_look(draws) == "rank"


def test_the_deviation_of_tiny_labels_is_not_lost(labels):
    known = labels[~np.isnan(labels)] - 3.0
    whole = fitted("y", "standardize", known)["std"]
    assert fitted("y", "standardize", known * 1e-200)["std"] == pytest.approx(whole * 1e-200)
