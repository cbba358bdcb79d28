from itertools import pairwise

import numpy as np
import pytest

from molgnn.screen.top import Top


def cut(rng, scores):
    """The scores in random pieces, with the row of each piece's first."""
    edges = np.sort(rng.integers(0, len(scores) + 1, size=rng.integers(0, 9)))
    edges = [0, *edges, len(scores)]
    return [(scores[a:b], a) for a, b in pairwise(edges)]


@pytest.mark.parametrize("seed", range(60))
def test_it_keeps_what_a_stable_sort_of_all_scores_keeps(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, rng.integers(1, 30), size=rng.integers(0, 300)) / 7
    k = int(rng.integers(1, 40))
    top = Top(k)
    for piece, first in cut(rng, scores):
        top.add(piece, first)
    best = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert top.rows.tolist() == best
    assert top.scores.tolist() == scores[best].tolist()


def test_of_equal_scores_the_earlier_row_stays():
    top = Top(2)
    assert top.add(np.ones(3), 0).tolist() == [0, 1]
    assert top.add(np.ones(3), 3).tolist() == []
    assert top.rows.tolist() == [0, 1]


def test_add_says_which_of_the_batch_are_in_best_first():
    top = Top(3)
    top.add(np.array([5.0, 1.0, 2.0]), 0)
    assert top.add(np.array([0.0, 3.0, 9.0]), 3).tolist() == [2, 1]
    assert top.rows.tolist() == [5, 0, 4]


def test_infinities_have_a_rank_and_nan_has_none():
    top = Top(2)
    top.add(np.array([-np.inf, np.inf, 0.0]), 0)
    assert top.rows.tolist() == [1, 2]
    with pytest.raises(ValueError, match="NaN"):
        top.add(np.array([np.nan]), 3)


def test_a_top_of_none_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Top(0)


@pytest.mark.parametrize("seed", range(10))
def test_what_is_not_above_the_floor_is_left_out(seed):
    rng = np.random.default_rng(seed)
    scores, k = rng.integers(0, 20, size=200).astype(float), int(rng.integers(1, 40))
    before, after = scores[:90], scores[90:]
    one = Top(k)
    one.add(before, 0)
    two = Top(k, above=one.last)
    for piece, first in cut(rng, after):
        two.add(piece, first + 90)
    one.add(after, 90)
    assert set(one.rows[one.rows >= 90]) <= set(two.rows)
    assert one.last == one.scores[-1]
    assert Top(k).last is None
