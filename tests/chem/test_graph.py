"""Packed graphs: cutting and joining flat arrays is the same as a loop over molecules."""

import itertools

import numpy as np
import pytest
from rdkit import Chem

from molgnn.chem.graph import PackedGraphs, featurize, pack
from molgnn.chem.packed import GRAPH_ARRAYS

TEXTS = ["CCO", "C", "c1ccccc1", "[Na+]", "C[C@H](N)O", "C#N", "CC(=O)Oc1ccccc1C(=O)O"]


def arrays(graphs):
    return {name: getattr(graphs, name) for name in GRAPH_ARRAYS}


def assert_equal(left, right):
    for name, array in arrays(left).items():
        other = getattr(right, name)
        assert array.dtype == other.dtype, name
        np.testing.assert_array_equal(array, other, err_msg=name)


def one_by_one(texts):
    """The plain loop: each molecule packed alone, its pieces joined by hand."""
    alone = [pack([Chem.MolFromSmiles(text)]) for text in texts]
    joined = {
        name: np.concatenate([getattr(g, name) for g in alone])
        for name in ("atoms", "bond_ends", "bonds")
    }
    ends = {
        f"{kind}_offsets": np.cumsum([0, *(len(getattr(g, f"{kind}s")) for g in alone)])
        for kind in ("atom", "bond")
    }
    return PackedGraphs(**joined, **ends)


def packed(texts=TEXTS):
    return pack(map(Chem.MolFromSmiles, texts))


def test_packing_many_is_packing_each():
    assert_equal(packed(), one_by_one(TEXTS))
    assert packed().num_atoms.tolist() == [3, 1, 6, 1, 4, 2, 13]
    assert packed().num_bonds.tolist() == [2, 0, 6, 0, 3, 1, 13]


def test_arrays_are_a_few_bytes_an_atom():
    dtypes = [array.dtype for array in arrays(packed()).values()]
    assert dtypes == [np.uint8, np.int32, np.uint8, np.int64, np.int64]


@pytest.mark.parametrize("rows", [[0], [6, 0, 3], [2, 2, 1, 2], [], range(7), np.array([5, 1])])
def test_select_is_the_loop_over_the_rows(rows):
    assert_equal(
        packed().select(rows), one_by_one([TEXTS[row] for row in rows]) if len(rows) else pack([])
    )


@pytest.mark.parametrize("row", [7, 100])
def test_a_row_that_does_not_exist_is_an_error(row):
    with pytest.raises(IndexError):
        packed().select([row])


@pytest.mark.parametrize("cuts", [[], [3], [0, 0, 7], [1, 2, 3, 4, 5, 6]])
def test_concat_undoes_any_cut(cuts):
    edges = [0, *cuts, len(TEXTS)]
    parts = [packed().select(range(a, b)) for a, b in itertools.pairwise(edges)]
    assert_equal(PackedGraphs.concat(parts), packed())


def test_concat_of_nothing_and_pack_of_nothing_are_empty_graphs():
    for empty in (PackedGraphs.concat([]), pack([]), packed().select([])):
        assert len(empty) == 0
        assert empty.atoms.shape == (0, 9)
        assert empty.bonds.shape == (0, 3)
        assert empty.bond_ends.shape == (0, 2)


def test_bond_ends_count_from_zero_in_each_molecule():
    graphs = packed()
    for row in range(len(graphs)):
        alone = graphs.select([row])
        assert (alone.bond_ends < alone.num_atoms[0]).all()


@pytest.mark.parametrize("recipe", ["none", "parent", "neutral", "tautomer"])
def test_bad_texts_have_reasons_and_do_not_shift_their_neighbours(recipe):
    texts = ["bad", *TEXTS[:3], "", "C(", *TEXTS[3:], "cC"]
    graphs, rows, reasons = featurize(texts, recipe)
    assert rows.tolist() == [1, 2, 3, 6, 7, 8, 9]
    assert rows.dtype == np.int64
    assert sorted(reasons) == [0, 4, 5, 10]
    assert all(reasons.values())
    assert_equal(graphs, featurize(TEXTS, recipe)[0])


def test_no_text_at_all_gives_no_graph_and_no_reason():
    graphs, rows, reasons = featurize([])
    assert (len(graphs), len(rows), reasons) == (0, 0, {})


def test_a_salt_is_featurised_as_its_parent_unless_kept():
    salt, base = "CCN.Cl", "CCN"
    assert_equal(featurize([salt])[0], featurize([base])[0])
    assert featurize([salt], "none")[0].num_atoms.tolist() == [4]
