"""Trees of our own give what the libraries that grew them give, row by row; damage is refused."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.shallow.boosting import NEVER, OPTIONS, grow_boosted
from molgnn.models.shallow.forest import grow_forest
from molgnn.models.shallow.parts import part_of
from molgnn.models.shallow.trees import Trees, concat

FEW = {**OPTIONS, "n_estimators": 30, "learning_rate": 0.1, "colsample_bytree": 0.5}
SURE = {"verbose": -1, "deterministic": True, "force_row_wise": True, "use_missing": False}


@pytest.fixture(scope="module")
def x():
    """Features (200, 12): counts, and values of many sizes; thresholds fall between them."""
    draw = np.random.default_rng(0)
    counts = draw.integers(0, 4, (200, 6))
    sizes = draw.normal(size=(200, 6)) * 10.0 ** np.arange(-3, 15, 3)
    return np.concatenate([counts, sizes], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def labels(x):
    """Labels of a regression, and of two, three and four classes."""
    y = x[:, 0] + np.sin(x[:, 6] * 1e3) + 0.1 * np.random.default_rng(1).normal(size=len(x))
    ranks = np.argsort(np.argsort(y)) / len(y)
    return {0: y, 2: (ranks > 0.7) * 1.0, 3: np.floor(ranks * 3), 4: np.floor(ranks * 4)}


@pytest.fixture(scope="module")
def weight(x):
    return np.random.default_rng(2).uniform(0.1, 3.0, len(x))


def forest_of(x, y, classes, weight=None):
    options = {"n_estimators": 12, "random_state": 5, "n_jobs": 1}
    if classes:
        return RandomForestClassifier(**options).fit(x, y.astype(int), sample_weight=weight)
    return RandomForestRegressor(**options, max_features=4).fit(x, y, sample_weight=weight)


def boosted_of(x, y, classes, weight=None):
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    model = kind(**FEW, random_state=5, n_jobs=1, **SURE)
    return model.fit(x, y.astype(int) if classes else y, sample_weight=weight)


def shares_of(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def logits_of(x, y, classes, weight=None):
    trees, start = grow_boosted(x, y, classes, 5, weight, FEW)
    return trees.sums(x) + start


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [0, 2, 4])
def test_a_forest_predicts_what_scikit_learns_does(classes, weighted, x, labels, weight):
    y, counted = labels[classes], weight if weighted else None
    found = grow_forest(x, y, classes, 5, counted, trees=12).sums(x)
    theirs = forest_of(x, y, classes, counted)
    wanted = theirs.predict_proba(x) if classes else theirs.predict(x)[:, None]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert np.ptp(found[:, 0]) > 0.5


def test_a_forests_spread_is_that_of_scikit_learns_trees(x, labels):
    grown = grow_forest(x, labels[0], 0, 5, None, trees=12)
    part = part_of("forest", Task("y", "regression", mean=0.0, std=1.0), grown.arrays())
    mean, spread = part.outputs_and_spread(x)
    theirs = [tree.predict(x) for tree in forest_of(x, labels[0], 0).estimators_]
    np.testing.assert_allclose(spread[:, 0], np.std(theirs, axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(mean, part.outputs(x))
    np.testing.assert_array_equal(spread[3:4], part.outputs_and_spread(x[3:4])[1])
    assert np.ptp(spread) > 0.1


def test_weights_change_a_forest_and_boosted_trees(x, labels, weight):
    y = labels[0]
    plain, counted = (grow_forest(x, y, 0, 5, w, trees=12).sums(x) for w in (None, weight))
    assert np.abs(plain - counted).max() > 1e-3
    assert np.abs(logits_of(x, y, 0) - logits_of(x, y, 0, weight)).max() > 1e-3


def test_a_forest_gives_a_class_that_it_never_saw_no_share(x, labels):
    y = np.where(labels[4] == 2, 3.0, labels[4])
    found = grow_forest(x, y, 5, 5, None, trees=12).sums(x)
    np.testing.assert_allclose(
        found[:, [0, 1, 3]], forest_of(x, y, 5).predict_proba(x), rtol=1e-6, atol=1e-6
    )
    assert not found[:, [2, 4]].any()


@pytest.mark.parametrize("weighted", [False, True])
def test_boosted_trees_predict_the_labels_that_lightgbm_does(weighted, x, labels, weight):
    counted = weight if weighted else None
    wanted = boosted_of(x, labels[0], 0, counted).predict(x)
    found = logits_of(x, labels[0], 0, counted)[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert np.ptp(found) > 1


@pytest.mark.parametrize("weighted", [False, True])
def test_boosted_trees_give_lightgbms_probability_of_two_classes(weighted, x, labels, weight):
    counted = weight if weighted else None
    wanted = boosted_of(x, labels[2], 2, counted).predict_proba(x)
    found = 1 / (1 + np.exp(-logits_of(x, labels[2], 2, counted)[:, 0]))
    np.testing.assert_allclose(found, wanted[:, 1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("classes", [3, 4])
def test_boosted_trees_give_lightgbms_share_of_each_of_many_classes(classes, x, labels):
    wanted = boosted_of(x, labels[classes], classes).predict_proba(x)
    found = shares_of(logits_of(x, labels[classes], classes))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_boosted_trees_give_a_class_that_they_never_saw_almost_nothing(x, labels):
    y = np.where(labels[4] == 2, 3.0, labels[4])
    logits = logits_of(x, y, 5)
    assert (logits[:, [2, 4]] == NEVER).all()
    wanted = boosted_of(x, y, 5).predict_proba(x)
    np.testing.assert_allclose(shares_of(logits)[:, [0, 1, 3]], wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_boosted_trees_of_three_classes_of_which_two_were_seen(absent, x, labels):
    seen = [c for c in range(3) if c != absent]
    y = np.where(labels[2] > 0, seen[1], seen[0]).astype(float)
    shares = shares_of(logits_of(x, y, 3))
    wanted = boosted_of(x, y, 3).predict_proba(x)
    np.testing.assert_allclose(shares[:, seen], wanted, rtol=1e-6, atol=1e-6)
    assert shares[:, absent].max() < 1e-9


@pytest.mark.parametrize("grow", ["forest", "boosting"])
def test_a_molecule_has_the_same_sum_whatever_stands_beside_it(grow, x, labels):
    if grow == "forest":
        trees = grow_forest(x, labels[4], 4, 5, None, trees=12)
    else:
        trees, _ = grow_boosted(x, labels[4], 4, 5, None, FEW)
    whole = trees.sums(x)
    rows = np.random.default_rng(3).integers(0, len(x), 1300)  # several blocks of rows
    np.testing.assert_array_equal(trees.sums(x[rows]), whole[rows])
    np.testing.assert_array_equal(np.concatenate([trees.sums(row[None]) for row in x]), whole)
    assert trees.sums(x[:0]).shape == (0, 4)


def test_a_threshold_decides_for_single_precision_as_the_exact_one_does():
    exact = np.nextafter(np.float64(np.float32(0.1)), [0.0, 1.0])  # just below, and just above
    for threshold, left in zip(exact, (False, True), strict=True):
        trees = Trees.of([0], [0, -1, -1], [threshold, 0, 0], [1, 0, 0], [2, 0, 0], [[0], [1], [2]])
        is_left = trees.sums(np.array([[0.1]], dtype=np.float32))[0, 0] == 1
        assert is_left == left == (np.float32(0.1) <= threshold)


@pytest.fixture
def small():
    """Two trees: one of five nodes, one that is a leaf."""
    first = Trees.of(
        [0], [0, -1, 1, -1, -1], [0.5, 0, 1.5, 0, 0], [1, 0, 3, 0, 0], [2, 0, 4, 0, 0],
        [[0], [1], [0], [2], [3]],
    )  # fmt: skip
    return concat([first, Trees.of([0], [-1], [0], [0], [0], [[10]])])


def test_trees_that_were_joined_add_up(small):
    x = np.array([[0, 0], [1, 1], [1, 2]], dtype=np.float32)
    assert small.sums(x).ravel().tolist() == [11, 12, 13]
    small.check(num_features=2, width=1)


def changed(trees, name, place, value):
    array = getattr(trees, name).copy()
    array[place] = value
    return replace(trees, **{name: array})


@pytest.mark.parametrize(
    "name, place, value",
    [
        ("left", 2, 0),  # back to the root: a molecule would go round for ever
        ("right", 2, 2),  # a node that is its own child
        ("left", 0, -1),
        ("right", 2, 6),  # behind the last node
        ("feature", 0, 2),  # of features 0 and 1
        ("feature", 0, -2),
        ("roots", 1, 6),
        ("roots", 0, -1),
        ("values", 3, np.nan),
        ("values", 3, np.inf),
        ("threshold", 0, np.nan),
    ],
)
def test_trees_in_which_a_molecule_would_go_astray_are_refused(small, name, place, value):
    with pytest.raises(Refusal, match="its trees are damaged"):
        changed(small, name, place, value).check(num_features=2, width=1)


def test_arrays_of_another_type_or_shape_are_refused(small):
    damaged = [
        replace(small, feature=small.feature.astype(np.int64)),
        replace(small, values=small.values.astype(np.float64)),
        replace(small, threshold=small.threshold[:-1]),
        replace(small, values=small.values.repeat(2, axis=1)),
        replace(small, roots=small.roots[:0]),
        replace(small, left=small.left[None]),
    ]
    for trees in damaged:
        with pytest.raises(Refusal, match="its trees are damaged"):
            trees.check(num_features=2, width=1)


def test_boosted_trees_say_what_helps_where_lightgbm_cannot_start(monkeypatch, x, labels):
    import builtins

    real = builtins.__import__

    def broken(name, *args, **options):
        if name == "lightgbm":
            raise OSError("libomp.dylib: image not found\nand more")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(Refusal, match=r"libomp.dylib.*brew install libomp") as refused:
        grow_boosted(x, labels[0], 0, 5, None, FEW)
    assert "\n" not in str(refused.value)
