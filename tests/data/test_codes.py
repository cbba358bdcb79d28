import numpy as np
import pytest

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.data import codes

MOLECULES = ["CCO", "c1ccccc1Br", "[Na+].[Cl-]", "C", "F/C=C/F", "C[C@H](N)C(=O)O", "C" * 300]


def check(graphs):
    coded = codes.encode(graphs)
    atoms = codes.tuples(coded.atoms.words, ATOM_SIZES)[coded.atoms.ids]
    bonds = codes.tuples(coded.bonds.words, BOND_SIZES)[coded.bonds.ids]
    np.testing.assert_array_equal(atoms, graphs.atoms)
    np.testing.assert_array_equal(bonds, graphs.bonds)
    np.testing.assert_array_equal(coded.ends, graphs.bond_ends)
    return coded


def random_graphs(n):
    """One molecule of n atoms, each with codes of its own, and as many bonds."""
    rng = np.random.default_rng(0)
    atoms = np.stack([rng.integers(0, size, n) for size in ATOM_SIZES], 1).astype(np.uint8)
    bonds = np.stack([rng.integers(0, size, n) for size in BOND_SIZES], 1).astype(np.uint8)
    ends = rng.integers(0, n, (n, 2)).astype(np.int32)
    return PackedGraphs(atoms, ends, bonds, np.array([0, n]), np.array([0, n]))


@pytest.mark.parametrize("texts", [MOLECULES, MOLECULES[:3], ["C"], []])
def test_codes_give_every_field_back(texts):
    check(featurize(texts, "none")[0])


def test_two_hundred_thousand_different_atoms_are_coded_too():
    coded = check(random_graphs(200_000))
    assert coded.atoms.ids.dtype == np.uint32
    assert coded.ends.dtype == np.uint32


def test_ids_are_as_narrow_as_can_be():
    coded = codes.encode(featurize(["CCO"], "none")[0])
    assert coded.atoms.ids.dtype == coded.bonds.ids.dtype == coded.ends.dtype == np.uint8
    assert codes.encode(featurize(["C" * 300], "none")[0]).ends.dtype == np.uint16
    assert [codes.narrowest(n) for n in (0, 256, 257, 65537)] == [
        np.uint8, np.uint8, np.uint16, np.uint32
    ]  # fmt: skip


def test_words_that_fall_into_one_place_are_told_apart(monkeypatch):
    graphs = featurize(MOLECULES * 20, "none")[0]  # so many that words are hashed
    usual = codes.encode(graphs)
    monkeypatch.setattr(codes, "_ODD", np.uint64(0))
    other = check(graphs)
    np.testing.assert_array_equal(usual.atoms.words, other.atoms.words)
    np.testing.assert_array_equal(usual.atoms.ids, other.atoms.ids)


@pytest.mark.parametrize("few", [0, 10**9])
def test_few_words_and_many_are_coded_alike(monkeypatch, few):
    words = np.random.default_rng(0).integers(0, 1 << 40, 60).repeat(3)
    monkeypatch.setattr(codes, "_FEW", few)
    coded = codes.distinct(words[::-1])
    np.testing.assert_array_equal(coded.words, np.unique(words))
    np.testing.assert_array_equal(coded.words[coded.ids], words[::-1])
    assert coded.ids.dtype == np.uint8


def test_parts_get_one_vocabulary_however_they_are_cut():
    whole = codes.encode(featurize(MOLECULES, "none")[0]).atoms
    parts = [codes.encode(featurize(MOLECULES[i : i + 2], "none")[0]).atoms for i in (0, 2, 4, 6)]
    words, ids = codes.recode(parts)
    np.testing.assert_array_equal(words, whole.words)
    np.testing.assert_array_equal(np.concatenate(ids), whole.ids)


def test_selecting_molecules_selects_their_atoms_and_bonds():
    keep = np.array([1, 0, 1, 0, 1, 1, 0], dtype=bool)
    graphs = featurize(MOLECULES, "none")[0]
    some, alone = codes.encode(graphs).select(keep), graphs.select(np.flatnonzero(keep))
    np.testing.assert_array_equal(
        codes.tuples(some.atoms.words, ATOM_SIZES)[some.atoms.ids], alone.atoms
    )
    np.testing.assert_array_equal(some.ends, alone.bond_ends)
    np.testing.assert_array_equal(some.num_bonds, alone.num_bonds)
