"""The paired test: its formula by hand, and its errors where there is nothing to find."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_rel

from molgnn.train.paired import compare, corrected_t

A = [0.80, 0.90, 0.70, 1.00]
B = [0.70, 0.84, 0.68, 0.90]


def test_the_formula_by_hand():
    d = np.array([-0.10, -0.06, -0.02, -0.10])
    mean = (-0.10 - 0.06 - 0.02 - 0.10) / 4  # -0.07
    variance = (0.03**2 + 0.01**2 + 0.05**2 + 0.03**2) / 3  # 0.0044 / 3
    error = math.sqrt((1 / 4 + 1 / 3) * variance)  # four folds: a third of the rest is the fold
    t, half, p = corrected_t(d, 1 / 3)
    assert t == pytest.approx(mean / error)
    assert t == pytest.approx(-2.3932, abs=1e-4)
    assert half == pytest.approx(3.182446 * error)  # t of 3 degrees of freedom, from a table
    # With 3 degrees of freedom the distribution function is elementary.
    x = abs(t) / math.sqrt(3)
    inside = 2 / math.pi * (x / (1 + x * x) + math.atan(x))
    assert p == pytest.approx(1 - inside)


def test_without_the_correction_it_is_the_plain_paired_test():
    t, _, p = corrected_t(np.subtract(B, A), 0)
    plain = ttest_rel(B, A)
    assert (t, p) == pytest.approx((plain.statistic, plain.pvalue))


def test_without_the_correction_it_agrees_with_the_flips_of_all_signs():
    d = np.random.default_rng(1).normal(0.35, 1, size=14)
    flipped = [abs(np.dot(signs, d)) for signs in product((1, -1), repeat=len(d))]
    permuted = np.mean(np.array(flipped) >= abs(d.sum()) - 1e-12)
    assert corrected_t(d, 0)[2] == pytest.approx(permuted, abs=0.02)


def test_of_equals_it_finds_one_in_twenty_different_where_the_plain_test_finds_half():
    """Differences with the correlation that overlapping training sets are taken to give."""
    folds, n = 5, 25
    ratio = 1 / (folds - 1)
    shared = ratio / (1 + ratio)  # n_test / (n_test + n_train)
    rng = np.random.default_rng(0)
    trials = np.sqrt(shared) * rng.normal(size=(2000, 1)) + np.sqrt(1 - shared) * rng.normal(
        size=(2000, n)
    )
    corrected, plain = (
        np.mean([corrected_t(d, ratio_)[2] < 0.05 for d in trials]) for ratio_ in (ratio, 0)
    )
    assert corrected == pytest.approx(0.05, abs=0.015)
    assert plain > 0.4


@pytest.mark.parametrize("metric, better", [("rmse", "b"), ("roc_auc", "a")])
def test_what_is_better_depends_on_the_metric(metric, better):
    found = compare(A * 4, B * 4, 0.1, metric=metric)
    assert found.better == better
    assert found.wins == {"a": 0, "b": 0} | {better: 16}
    assert found.difference == pytest.approx(-0.07)
    other = "a" if better == "b" else "b"
    assert found.words().startswith(f"{better} is better than {other} by 0.0700 {metric} (95 % CI ")
    assert found.words().endswith(f"p < 0.001); of 16 folds a better on {found.wins['a']}, "
                                  f"b better on {found.wins['b']}")  # fmt: skip


def test_exchanging_the_sides_changes_the_sign_alone():
    one, two = compare(A, B, 0.3, metric="mae"), compare(B, A, 0.3, metric="mae", names=("b", "a"))
    assert (one.difference, one.low, one.high) == (-two.difference, -two.high, -two.low)
    assert (one.p, one.wins) == (two.p, two.wins)


def test_no_difference_is_called_none():
    found = compare(A, A, 0.25, metric="rmse")
    assert (found.p, found.better, found.ties) == (1.0, None, 4)
    assert found.words() == (
        "no difference shown: b - a = +0.0000 rmse (95 % CI +0.0000 to +0.0000, p = 1.000); "
        "of 4 folds a better on 0, b better on 0, equal on 4"
    )


def test_one_fold_shows_nothing():
    found = compare([1.0], [0.5], 0.25, metric="rmse")
    assert (found.p, found.low, found.better) == (None, None, None)
    assert "one fold shows no difference" in found.words()
