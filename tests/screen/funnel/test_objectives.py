"""Ways to combine objectives, beside their plain definitions."""

import numpy as np
import pytest

from molgnn.screen.funnel.objectives import (
    desirability,
    geometric_mean,
    pareto_ranks,
    weighted_mean,
)


def by_brute_force(merits):
    """Peel off who is dominated by nobody that is left."""
    ranks, left = np.zeros(len(merits), dtype=int), set(range(len(merits)))
    while left:
        front = {
            i
            for i in left
            if not any(
                (merits[j] >= merits[i]).all() and (merits[j] > merits[i]).any() for j in left
            )
        }
        for i in front:
            ranks[i] = ranks.max() + 1 if ranks[i] == 0 and i == min(front) else ranks[i]
        number = ranks[min(front)]
        for i in front:
            ranks[i] = number
        left -= front
    return ranks


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["spread", "ties", "correlated"])
def test_pareto_ranks_are_those_of_peeling(width, kind):
    random = np.random.default_rng(width)
    merits = random.normal(size=(90, width))
    if kind == "ties":
        merits = merits.round()
    if kind == "correlated":
        merits = merits[:, :1] + 0.1 * merits
    assert pareto_ranks(merits).tolist() == by_brute_force(merits).tolist()


def test_pareto_ranks_do_not_depend_on_the_order():
    merits = np.random.default_rng(0).normal(size=(300, 3)).round(1)
    turned = np.random.default_rng(1).permutation(300)
    assert (pareto_ranks(merits)[turned] == pareto_ranks(merits[turned])).all()


def test_equal_molecules_share_a_rank_and_none_have_none():
    assert pareto_ranks(np.array([[1.0, 2], [1, 2], [0, 0]])).tolist() == [1, 1, 2]
    assert pareto_ranks(np.zeros((0, 2))).tolist() == []
    assert pareto_ranks(np.array([[-np.inf, 0], [0.0, 0]])).tolist() == [2, 1]
    with pytest.raises(ValueError, match="NaN"):
        pareto_ranks(np.array([[np.nan, 1.0]]))


def test_a_hundred_thousand_are_ranked_where_all_pairs_would_not_be():
    merits = np.random.default_rng(0).normal(size=(100_000, 2))
    ranks = pareto_ranks(merits)
    first = merits[ranks == 1]
    best = np.lexsort((-merits[:, 1], -merits[:, 0]))
    seen, front = -np.inf, 0
    for i in best:
        front += merits[i, 1] > seen
        seen = max(seen, merits[i, 1])
    assert len(first) == front


def test_desirabilities_are_those_of_derringer_and_suich():
    values = np.array([-1.0, 0, 1, 2, 3, 4, 5])
    assert desirability(values, "up", 0, 4).tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1]
    assert desirability(values, "down", 0, 4).tolist() == [1, 1, 0.75, 0.5, 0.25, 0, 0]
    assert desirability(values, "target", 0, 4, 3).tolist() == pytest.approx(
        [0, 0, 1 / 3, 2 / 3, 1, 0, 0]
    )
    assert desirability(values, "up", 0, 4, shape=2).tolist()[2] == 0.0625


def test_means_are_weighted_and_one_useless_value_is_enough():
    shares, weights = np.array([[0.25, 1.0], [0.0, 1.0]]), np.array([1.0, 3.0])
    assert geometric_mean(shares, weights).tolist() == pytest.approx([0.25**0.25, 0])
    assert weighted_mean(shares, weights).tolist() == [0.8125, 0.75]
