"""Figures of merit beside sklearn's, scipy's and values worked out by hand."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sk

from molgnn.data.levels import Levels
from molgnn.data.targets import Task
from molgnn.train.metrics import binary, enrichment_factor, evaluate, multiclass, regression

NAN = float("nan")
REGRESSION, BINARY = Task("r", "regression"), Task("b", "binary", classes=("0", "1"))
MULTI = Task("m", "multiclass", classes=("0", "1", "2"))
levels = Levels.of_molecules


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_regression_figures_are_those_of_sklearn_and_scipy(rng):
    y, predicted = rng.normal(size=(2, 40))
    figures = regression(y, predicted)
    assert figures == {
        "rmse": pytest.approx(sk.root_mean_squared_error(y, predicted)),
        "mae": pytest.approx(sk.mean_absolute_error(y, predicted)),
        "r2": pytest.approx(sk.r2_score(y, predicted)),
        "spearman": pytest.approx(spearmanr(y, predicted).statistic),
    }


def test_figures_without_a_meaning_are_left_out_and_not_nan():
    assert set(regression(np.array([1.0, 1.0]), np.array([1.0, 2.0]))) == {"rmse", "mae"}
    assert set(regression(np.array([1.0]), np.array([2.0]))) == {"rmse", "mae"}
    constant = regression(np.array([1.0, 2.0]), np.array([3.0, 3.0]))
    assert set(constant) == {"rmse", "mae", "r2"}


def test_binary_figures_are_those_of_sklearn(rng):
    y, probability = rng.integers(2, size=60).astype(float), rng.random(60)
    figures = binary(y, probability)
    assert figures["roc_auc"] == pytest.approx(sk.roc_auc_score(y, probability))
    assert figures["pr_auc"] == pytest.approx(sk.average_precision_score(y, probability))
    assert figures["log_loss"] == pytest.approx(sk.log_loss(y, probability))


def bedroc(ranks, n, alpha=20.0):
    """Equation 36 of Truchon and Bayly 2007, from the ranks (from 1) of the actives among n."""
    share = len(ranks) / n
    found = np.exp(-alpha * np.asarray(ranks) / n).sum() / len(ranks)
    random = (1 - np.exp(-alpha)) / (n * (np.exp(alpha / n) - 1))
    rie = found / random
    scale = share * np.sinh(alpha / 2) / (np.cosh(alpha / 2) - np.cosh(alpha / 2 - alpha * share))
    return rie * scale + 1 / (1 - np.exp(alpha * (1 - share)))


def test_bedroc_is_that_of_the_paper(rng):
    y = np.zeros(100)
    y[[0, 3, 10, 50]] = 1
    score = -np.arange(100.0)
    assert binary(y, score / 100 + 1)["bedroc"] == pytest.approx(bedroc([1, 4, 11, 51], 100))


def test_bedroc_is_one_for_the_best_order_and_near_zero_for_the_worst():
    y, score = np.array([1.0] * 10 + [0.0] * 190), np.linspace(1, 0, 200)
    assert binary(y, score)["bedroc"] == pytest.approx(1)
    assert binary(y[::-1], score)["bedroc"] == pytest.approx(0, abs=1e-6)


def test_the_enrichment_factor_is_the_share_at_the_top_over_the_share_in_all():
    ranked = np.zeros(200)
    ranked[[0, 7, 8, 100]] = 1
    assert enrichment_factor(ranked, 0.01) == pytest.approx((1 / 2) / (4 / 200))
    assert enrichment_factor(ranked, 0.05) == pytest.approx((3 / 10) / (4 / 200))
    assert enrichment_factor(ranked, 0.001) == pytest.approx(50)  # at least one molecule


def test_a_constant_prediction_earns_no_early_enrichment():
    y = np.array([1.0] * 5 + [0.0] * 95)
    figures = binary(y, np.full(100, 0.5))
    assert figures["ef1"] == 0
    assert figures["roc_auc"] == 0.5
    assert figures == binary(y[::-1], np.full(100, 0.5))


def test_multiclass_figures_are_those_of_sklearn(rng):
    y, probability = rng.integers(3, size=60).astype(float), rng.dirichlet(np.ones(3), 60)
    figures = multiclass(y, probability)
    assert figures == {
        "accuracy": pytest.approx(sk.accuracy_score(y, probability.argmax(axis=1))),
        "roc_auc": pytest.approx(sk.roc_auc_score(y, probability, multi_class="ovr")),
        "log_loss": pytest.approx(sk.log_loss(y, probability)),
    }


def test_a_class_that_is_absent_does_not_spoil_the_multiclass_figures(rng):
    y, probability = np.array([0.0, 1, 0, 1, 1]), rng.dirichlet(np.ones(3), 5)
    assert all(np.isfinite(list(multiclass(y, probability).values())))


def test_tasks_are_judged_on_their_own_labels_and_averaged(rng):
    tasks = [REGRESSION, Task("s", "regression"), BINARY, MULTI]
    y = np.column_stack(
        [rng.normal(size=(30, 2)), rng.integers(2, size=30), rng.integers(3, size=30)]
    ).astype(float)
    y[::3, 0], y[1::5, 2] = NAN, NAN
    predicted = np.column_stack(
        [rng.normal(size=(30, 2)), rng.random(30), rng.dirichlet(np.ones(3), 30)]
    )
    result = evaluate(levels(y), levels(predicted), tasks)
    has = ~np.isnan(y)
    assert result["per_task"] == {
        "r": regression(y[has[:, 0], 0], predicted[has[:, 0], 0]),
        "s": regression(y[:, 1], predicted[:, 1]),
        "b": binary(y[has[:, 2], 2], predicted[has[:, 2], 2]),
        "m": multiclass(y[:, 3], predicted[:, 3:]),
    }
    each = result["per_task"]
    assert result["mean"]["rmse"] == pytest.approx((each["r"]["rmse"] + each["s"]["rmse"]) / 2)
    assert result["mean"]["roc_auc"] == pytest.approx(
        (each["b"]["roc_auc"] + each["m"]["roc_auc"]) / 2
    )
    assert result["left_out"] == {}


def test_a_task_with_one_class_or_no_label_is_left_out_with_its_reason():
    tasks = [BINARY, Task("c", "binary", classes=("0", "1")), Task("none", "regression")]
    y = np.array([[0.0, 0.0, NAN], [1.0, 0.0, NAN], [1.0, NAN, NAN]])
    result = evaluate(levels(y), levels(np.full((3, 3), 0.5)), tasks)
    assert list(result["per_task"]) == ["b"]
    assert result["left_out"] == {"c": "only class 0 among 2 labels", "none": "no labels"}
    assert result["mean"] == result["per_task"]["b"]


def test_nothing_to_judge_gives_no_figures():
    result = evaluate(levels(np.zeros((0, 1))), levels(np.zeros((0, 1))), [REGRESSION])
    assert result == {"mean": {}, "per_task": {}, "left_out": {"r": "no labels"}}
