"""Models without a graph: each task from its own labels, missing features filled, weights heard."""

import numpy as np
import pytest

from molgnn.chem.descriptors import feature_names, molecule_features
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.shallow import model as shallow
from molgnn.models.shallow.model import KINDS, Fitting, ShallowModel, fit_shallow
from molgnn.models.shallow.trees import Trees

BLOCKS = ("morgan", "erg", "rdkit2d")
Y = Task("y", "regression", mean=-2.0, std=3.0)
TOXIC = Task("toxic", "binary", classes=("0", "1"))
KIND = Task("kind", "multiclass", classes=("0", "1", "2"))


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    few = {**shallow.grow_boosted.__defaults__[0], "n_estimators": 20, "learning_rate": 0.2}
    monkeypatch.setattr(shallow.grow_boosted, "__defaults__", (few,))


@pytest.fixture(scope="module")
def features(drugs):
    """Of sixty drugs (60, F), with some of each column missing."""
    from rdkit import Chem

    found = molecule_features([Chem.MolFromSmiles(text) for text in drugs[::44]], BLOCKS)
    found[np.random.default_rng(0).random(found.shape) < 0.02] = np.nan
    return found


@pytest.fixture(scope="module")
def y(features):
    """Labels as networks learn them (60, 3): scaled, of two classes, of three; some missing."""
    size = np.nan_to_num(features[:, :2048]).sum(axis=1)
    ranks = np.argsort(np.argsort(size)) / 60
    labels = np.stack([(size - size.mean()) / size.std(), ranks > 0.6, np.floor(3 * ranks)], axis=1)
    labels[::7, 0], labels[1::5, 1], labels[2::9, 2] = np.nan, np.nan, np.nan
    return labels.astype(np.float32)


def fitted(kind, features, y, tasks=(Y, TOXIC, KIND), weight=None, **options):
    fitting = Fitting(kind, ("morgan", "rdkit2d"), trees=10, **options)
    return fit_shallow(fitting, features, None, y, tasks, 0, weight, BLOCKS)


@pytest.mark.parametrize("kind", KINDS)
def test_several_tasks_with_missing_labels_learn_each_from_its_own(kind, features, y):
    model = fitted(kind, features, y)
    found = model.predict(features, None, 60)
    assert found.shape == (60, 5)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 2:].sum(axis=1), 1)
    assert ((found[:, 1:] >= 0) & (found[:, 1:] <= 1)).all()
    for i, (task, columns) in enumerate(((Y, [0]), (TOXIC, [1]), (KIND, [2, 3, 4]))):
        alone = fitted(kind, features, y[:, [i]], (task,)).predict(features, None, 60)
        np.testing.assert_array_equal(found[:, columns], alone)
    assert np.isnan(y).any(axis=0).all()


@pytest.mark.parametrize("kind", ["neighbours", "forest", "boosting"])
def test_it_learns_what_can_be_learnt(kind, features, y):
    found = fitted(kind, features, y).predict(features, None, 60)
    known = ~np.isnan(y)
    assert np.corrcoef(found[known[:, 0], 0], y[known[:, 0], 0])[0, 1] > 0.7
    guessed = found[known[:, 1], 1] > 0.5
    assert (guessed == y[known[:, 1], 1]).mean() > 0.8


def test_the_mean_is_the_mean_label_in_the_users_unit_and_the_share_of_each_class(features, y):
    found = fitted("mean", None, y).predict(None, None, 4)
    labels = np.nanmean(y[:, 0].astype(np.float64)) * 3.0 - 2.0
    shares = [np.nanmean(np.where(np.isnan(y[:, 2]), np.nan, y[:, 2] == c)) for c in range(3)]
    wanted = [labels, np.nanmean(y[:, 1].astype(np.float64)), *shares]
    np.testing.assert_allclose(found, np.tile(wanted, (4, 1)))


def test_the_mean_counts_weights(y):
    weight = np.linspace(0.1, 2, 60)
    found = fitted("mean", None, y[:, :1], (Y,), weight).predict(None, None, 1)
    known = ~np.isnan(y[:, 0])
    wanted = np.average(y[known, 0].astype(np.float64), weights=weight[known]) * 3.0 - 2.0
    np.testing.assert_allclose(found[0, 0], wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_sample_weights_reach_every_kind(kind, features, y):
    weight = np.where(np.arange(60) < 30, 1e-3, 1.0)
    plain, counted = (fitted(kind, features, y, weight=w) for w in (None, weight))
    found = [model.predict(features, None, 60) for model in (plain, counted)]
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_molecules_without_a_label_teach_nothing(kind, features, y):
    without = np.flatnonzero(np.isnan(y[:, 0]))
    shuffled = features.copy()
    shuffled[without] = features[without[::-1]]  # the medians stay what they are
    models = [fitted(kind, x, y[:, :1], (Y,)) for x in (features, shuffled)]
    one, other = (model.predict(features, None, 60) for model in models)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["neighbours", "forest", "boosting"])
