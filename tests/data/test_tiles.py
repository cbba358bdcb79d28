"""Tiles hold every molecule once, in order, whole, and in one shape."""

import numpy as np
import pytest

from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.data.batch import to_batch
from molgnn.data.tiles import Shape, tiled

TEXTS = ["CCO", "C", "c1ccccc1C(=O)O", "CC(C)(C)C", "[Na+]", "C1CC1", "CC", "N#Cc1ccc2[nH]ccc2c1"]


@pytest.fixture(scope="module")
def graphs() -> PackedGraphs:
    return featurize(TEXTS * 5, "none")[0]


@pytest.mark.parametrize("shape", [Shape(16, 32, 4), Shape(64, 128, 64), Shape(1024, 2048, 3)])
def test_every_molecule_is_in_one_tile_in_order(graphs, shape):
    kinds, tiles = tiled(graphs, shape)
    start, atoms = 0, []
    for tile in tiles:
        assert len(tile.atom_kind) == shape.atoms
        assert len(tile.source) == len(tile.start_kind) == shape.edges
        assert len(tile.members.offsets) == shape.molecules + 1
        sizes = np.diff(tile.members.offsets)[: tile.num_graphs]
        np.testing.assert_array_equal(sizes, graphs.num_atoms[start : start + tile.num_graphs])
        atoms.append(kinds.atoms[tile.atom_kind[: int(sizes.sum())]])
        start += tile.num_graphs
    assert start == len(graphs)
    np.testing.assert_array_equal(np.concatenate(atoms), graphs.atoms)


def test_a_molecule_beyond_the_shape_gets_a_tile_of_its_own():
    graphs = featurize(["CC", "C" * 100, "CC"])[0]
    sizes = [(len(t.atom_kind), t.num_graphs) for t in tiled(graphs, Shape(16, 32, 4))[1]]
    assert sizes == [(16, 1), (128, 1), (16, 1)]


def test_the_edges_and_their_sums_are_those_of_a_batch(graphs):
    kinds, tiles = tiled(graphs, Shape(1024, 2048, 128))
    (tile,) = tiles
    batch, edges = to_batch(graphs), 2 * len(graphs.bonds)
    target = np.repeat(np.arange(1024), np.diff(tile.arriving.offsets))
    source, bond = tile.source[:edges].numpy(), kinds.bonds[tile.bond_kind[:edges]].numpy()
    found = {(s, t, *b) for s, t, b in zip(source, target, bond, strict=True)}
    expected = {
        (s, t, *b)
        for s, t, b in zip(*batch.edge_index.numpy(), batch.edge_attr.numpy(), strict=True)
    }
    assert found == expected
    for edge in range(edges):
        begin, end = tile.incoming.offsets[edge : edge + 2]
        others = tile.incoming.index[begin:end].numpy()
        reach = {(int(s), int(source[edge])) for s in source[others]}
        wanted = {(s, t) for s, t, *_ in expected if t == source[edge] and s != target[edge]}
        assert reach == wanted


def test_a_start_is_the_pair_of_source_atom_and_bond(graphs):
    kinds, tiles = tiled(graphs, Shape(64, 128, 64))
    for tile in tiles:
        edges = len(tile.arriving.index)
        atom, bond = kinds.starts[tile.start_kind[:edges]].T
        assert (atom == tile.atom_kind[tile.source[:edges]]).all()
        assert (bond == tile.bond_kind[:edges]).all()


def test_the_halves_are_a_batch_with_loops_on_an_atom_of_nobody(graphs):
    shape = Shape(1024, 2048, 128)
    kinds, tiles = tiled(graphs, shape, halves=True)
    (tile,) = tiles
    bonds, batch = len(graphs.bonds), to_batch(graphs)
    real = np.r_[0:bonds, 1024 : 1024 + bonds]
    np.testing.assert_array_equal(tile.halves.edge_index[:, real], batch.edge_index)
    np.testing.assert_array_equal(kinds.bonds[tile.halves.bond_kind[real]], batch.edge_attr)
    others = np.setdiff1d(np.arange(2048), real)
    assert (tile.halves.edge_index[:, others] == 1023).all()
    assert tile.graph_id[1023] == 128
