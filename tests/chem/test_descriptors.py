"""Features of whole molecules: one molecule has one row, whatever its spelling, size or company."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors, rdFingerprintGenerator, rdReducedGraphs

from molgnn.chem import descriptors, rdkit2d
from molgnn.chem.deadline import each
from molgnn.chem.descriptors import (
    BLOCKS,
    MOST_ATOMS,
    columns_of,
    differing,
    feature_names,
    features_hash,
    molecule_features,
    values_of,
)
from molgnn.chem.graph import features_of, featurize
from molgnn.errors import Refusal

ALL = tuple(BLOCKS)


@pytest.fixture(scope="module")
def mols(drugs):
    return [Chem.MolFromSmiles(text) for text in drugs[::131]]


def spelled(mol, seed):
    return Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed)[0]


def test_each_block_is_what_rdkit_computes(mols):
    anew = [Chem.MolFromSmiles(Chem.MolToSmiles(mol)) for mol in mols]
    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    wanted = {
        "morgan": [morgan.GetCountFingerprintAsNumPy(mol) for mol in anew],
        "erg": [rdReducedGraphs.GetErGFingerprint(mol) for mol in anew],
    }
    for block, rows in wanted.items():
        np.testing.assert_array_equal(
            molecule_features(mols, [block]), np.array(rows, dtype=np.float32)
        )
    found = molecule_features(mols, ["rdkit2d"])
    weights = [Descriptors.MolWt(mol) for mol in anew]
    at = feature_names(["rdkit2d"]).index("rdkit2d.MolWt")
    np.testing.assert_array_equal(found[:, at], np.array(weights, dtype=np.float32))
    assert molecule_features(mols, ["avalon"]).sum() > 100


def test_blocks_stand_one_after_the_other_in_the_order_asked(mols):
    found = molecule_features(mols, ["erg", "morgan"])
    assert (
        found.shape == (len(mols), 315 + 2048) == (len(mols), len(feature_names(["erg", "morgan"])))
    )
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 315:], molecule_features(mols, ["morgan"]))
    assert feature_names(["erg", "morgan"])[314:316] == ["erg.314", "morgan.0"]


def test_columns_of_a_block_are_found_among_all(mols):
    whole = molecule_features(mols, ALL)
    for wanted in (["morgan"], ["rdkit2d", "erg"], []):
        part = whole[:, columns_of(ALL, wanted)]
        np.testing.assert_array_equal(part, molecule_features(mols, wanted))


def test_a_block_does_not_change_what_another_one_sees(mols):
    """Of butobarbital, RDKit computes another ErG once its descriptors have been computed."""
    mols = [*mols, Chem.MolFromSmiles("CCCC(C)C1(CC)C(=O)NC(=O)NC1=O")]
    for first in BLOCKS:
        for block in (block for block in BLOCKS if block != first):
            both = molecule_features(mols, [first, block])
            np.testing.assert_array_equal(
                both[:, columns_of([first, block], [block])], molecule_features(mols, [block])
            )


@pytest.mark.parametrize("block", BLOCKS)
def test_two_spellings_of_a_molecule_have_the_same_features_to_the_bit(block, mols):
    found = molecule_features(mols, [block])
    for seed in (1, 2, 3):
        others = [Chem.MolFromSmiles(spelled(mol, seed)) for mol in mols]
        np.testing.assert_array_equal(molecule_features(others, [block]), found)


def test_featurize_gives_features_to_the_molecules_it_gives_graphs(drugs):
    texts = [drugs[0], "nonsense", "", drugs[50], "CCN.Cl"]
    graphs, rows, reasons = featurize(texts, "parent", ("morgan", "rdkit2d"))
    assert rows.tolist() == [0, 3, 4]
    assert sorted(reasons) == [1, 2]
    np.testing.assert_array_equal(
        graphs.features, features_of([drugs[0], drugs[50], "CCN"], "parent", ("morgan", "rdkit2d"))
    )
    assert featurize(["x"], "parent", ("erg",))[0].features.shape == (0, 315)
    assert featurize(texts)[0].features is None


def test_what_rdkit_cannot_compute_is_missing_and_what_is_huge_is_bounded(monkeypatch):
    def compute(mol):
        return np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 2.0])

    block = descriptors.Block(tuple("abcdef"), compute)
    monkeypatch.setitem(BLOCKS, "odd", lambda: block)
    found = molecule_features([Chem.MolFromSmiles("C")], ["odd"])
    np.testing.assert_array_equal(
        found[0], np.array([np.nan, np.nan, np.nan, 1e30, -1e30, 2], dtype=np.float32)
    )


def test_an_unknown_block_is_answered_with_those_there_are():
    with pytest.raises(Refusal, match=r"'mordred'.*morgan, rdkit2d"):
        molecule_features([Chem.MolFromSmiles("C")], ["mordred"])


@pytest.mark.parametrize("block", [name for name in BLOCKS if name != "morgan"])
def test_a_huge_molecule_has_no_features_that_would_take_for_ever(block, monkeypatch):
    """A chain of 3,000 atoms: RDKit's Ipc alone would take hours."""
    assert descriptors.block_of(block).most == MOST_ATOMS
    huge, small = Chem.MolFromSmiles("C" * 3000), Chem.MolFromSmiles("C" * 30)
    found = molecule_features([huge, small], [block])
    assert np.isnan(found[0]).all()
    assert not np.isnan(found[1]).all()


