"""Pieces of molecules, and molecules joined of two."""

import numpy as np
import pytest
from rdkit import Chem

from molgnn.chem.pieces import cut, join
from molgnn.chem.smiles import parse


def seeds(count):
    return (np.random.default_rng(seed) for seed in range(count))


def found(text, other=None, count=40):
    mol = parse(text)
    if other is None:
        return {cut(mol, rng) for rng in seeds(count)}
    return {join(mol, parse(other), rng) for rng in seeds(count)}


def test_hydrogen_takes_the_place_of_a_bond_that_was_cut():
    assert found("c1ccccc1Oc1ccccn1") == {"c1ccccc1", "Oc1ccccc1", "c1ccncc1", "Oc1ccccn1", "O"}
    assert found("CN1C=CC=C1") == {"C", "c1cc[nH]c1"}


def test_rings_double_bonds_and_salts_are_not_cut():
    assert found("C1CCCCC1") == found("C=C") == found("[Na+].[Cl-]") == {None}


def test_a_piece_is_taken_as_often_as_it_has_atoms():
    mol = parse("Cc1ccccc1")
    taken = [cut(mol, rng) for rng in seeds(700)]
    assert set(taken) == {"C", "c1ccccc1"}
    assert 60 < taken.count("C") < 140  # a seventh, by four standard deviations


def test_two_are_joined_by_a_single_bond_in_place_of_hydrogen():
    assert found("CO", "c1cc[nH]c1") == {"OCn1cccc1", "OCc1ccc[nH]1", "OCc1cc[nH]c1"}


def test_what_has_no_hydrogen_to_give_is_not_joined():
    assert found("O", "CC") == found("C[N+](C)(C)C", "FC(F)(F)F") == {None}


@pytest.mark.parametrize("joined", [False, True])
def test_every_piece_of_a_drug_is_a_molecule(drugs, joined):
    mols = [parse(text) for text in drugs[:200]]
    kept = 0
    for number, (mol, rng) in enumerate(zip(mols, seeds(len(mols)), strict=True)):
        before = mols[number - 1]
        text = join(mol, before, rng) if joined else cut(mol, rng)
        if text is None:
            continue
        atoms = Chem.MolFromSmiles(text).GetNumHeavyAtoms()
        kept += 1
        if joined:
            assert atoms == mol.GetNumHeavyAtoms() + before.GetNumHeavyAtoms()
        else:
            assert atoms < mol.GetNumHeavyAtoms()
    assert kept > 170
