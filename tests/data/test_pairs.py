"""Edges in parts, and negative samples: never an edge, never a loop, never the same pair twice."""

import pytest
import torch

from molgnn.data.pairs import both_ways, non_edges, split_links

NODES = 60


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def edges():
    """300 of the 1,770 pairs of 60 nodes, i < j."""
    every = torch.triu_indices(NODES, NODES, offset=1)
    return every[:, torch.randperm(every.size(1), generator=torch.Generator().manual_seed(1))[:300]]


def as_set(pairs):
    return set(map(tuple, pairs.T.tolist()))


@pytest.mark.parametrize("count", [0, 1, 300, 800, 1469, 1470])
def test_a_negative_sample_is_never_an_edge_a_loop_or_drawn_twice(count, edges, generator):
    pairs = non_edges(edges, NODES, count, generator)
    assert pairs.shape == (2, count)
    assert (pairs[0] < pairs[1]).all()
    assert ((pairs >= 0) & (pairs < NODES)).all()
    assert len(as_set(pairs)) == count
    assert not as_set(pairs) & as_set(edges)


def test_the_direction_in_which_edges_are_given_does_not_matter(edges):
    loops = torch.arange(NODES).expand(2, NODES)
    for given in (edges, edges.flip(0), both_ways(edges), torch.cat([edges, loops], dim=1)):
        pairs = non_edges(given, NODES, 1470, torch.Generator().manual_seed(0))
        assert not as_set(pairs) & as_set(edges)
        assert len(as_set(pairs)) == 1470


def test_more_negatives_than_there_are_is_an_error(edges, generator):
    with pytest.raises(ValueError, match="1471 non-edges wanted of a graph that has 1470"):
        non_edges(edges, NODES, 1471, generator)


@pytest.mark.parametrize("count", [20, 1000])
def test_every_non_edge_is_as_likely_as_any_other(count, edges, generator):
    """By both ways of drawing: the counts of 1,470 pairs spread as those of a fair draw."""
    rounds = 60_000 // count
    seen = torch.zeros(NODES, NODES)
    for _ in range(rounds):
        i, j = non_edges(edges, NODES, count, generator)
        seen[i, j] += 1
    every = torch.triu_indices(NODES, NODES, offset=1)
    free = torch.ones(NODES, NODES)
    free[edges[0], edges[1]] = 0
    counts = seen[every[0], every[1]][free[every[0], every[1]] == 1]
    share = count / 1470
    chi = ((counts - rounds * share) ** 2).sum() / (rounds * share * (1 - share))
    assert abs(chi - 1469) < 6 * (2 * 1469) ** 0.5


def test_draws_follow_the_generator_and_differ_from_step_to_step(edges):
    first, again = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    one = non_edges(edges, NODES, 50, first)
    assert torch.equal(one, non_edges(edges, NODES, 50, again))
    assert as_set(one) != as_set(non_edges(edges, NODES, 50, first))


def test_the_parts_hold_each_edge_once_in_the_published_shares(edges, generator):
    parts = split_links(edges, NODES, generator)
    assert [part.size(1) for part in parts] == [255, 15, 15, 30, 30]
    whole = torch.cat([parts.train, parts.valid, parts.test], dim=1)
    assert as_set(whole) == as_set(edges)
    assert whole.size(1) == len(as_set(whole))


def test_non_edges_of_the_parts_are_no_edges_of_the_whole_graph_and_none_is_in_both(
    edges, generator
):
    parts = split_links(edges, NODES, generator)
    none = torch.cat([parts.valid_none, parts.test_none], dim=1)
    assert len(as_set(none)) == 45
    assert not as_set(none) & as_set(edges)


def test_no_part_holds_the_reverse_of_an_edge_of_another(edges, generator):
    for part in split_links(edges, NODES, generator):
        assert (part[0] < part[1]).all()


def test_the_split_follows_the_generator(edges):
    first, again, other = (
        split_links(edges, NODES, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert all(map(torch.equal, first, again))
    assert as_set(first.test) != as_set(other.test)


def test_both_ways_is_symmetric(edges):
    both = both_ways(edges)
    assert as_set(both) == as_set(both.flip(0)) == as_set(edges) | as_set(edges.flip(0))