def test_a_huge_molecule_has_counts_of_substructures():
    found = molecule_features([Chem.MolFromSmiles("C" * 3000)], ["morgan"])
    assert found.sum() > 3000


def test_hydrogens_do_not_make_a_molecule_huge(monkeypatch):
    monkeypatch.setattr(rdkit2d, "descriptors", lambda mol: np.ones(len(rdkit2d.names())))
    block = descriptors.BLOCKS["rdkit2d"]()
    edge = Chem.MolFromSmiles("C" * MOST_ATOMS)
    assert block.values(Chem.AddHs(edge)).all()
    assert np.isnan(block.values(Chem.MolFromSmiles("C" * (MOST_ATOMS + 1)))).all()


def test_the_deadline_of_a_molecule_covers_its_features(monkeypatch):
    """Features are computed while the molecule is the last one that ``each`` gave."""
    events = []

    def watched(texts):
        for text in each(texts):
            events.append(text)
            yield text

    block = descriptors.Block(("a",), lambda mol: events.append("computed") or np.zeros(1))
    monkeypatch.setitem(BLOCKS, "noted", lambda: block)
    monkeypatch.setattr("molgnn.chem.graph.each", watched)
    features_of(["CC", "CCC"], "none", ["noted"])
    assert events == ["CC", "computed", "CCC", "computed"]


# What tells one RDKit's features from another's.


def test_the_hash_is_one_of_names():
    assert features_hash(["erg"]) != features_hash(["morgan"])
    assert features_hash(["erg", "morgan"]) != features_hash(["morgan", "erg"])
    assert features_hash(["erg"]) == features_hash(("erg",))


def test_values_are_the_same_each_time_and_within_their_tolerance():
    values = {block: values_of(block) for block in BLOCKS}
    assert all(len(found) == 5 and np.isfinite(found).all() for found in values.values())
    values_of.cache_clear()
    assert {block: values_of(block) for block in BLOCKS} == values
    last_digits = {block: [v * (1 + 1e-9) for v in found] for block, found in values.items()}
    assert differing(last_digits) == []


@pytest.mark.parametrize("name", ["MolLogP", "TPSA", "qed", "BalabanJ", "fr_ester"])
def test_another_definition_of_one_descriptor_shows(name, monkeypatch):
    known = {block: values_of(block) for block in BLOCKS}
    own, at = rdkit2d.descriptors, rdkit2d.names().index(name)

    def other(mol):
        found = own(mol)
        found[at] = found[at] * 1.01 + (found[at] != 0) * 1e-3
        return found

    monkeypatch.setattr(rdkit2d, "descriptors", other)
    for cached in (values_of, descriptors._made):
        cached.cache_clear()
    try:
        assert differing(known) == ["rdkit2d"]
    finally:
        monkeypatch.undo()
        for cached in (values_of, descriptors._made):
            cached.cache_clear()
