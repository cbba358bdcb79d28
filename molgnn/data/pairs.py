"""Pairs of nodes of one graph: its edges in three parts, and pairs that no edge joins.

A pair is i < j, once, so that (i, j) and (j, i) never lie in two parts. Pairs are (2, M).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class LinkParts(NamedTuple):
    """Edges for training, and edges with as many non-edges for validation and for test."""

    train: Tensor
    valid: Tensor
    valid_none: Tensor
    test: Tensor
    test_none: Tensor


def split_links(
    edges: Tensor,
    num_nodes: int,
    generator: torch.Generator,
    valid: float = 0.05,
    test: float = 0.1,
) -> LinkParts:
    """A random split, as Kipf and Welling 2016, arXiv:1611.07308, section 3: 85, 5 and 10 %.

    A part has floor(share M) edges; its non-edges are none of the whole graph's edges, and no two
    parts share one.
    """
    count = edges.size(1)
    num_valid, num_test = int(valid * count), int(test * count)
    order = torch.randperm(count, generator=generator)
    parts = edges[:, order].split([num_test, num_valid, count - num_test - num_valid], dim=1)
    none = non_edges(edges, num_nodes, num_test + num_valid, generator)
    test_none, valid_none = none.split([num_test, num_valid], dim=1)
    return LinkParts(parts[2], parts[1], valid_none, parts[0], test_none)


def non_edges(edges: Tensor, num_nodes: int, count: int, generator: torch.Generator) -> Tensor:
    """Negative samples: ``count`` different pairs i < j, (2, count), in random order, each pair
    that is none of ``edges`` as likely as any other. Raises ValueError if there are not so many.

    The time does not depend on the number of pairs: they are drawn until enough are new, unless
    more than half of them are wanted.
    """
    edges_here = edges[:, edges[0] != edges[1]].cpu()
    known = torch.unique(_codes(edges_here, num_nodes))
    free = num_nodes * (num_nodes - 1) // 2 - len(known)
    if count > free:
        raise ValueError(f"{count} non-edges wanted of a graph that has {free}")
    if 2 * count > free:
        every = torch.triu_indices(num_nodes, num_nodes, offset=1)
        drawn = _unknown(_codes(every, num_nodes), known)
    else:
        drawn = known[:0]
        while len(drawn) < count:
            ends = torch.randint(num_nodes, (2, 2 * count), generator=generator)
            drawn = torch.cat([drawn, _codes(ends[:, ends[0] != ends[1]], num_nodes)])
            drawn = _unknown(torch.unique(drawn), known)
    chosen = drawn[torch.randperm(len(drawn), generator=generator)[:count]]
    return torch.stack([chosen // num_nodes, chosen % num_nodes]).to(edges.device)


def both_ways(pairs: Tensor) -> Tensor:
    """(2, M) -> (2, 2 M): each pair in one direction, then, in the same order, in the other."""
    return torch.cat([pairs, pairs.flip(0)], dim=1)


def _codes(pairs: Tensor, num_nodes: int) -> Tensor:
    """One number a pair, the same for (i, j) and (j, i)."""
    return pairs.amin(0) * num_nodes + pairs.amax(0)


def _unknown(codes: Tensor, known: Tensor) -> Tensor:
    return codes[~torch.isin(codes, known)]
