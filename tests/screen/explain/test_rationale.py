"""Rationales: connected parts that keep the score, as small as a search of all parts finds."""

import itertools

import numpy as np
import pytest
from rdkit import Chem

import molgnn
from molgnn.chem.graph import featurize
from molgnn.errors import Refusal
from molgnn.screen.explain.hiding import hidden
from molgnn.screen.explain.molecules import read_molecules
from molgnn.screen.explain.pieces import Skeleton
from molgnn.screen.explain.rationale import rationales, shown
from molgnn.screen.explain.search import Search, run_together
from molgnn.screen.explain.target import network_scores, target_of
from molgnn.screen.explain.wanted import Wanted

SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "N[C@@H](C)C(=O)O", "c1ccc2ccccc2c1", "[Na+].[O-]C(=O)CCBr")
WANTED = Wanted(rationale=True, budget=300)


@pytest.fixture(scope="module")
def found(solubility):
    read = read_molecules(SMILES, "parent")
    return read, rationales(solubility, target_of(solubility, None), read, WANTED)


def skeleton(text):
    return Skeleton(Chem.MolFromSmiles(text))


def test_a_rationale_is_a_connected_substructure_of_the_molecule(found):
    read, each = found
    for mol, trace, part in zip(read.mols, read.traces, each, strict=True):
        places = trace.atoms.tolist()
        atoms = [places.index(atom) for atom in part.atoms]
        assert Skeleton(mol).connected(atoms)
        assert mol.HasSubstructMatch(Chem.MolFromSmarts(part.smarts))
        assert Chem.MolFromSmarts(part.smarts).GetNumAtoms() == len(part.atoms)
        assert 0 < len(part.atoms) <= mol.GetNumAtoms()
    sizes = [
        (len(part.atoms), mol.GetNumAtoms()) for part, mol in zip(each, read.mols, strict=True)
    ]
    assert sum(few < all_of_it for few, all_of_it in sizes) >= 3  # naphthalene may need all


def test_a_rationale_keeps_the_share_of_the_score_that_it_says(found, solubility):
    read, each = found
    for i, part in enumerate(each):
        graph = read.graphs.select([i])
        inside = np.isin(read.traces[i].atoms, part.atoms)
        score, alone, none = (
            solubility.predict_graphs(g)[0][0, 0]
            for g in (graph, hidden(graph, ~inside), hidden(graph, np.ones_like(inside)))
        )
        assert part.score == pytest.approx(alone, abs=1e-4)
        assert (alone - none) / (score - none) == pytest.approx(part.kept, abs=1e-3)
        assert part.kept >= WANTED.keep


def test_the_search_finds_the_smallest_of_all_parts_of_a_small_molecule(solubility):
    """The oracle: every connected part."""
    read, target = read_molecules(["OCC(Cl)CC(=O)N"], "parent"), target_of(solubility, None)
    (part,) = rationales(solubility, target, read, WANTED)
    own, atoms = Skeleton(read.mols[0]), range(len(read.graphs.atoms))
    every = [
        frozenset(chosen)
        for size in range(1, len(atoms) + 1)
        for chosen in itertools.combinations(atoms, size)
        if own.connected(chosen)
    ]
    scores = network_scores(
        solubility, target, shown(read.graphs, np.zeros(len(every), dtype=int), every)
    )
    none = network_scores(solubility, target, hidden(read.graphs, np.ones(len(atoms), dtype=bool)))
    kept = (scores - none) / (scores[-1] - none)
    smallest = min(len(chosen) for chosen, k in zip(every, kept, strict=True) if k >= 0.8)
    assert 1 <= smallest < len(atoms)
    assert len(part.atoms) == smallest


def test_the_same_seed_finds_the_same(solubility, found):
    read, first = found
    again = rationales(solubility, target_of(solubility, None), read, WANTED)
    assert again == first


def test_the_molecules_beside_it_do_not_change_a_rationale(solubility, found):
    _, together = found
    for text, part in zip(SMILES[:2], together, strict=False):
        read = read_molecules([text], "parent")
        (alone,) = rationales(solubility, target_of(solubility, None), read, WANTED)
        assert alone == part


def test_a_bond_or_a_ring_leaves_the_rim():
    left = skeleton("Cc1ccccc1").less(frozenset(range(7)))
    assert sorted(map(sorted, left)) == [[0, 1], [1, 2, 3, 4, 5, 6]]
    naphthalene = skeleton("c1ccc2ccccc2c1").less(frozenset(range(10)))
    assert [len(part) for part in naphthalene] == [6, 6]


@pytest.mark.parametrize("text", ["CC", "C", "C1CC1", "C1CC12CC2", "CC(C)(C)C", "C1CC2CCC1CC2"])
def test_what_is_left_is_connected_and_never_nothing(text):
    own = skeleton(text)
    todo, seen = [own.largest()], set()
    while todo:
        part = todo.pop()
        for less in own.less(part):
            assert less
            assert less < part
            assert own.connected(less)
            if less not in seen:
                seen.add(less)
                todo.append(less)
    assert len(own.largest()) == 1 or seen or text == "C1CC1"


def test_a_search_ends_at_its_budget():
    search = Search(skeleton("CC(C)CC(C)CC(C)CC(C)C"), 0.5, walks=1000, budget=40)
    run_together([search], lambda pairs: [len(part) / 13 for _, part in pairs])
    assert 40 <= len(search.shares) < 60


def test_a_search_for_the_only_atom_that_counts_finds_it():
    own = skeleton("CCCCC(CCO)CCCc1ccccc1")
    search = Search(own, 0.9, walks=20, budget=500)
    run_together([search], lambda pairs: [float(7 in part) for _, part in pairs])
    assert search.best() == {7}


def test_nothing_to_keep_is_no_rationale(solubility, monkeypatch):
    from molgnn.screen.explain import rationale

    monkeypatch.setattr(rationale, "_NOTHING", 1e6)
    read = read_molecules(["CCO"], "parent")
    assert rationales(solubility, target_of(solubility, None), read, WANTED) == [None]


def test_an_explanation_carries_its_rationale_in_the_texts_own_order(solubility):
    for text in ("[Na+].OCC(Cl)CC(=O)N", "NC(=O)CC(Cl)CO"):
        first = molgnn.explain(solubility, text, rationale=True)
        atoms = list(first.rationale.atoms)
        assert Chem.MolFragmentToSmiles(Chem.MolFromSmiles(text), atoms) == first.rationale.smiles
    assert first.to_json()["rationale"]["atoms"] == list(first.rationale.atoms)
    assert molgnn.explain(solubility, "CCO").rationale is None
    assert first.rationale.smiles in first._repr_html_()
    assert first.rationale_svg().startswith("<svg")


def test_a_share_beyond_all_is_refused(solubility):
    with pytest.raises(Refusal, match=r"keep= 1\.5: must be above 0 and at most 1"):
        molgnn.explain(solubility, "CC", rationale=True, keep=1.5)


def test_other_atoms_are_hidden_with_their_bonds():
    graphs = featurize(["CCO"])[0]
    part = shown(graphs, np.array([0]), [frozenset({1, 2})])
    assert (part.atoms != graphs.atoms).any(axis=1).tolist() == [True, False, False]
    assert (part.bonds != graphs.bonds).any(axis=1).tolist() == [True, False]
