"""Calibration on made-up models whose truth is known."""

import json

import numpy as np
import pytest

from molgnn.data.targets import Task
from molgnn.models.calibration import (
    FEW,
    FEWEST,
    MOST,
    ClassScale,
    conformal_quantile,
    from_json,
    thinned,
    to_json,
)
from molgnn.train.calibrate import fit_classes, fit_errors

TASKS = [Task("y", "regression"), Task("a", "binary", classes=("0", "1"))]


def errors(n, floor, factor, seed=0):
    """Predictions whose errors are normal with a known variance: y, mu, std."""
    rng = np.random.default_rng(seed)
    std = rng.gamma(2.0, 0.5, n)
    mu = rng.normal(size=n)
    return mu + rng.normal(size=n) * np.sqrt(floor**2 + (factor * std) ** 2), mu, std


def classes(n, temperature, seed=0, curve=lambda p: p):
    """Probabilities that are too sure by a known temperature, and classes: y, p."""
    rng = np.random.default_rng(seed)
    true = rng.beta(0.7, 1.5, n)
    y = (rng.random(n) < true).astype(float)
    sure = 1 / (1 + ((1 - curve(true)) / curve(true)) ** temperature)
    return y, np.stack([1 - sure, sure], axis=1)


@pytest.mark.parametrize("floor, factor", [(0.5, 2.0), (1.0, 0.0), (0.05, 1.0)])
def test_the_variance_is_found_again(floor, factor):
    scale = fit_errors(*errors(20_000, floor, factor))
    std = np.array([0.1, 1.0, 3.0])
    expected = np.sqrt(floor**2 + (factor * std) ** 2)
    np.testing.assert_allclose(scale.sigma(std), expected, rtol=0.08, atol=0.03)


def test_without_any_spread_all_errors_have_one_size():
    y, mu, _ = errors(500, 0.7, 0.0)
    scale = fit_errors(y, mu, np.zeros(500))
    assert scale.sigma(np.zeros(2)) == pytest.approx(np.sqrt(((y - mu) ** 2).mean()))


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("n", [60, 200, 3000])
def test_intervals_hold_their_level_on_new_molecules(level, n):
    covered = []
    for seed in range(60):
        scale = fit_errors(*errors(n, 0.5, 1.5, seed))
        y, mu, std = errors(400, 0.5, 1.5, seed + 1000)
        covered.append((np.abs(y - mu) <= scale.half_width(std, level)).mean())
    # One set of n gives a coverage of Beta(n level, n (1 - level)); the mean of 60 is far closer.
    assert np.mean(covered) == pytest.approx(level + 0.5 / n, abs=0.012)


def test_the_quantile_is_that_of_the_definition():
    scores = np.sort(np.random.default_rng(0).random(99))
    for level in (0.5, 0.8, 0.9, 0.95):
        rank = int(np.ceil(100 * level))
        assert conformal_quantile(scores, 99, level) == scores[rank - 1]
    assert conformal_quantile(scores, 99, 0.995) == np.inf
    assert conformal_quantile(scores[:9], 9, 0.95) == np.inf


def test_a_thinned_list_never_gives_less_than_the_whole_one():
    scores = np.sort(np.random.default_rng(0).random(54_321))
    kept = np.array(thinned(scores))
    assert len(kept) == MOST
    for level in np.linspace(0.01, 0.999, 50):
        whole, few = (conformal_quantile(s, len(scores), level) for s in (scores, kept))
        assert whole <= few <= whole + 0.002


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_found_again(temperature):
    y, p = classes(30_000, temperature)
    assert fit_classes(y, p).temperature == pytest.approx(temperature, rel=0.06)


def ece(y, p, bins=15):
    part = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs((y - p)[part == b].sum()) for b in range(bins)) / len(y)


