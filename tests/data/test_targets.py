"""Names of tasks and what they must not hide; what weights of molecules do to the scaling."""

import numpy as np
import pytest

from molgnn.chem.graph import featurize
from molgnn.data.levels import Levels
from molgnn.data.targets import Task
from molgnn.data.wishes import Wishes, make_tasks
from molgnn.errors import Refusal

Y = np.array([[0.5, 1.5], [2.5, 3.0], [4.0, 5.0]])


@pytest.mark.parametrize(
    "names, kind, said",
    [
        (["y", "y"], "auto", "named twice"),
        (["y", "y_std"], "auto", "needed for another column"),
        (["smiles", "y"], "auto", "needed for another column"),
        (["y", "z"], {"Y": "regression"}, "choose one of y, z"),
    ],
)
def test_a_name_that_hides_a_column_or_means_no_target_is_refused(names, kind, said):
    labels, exact = Levels.of_molecules(Y), Levels.of_molecules(np.zeros_like(Y))
    with pytest.raises(Refusal, match=said):
        make_tasks({"molecule": names}, labels, exact, np.arange(3), Wishes(kind))


@pytest.mark.parametrize("transform", ["standardize", "log10", "rank"])
def test_a_label_of_weight_two_counts_as_two_equal_ones(transform):
    y, weight = (
        np.array([[1.0], [4.0], [np.nan], [2.0], [4.0], [50.0]]),
        np.array([1, 2, 5, 3, 1, 1]),
    )
    twice = np.repeat(np.arange(6), weight)

    def task(y, weight=None):
        labels, exact = Levels.of_molecules(y), Levels.of_molecules(np.zeros_like(y))
        names, wishes = {"molecule": ["y"]}, Wishes("regression", transform)
        (found,) = make_tasks(names, labels, exact, np.arange(len(y)), wishes, weight)
        return found

    weighted, repeated = task(y, weight.astype(float)), task(y[twice])
    assert (weighted.mean, weighted.std) == pytest.approx((repeated.mean, repeated.std))
    np.testing.assert_allclose(weighted.knots, repeated.knots)
    assert task(y, np.ones(6)) == task(y)


def test_ranks_stay_apart_whatever_the_weights():
    labels, exact = Levels.of_molecules(Y), Levels.of_molecules(np.zeros_like(Y))
    names, wishes = {"molecule": ["y", "z"]}, Wishes("regression", "rank")
    weight = np.array([1e-300, 1.0, 1e300])
    for task in make_tasks(names, labels, exact, np.arange(3), wishes, weight):
        assert Task.from_json(task.to_json()) == task  # which refuses knots that do not rise


def test_auto_looks_at_training_labels_of_molecules_alone():
    labels = np.random.default_rng(0).lognormal(0, 2, 400)
    y = np.column_stack([labels, np.log(labels)])
    every, exact = Levels.of_molecules(y), Levels.of_molecules(np.zeros_like(y))
    names, rows = {"molecule": ["a", "b"]}, np.arange(len(y))

    def transforms(train=rows, **wishes):
        return [t.transform for t in make_tasks(names, every, exact, train, Wishes(**wishes))]

    assert transforms() == ["rank", "standardize"]
    assert transforms(np.flatnonzero(labels < 1)) == ["standardize", "standardize"]
    assert transforms(transform={"a": "log10"}) == ["log10", "standardize"]
    graphs = featurize(["CO"] * 200)[0]
    atoms, none = (Levels.of(graphs, atom=v) for v in (labels[:, None], np.zeros((400, 1))))
    (task,) = make_tasks({"atom": ["a"]}, atoms, none, np.arange(200), Wishes())
    assert task.transform == "standardize"
