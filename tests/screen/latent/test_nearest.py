"""Blocks and products change nothing: neighbours are those of a plain search."""

import numpy as np
import pytest

from molgnn.screen.latent import nearest
from molgnn.screen.latent.nearest import nearest_rows


def plain(vectors, queries, k):
    """The oracle: all differences, sorted by distance and then by row."""
    found = []
    for query in queries.astype(np.float64):
        distances = np.sqrt(np.square(vectors.astype(np.float64) - query).sum(axis=1))
        rows = np.lexsort((np.arange(len(vectors)), distances))[:k]
        found.append((distances[rows], rows))
    return tuple(np.stack(parts) for parts in zip(*found, strict=True))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK", 64)
    monkeypatch.setattr(nearest, "QUERIES", 7)


def check(vectors, queries, k):
    distances, rows = nearest_rows(vectors, queries, k)
    wanted, order = plain(vectors, queries, k)
    assert np.array_equal(rows, order)
    assert np.array_equal(distances, wanted)


@pytest.mark.parametrize("k", [1, 5, 64, 300])
def test_neighbours_are_those_of_a_plain_search(k):
    draw = np.random.default_rng(k)
    vectors = draw.normal(size=(300, 9)).astype(np.float32)
    check(vectors, draw.normal(size=(20, 9)).astype(np.float32), k)


@pytest.mark.parametrize("shift", [0, 1e3])
def test_ties_go_in_the_order_of_the_library_however_far_off_all_lie(shift):
    draw = np.random.default_rng(1)
    vectors = (draw.integers(0, 3, size=(500, 4)) + shift).astype(np.float32)
    check(vectors, vectors[:20], 90)


def test_what_rounding_hides_from_products_is_found():
    """Squares of a coordinate that all have in common are too coarse for what tells them apart."""
    draw = np.random.default_rng(2)
    vectors = draw.uniform(1, 2, size=(300, 9)).astype(np.float32)
    vectors[:, 0] = 1e8
    check(vectors, vectors[:5], 10)


def test_neighbours_that_differ_in_the_last_bit_are_told_apart():
    vectors = np.full((300, 3), 5, dtype=np.float32)
    vectors[:, 0] = np.nextafter(np.float32(5), np.float32(6))
    vectors[[7, 200]] = 5
    distances, rows = nearest_rows(vectors, np.full((1, 3), 5, dtype=np.float32), 3)
    assert rows.tolist() == [[7, 200, 0]]
    assert distances[0, :2].tolist() == [0, 0]
    assert distances[0, 2] > 0


def test_there_are_no_more_neighbours_than_molecules():
    vectors = np.eye(3, dtype=np.float32)
    assert nearest_rows(vectors, vectors[:1], 10)[1].tolist() == [[0, 1, 2]]
    assert nearest_rows(vectors, vectors[:0], 2)[0].shape == (0, 2)