def test_steps_mend_what_no_temperature_can():
    y, p = classes(8000, 1.0, curve=lambda q: 0.05 + 0.5 * q)
    scale = fit_classes(y, p)
    assert scale.knots
    new_y, new_p = classes(8000, 1.0, seed=1, curve=lambda q: 0.05 + 0.5 * q)
    before, after = ece(new_y, new_p[:, 1]), ece(new_y, scale.probability(new_p)[:, 1])
    assert after < 0.03 < 0.1 < before
    assert scale.probability(np.array([[1.0, 0.0], [0.0, 1.0]]))[:, 1].min() > 0


def test_few_molecules_get_no_steps():
    y, p = classes(120, 2.0)
    assert fit_classes(y, p).knots == ()


def test_calibrating_changes_no_ranking():
    y, p = classes(4000, 3.0)
    scale = fit_classes(y, p)
    active = p[np.argsort(p[:, 1])]
    assert (np.diff(scale.probability(active)[:, 1]) >= -1e-12).all()


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_each_class_is_in_its_set_as_often_as_promised(level):
    kept = {0: [], 1: []}
    for seed in range(40):
        scale = fit_classes(*classes(400, 2.0, seed))
        y, p = classes(1000, 2.0, seed + 500)
        sets = scale.sets(scale.probability(p), level)
        for c in kept:
            kept[c].append(sets[y == c, c].mean())
    for c in kept:
        assert np.mean(kept[c]) == pytest.approx(level, abs=0.02)


def test_too_few_molecules_say_nothing():
    y, mu, std = errors(FEW - 1, 1.0, 0.0)
    assert fit_errors(y, mu, std) is None
    y, p = classes(300, 1.0)
    y[:] = 0
    y[: FEWEST - 1] = 1
    assert fit_classes(y, p) is None


def test_it_comes_back_from_json_as_it_was():
    y, p = classes(3000, 2.0, curve=lambda q: 0.05 + 0.5 * q)
    scales = {"y": fit_errors(*errors(300, 0.5, 1.0)), "a": fit_classes(y, p)}
    assert scales["a"].knots
    assert from_json(json.loads(json.dumps(to_json(scales))), TASKS) == scales


def _spoilt():
    y, p = classes(300, 2.0)
    good = to_json({"y": fit_errors(*errors(300, 0.5, 1.0)), "a": fit_classes(y, p)})
    for name, key, value in [
        ("y", "floor", 0.0), ("y", "floor", float("nan")), ("y", "factor", -1.0),
        ("y", "scores", [2.0, 1.0]), ("y", "scores", []), ("y", "n", 3), ("y", "n", 300.5),
        ("y", "scores", [-1.0, 1.0]), ("a", "temperature", 0.0),
        ("a", "knots", [[0.5, 0.2], [0.4, 0.3]]), ("a", "knots", [[0.1, 0.2], [0.4, 3.0]]),
        ("a", "scores", [[0.1]]), ("a", "counts", [10, 10]),
        ("a", "temperature", "high"), ("a", "scores", None), ("a", "temperature", 1e-320),
        ("y", "floor", 1e308), ("y", "floor", "1"), ("y", "floor", True), ("y", "scores", "123"),
        ("a", "scores", [[0.1], [1.5]]), ("y", "more", 1),
    ]:  # fmt: skip
        yield {**good, name: {**good[name], key: value}}
    yield {"z": good["y"]}
    yield [1, 2]
    yield {"y": good["a"]}


@pytest.mark.parametrize("data", list(_spoilt()))
def test_what_is_no_calibration_is_not_taken_for_one(data):
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_json(data, TASKS)


def test_three_classes_have_a_temperature_and_sets():
    rng = np.random.default_rng(0)
    true = rng.dirichlet([1.0, 1.0, 2.0], 5000)
    y = np.array([rng.choice(3, p=row) for row in true]).astype(float)
    sure = true**2 / (true**2).sum(axis=1, keepdims=True)
    scale = fit_classes(y, sure)
    assert scale.temperature == pytest.approx(2.0, rel=0.1)
    np.testing.assert_allclose(scale.probability(sure).sum(axis=1), 1.0)
    assert isinstance(scale, ClassScale)
    assert scale.knots == ()
    assert scale.sets(scale.probability(sure), 0.9).shape == (5000, 3)
