"""Figures of doubts, on made-up molecules whose truth is known."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from molgnn.models.calibration import ErrorScale
from molgnn.train.calibrate import fit_classes, fit_errors
from molgnn.train.reliability import (
    curve,
    expected_calibration_error,
    miscalibration_area,
    of_classes,
    of_intervals,
    of_sets,
    quintiles,
)


def normal(n, seed=0):
    rng = np.random.default_rng(seed)
    std = rng.gamma(2.0, 0.5, n)
    return rng.normal(size=n) * std, np.zeros(n), std


def test_intervals_of_the_right_size_cover_what_they_say():
    scale = fit_errors(*normal(5000))
    found = of_intervals(*normal(5000, 1), scale)
    for level in (80, 90, 95):
        assert found[f"coverage_{level}"] == pytest.approx(level / 100, abs=0.015)
    assert found["miscalibration_area"] < 0.02
    assert found["width_80"] < found["width_90"] < found["width_95"]
    wrong = ErrorScale(scale.floor, scale.factor / 4 + 1e-9, scale.scores, scale.n)
    assert of_intervals(*normal(5000, 1), wrong)["nll"] > found["nll"] + 0.5


def test_the_area_is_that_of_the_curves():
    assert miscalibration_area(np.zeros(100)) == pytest.approx(0.5, abs=0.01)
    z = np.random.default_rng(0).normal(size=200_000)
    assert miscalibration_area(z) < 0.003
    assert miscalibration_area(2 * z) == pytest.approx(0.19, abs=0.02)


def test_the_expected_calibration_error_is_a_plain_loop_over_bins():
    rng = np.random.default_rng(0)
    sure, right = rng.random(997), rng.random(997) < 0.4
    expected = 0.0
    for low in np.arange(15) / 15:
        rows = (sure >= low) & (sure < low + 1 / 15)
        if rows.any():
            expected += rows.mean() * abs(sure[rows].mean() - right[rows].mean())
    assert expected_calibration_error(right, sure) == pytest.approx(expected)
    assert expected_calibration_error(np.array([True]), np.array([1.0])) == 0.0


def test_brier_and_likelihood_are_those_of_sklearn():
    rng = np.random.default_rng(0)
    p = rng.random(500)
    y = (rng.random(500) < p).astype(float)
    both = np.stack([1 - p, p], axis=1)
    found = of_classes(y, both)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p))
    assert found["nll"] == pytest.approx(log_loss(y, both))
    three = rng.dirichlet([1, 1, 1], 300)
    labels = np.array([rng.choice(3, p=row) for row in three]).astype(float)
    assert of_classes(labels, three)["nll"] == pytest.approx(log_loss(labels, three))
    assert of_classes(labels, three)["ece"] < 0.08


def test_sets_grow_with_the_level():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 2, 4000)
    y = (rng.random(4000) < p).astype(float)
    both = np.stack([1 - p, p], axis=1)
    scale = fit_classes(y[:2000], both[:2000])
    found = of_sets(y[2000:], scale.probability(both[2000:]), scale)
    assert found["coverage_90"] == pytest.approx(0.9, abs=0.03)
    assert 1 < found["set_size_80"] < found["set_size_95"] < 2


def test_errors_that_grow_with_the_spread_rise_over_quintiles():
    error, _, std = normal(5000)
    found = quintiles(std, error)
    assert found == sorted(found)
    assert found[-1] > 4 * found[0]
    rows = np.argsort(std)[:1000]
    assert found[0] == pytest.approx(np.sqrt((error[rows] ** 2).mean()))


def test_the_reliability_diagram_has_equal_parts_of_ten_molecules_at_least():
    sure = np.repeat([0.9, 0.1, 0.5], [10, 15, 15])
    right = np.repeat([1, 0, 1, 0, 1], [10, 12, 3, 7, 8]).astype(bool)
    points = curve(right, sure)
    assert [n for *_, n in points] == [10, 10, 10, 10]
    assert points[0][0] == pytest.approx(0.1)
    assert points[-1] == (pytest.approx(0.9), 1.0, 10)
    assert sum(share * n for _, share, n in points) == pytest.approx(right.sum())
    (alone,) = curve(np.array([False, True, True]), np.array([0.05, 0.06, 0.95]))
    assert alone == (pytest.approx(1.06 / 3), pytest.approx(2 / 3), 3)