def test_missing_features_stand_for_the_medians_of_the_training_molecules(kind, features, y):
    model = fitted(kind, features, y)
    columns = [feature_names(BLOCKS).index(name) for name in feature_names(model.blocks)]
    middle = np.nanmedian(features[:, columns], axis=0)
    np.testing.assert_array_equal(model.arrays["fill"], middle.astype(np.float32))
    full = features.copy()
    full[:, columns] = np.where(np.isnan(full[:, columns]), middle, full[:, columns])
    np.testing.assert_array_equal(model.predict(features, None, 60), model.predict(full, None, 60))
    nothing = model.predict(np.full_like(features[:1], np.nan), None, 1)
    assert np.isfinite(nothing).all()


def test_a_feature_that_is_missing_everywhere_does_no_harm(features, y):
    features = features.copy()
    features[:, 2363:2400] = np.nan
    model = fitted("forest", features, y)
    assert np.isfinite(model.arrays["fill"]).all()
    assert np.isfinite(model.predict(features, None, 60)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_without_a_training_molecule_gets_no_share(kind, features, y):
    labels = np.where(y[:, 2:] == 1, 2.0, y[:, 2:])
    found = fitted(kind, features, labels, (KIND,)).predict(features, None, 60)
    assert found.shape == (60, 3)
    assert found[:, 1].max() < 1e-9
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_molecule_has_one_prediction_whatever_stands_beside_it(kind, features, y):
    model = fitted(kind, features, y)
    whole = model.predict(features, None, 60)
    rows = np.random.default_rng(1).integers(0, 60, 700)
    np.testing.assert_array_equal(model.predict(features[rows], None, 700), whole[rows])
    each = [model.predict(row[None], None, 1) for row in features]
    np.testing.assert_array_equal(np.concatenate(each), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learnt_is_all_in_its_arrays(kind, features, y):
    model = fitted(kind, features, y)
    again = ShallowModel(**model.spec(), tasks=model.tasks, arrays=model.arrays, computed=BLOCKS)
    again.check(vector_width=0)
    np.testing.assert_array_equal(
        again.predict(features, None, 60), model.predict(features, None, 60)
    )


def test_vectors_of_networks_can_stand_beside_features(features, y):
    vectors = np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32)
    labels = vectors[:, 3:4]
    fitting = Fitting("boosting", ("erg",), embeddings=True)
    model = fit_shallow(fitting, features, vectors, labels, (Y,), 0, None, BLOCKS)
    assert len(model.arrays["fill"]) == 315 + 7
    model.check(vector_width=7)
    with pytest.raises(Refusal, match="features are damaged"):
        model.check(vector_width=6)
    found = model.predict(features, vectors, 60)[:, 0]
    assert np.corrcoef(found, labels[:, 0])[0, 1] > 0.9


def test_quantiles_are_refused(features, y):
    median = Task("y", "regression", quantiles=(0.1, 0.5, 0.9))
    with pytest.raises(Refusal, match="model forest predicts no quantiles: choose model=network"):
        fitted("forest", features, y[:, :1], (median,))


def test_an_unknown_kind_is_answered_with_those_there_are():
    with pytest.raises(Refusal, match="forrest"):
        Fitting("forrest")


@pytest.mark.parametrize("kind", KINDS)
def test_a_fill_of_another_length_or_without_a_value_is_refused(kind, features, y):
    model = fitted(kind, features, y)
    model.check(0)
    model.arrays["fill"] = np.append(model.arrays["fill"], np.float32(0))
    with pytest.raises(Refusal, match="features are damaged"):
        model.check(0)
    if kind != "mean":
        model.arrays["fill"] = model.arrays["fill"][:-1] * np.float32(np.nan)
        with pytest.raises(Refusal, match="features are damaged"):
            model.check(0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_forest_alone_says_how_far_off_its_numbers_may_be(kind, features, y):
    model = fitted(kind, features, y)
    means, own = model.said(features, None, 60)
    np.testing.assert_array_equal(means, model.predict(features, None, 60))
    if kind != "forest":
        assert own is None
        assert not any(model.speaks)
        return
    assert model.speaks == [True, False, False, False, False]
    trees = Trees(**{k[2:]: v for k, v in model.arrays.items() if k.startswith("0.")})
    x = model._inputs(features, None, 60)
    each = 10 * np.stack([trees.values[leaf, 0] for leaf in trees.leaves(x).T])
    np.testing.assert_allclose(own[:, 0], 3.0 * each.std(axis=0), rtol=1e-4, atol=1e-5)
    assert np.isnan(own[:, 1:]).all()
