"""Each atom and bond of a standardised graph is traced to the right one of the user's text."""

import csv
import random
import re
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDepictor, rdMolDescriptors

from molgnn.chem import smiles, trace
from molgnn.chem.graph import featurize_plain
from molgnn.chem.smiles import RECIPES, InvalidMolecule, canonical, parse
from molgnn.chem.trace import UNTRACED, featurize_traced, parse_traced
from molgnn.chem.trial import awkward, same
from molgnn.errors import Refusal

EVERY = {"none": 40, "parent": 40, "neutral": 60, "tautomer": 500}  # so slow are tautomers
HYDROGENS = {"none": 0, "few": 0.4, "all": 1}  # the share of atoms whose hydrogen is written


@pytest.fixture(scope="module")
def shipped(drugs):
    path = Path(__file__).parents[2] / "data" / "solubility.csv"
    return drugs + [row["smiles"] for row in csv.DictReader(path.read_text().splitlines())]


def explicit(mol, hydrogens, seed):
    """The molecule with hydrogen atoms at the end, added to none, to some or to all atoms."""
    drawn = np.random.default_rng(seed).random(mol.GetNumAtoms())
    chosen = np.flatnonzero(drawn < HYDROGENS[hydrogens]).tolist()
    return Chem.AddHs(mol, onlyOnAtoms=chosen) if chosen else Chem.Mol(mol)


def shuffled(mol, seed):
    order = random.Random(seed).sample(range(mol.GetNumAtoms()), mol.GetNumAtoms())
    return Chem.RenumberAtoms(mol, order)


def spelled(mol, seed):
    """A random spelling, once with the map number 1 + its number in ``mol`` at each atom and once
    without, and these numbers in the order in which the text has them."""
    mol = Chem.Mol(mol)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(1 + atom.GetIdx())
    mapped = Chem.MolToSmiles(shuffled(mol, seed), canonical=False)
    numbers = np.array([int(number) - 1 for number in re.findall(r":(\d+)\]", mapped)])
    assert sorted(numbers) == list(range(mol.GetNumAtoms()))
    return mapped, re.sub(r":\d+\]", "]", mapped), numbers


def crippen(mol):
    """A value of each atom that its surroundings make, not its place."""
    return np.array(rdMolDescriptors._CalcCrippenContribs(mol))


def uncharged(texts):
    return [Chem.MolFromSmiles(text) for text in texts if not re.search(r"[.+]|-\]", text)]


def agrees(mol, traced, text):
    """Whether the trace fits the text, read without any change."""
    written = smiles.as_written(text)
    ends = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in written.GetBonds()]
    assert (traced.num_atoms, traced.num_bonds) == (written.GetNumAtoms(), len(ends))
    assert traced.ends.tolist() == [list(pair) for pair in ends]
    assert {array.dtype for array in (traced.atoms, traced.bonds, traced.ends)} == {np.dtype("i4")}
    places = traced.atoms.tolist()
    assert len(set(places)) == len(places)
    others = map(written.GetAtomWithIdx, places)
    for atom, other in zip(mol.GetAtoms(), others, strict=True):
        assert atom.GetAtomicNum() == other.GetAtomicNum()
        assert atom.GetIsotope() == other.GetIsotope()
        near = {near.GetIdx() for near in other.GetNeighbors()}
        assert {places[near.GetIdx()] for near in atom.GetNeighbors()} == near & set(places)
    for bond, number in zip(mol.GetBonds(), traced.bonds.tolist(), strict=True):
        assert {places[bond.GetBeginAtomIdx()], places[bond.GetEndAtomIdx()]} == set(ends[number])
    return True


def check_traces(texts, recipe):
    graphs, rows, reasons, traces = featurize_traced(texts, recipe)
    assert same((graphs, rows, reasons), featurize_plain(texts, recipe))
    assert [len(t.atoms) for t in traces] == graphs.num_atoms.tolist()
    assert [len(t.bonds) for t in traces] == graphs.num_bonds.tolist()


def check_map_numbers(texts, hydrogens, recipe):
    for seed, text in enumerate(texts):
        mapped, plain, numbers = spelled(explicit(Chem.MolFromSmiles(text), hydrogens, seed), seed)
        mol, traced = parse_traced(mapped, recipe)
        assert numbers[traced.atoms].tolist() == [a.GetAtomMapNum() - 1 for a in mol.GetAtoms()]
        assert agrees(mol, traced, mapped)
        mol, traced = parse_traced(plain, recipe)
        assert canonical(mol) == canonical(parse(plain, recipe))
        assert agrees(mol, traced, plain)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_graphs_are_those_of_featurize_and_all_are_traced(recipe, shipped):
    check_traces([*shipped[:: EVERY[recipe]], *awkward()], recipe)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("hydrogens", HYDROGENS)
def test_atoms_are_found_where_their_map_numbers_stand(hydrogens, recipe, shipped):
    check_map_numbers(shipped[3 :: EVERY[recipe]], hydrogens, recipe)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_all_shipped_molecules_are_traced(recipe, shipped):
    texts = shipped[:: 10 if recipe == "tautomer" else 1]
    check_traces(texts, recipe)
    check_map_numbers(texts, "few", recipe)


@pytest.mark.parametrize("recipe", ["none", "parent", "neutral"])
def test_a_value_of_each_atom_is_that_of_the_atom_written_whatever_the_spelling(recipe, shipped):
    for seed, mol in enumerate(uncharged(shipped[1 :: EVERY[recipe]])):
        for hydrogens in HYDROGENS:
            _, text, numbers = spelled(explicit(mol, hydrogens, seed), seed)
            standard, traced = parse_traced(text, recipe)
            if standard.GetNumAtoms() == mol.GetNumAtoms():
                assert np.allclose(crippen(standard), crippen(mol)[numbers[traced.atoms]])
            else:  # hydrogen that tells of a double bond's stereo has stayed
                assert "[H]" in canonical(standard)


def test_tautomers_of_two_spellings_have_the_same_atoms_in_the_same_places(shipped):
    agreed = 0
    for seed, mol in enumerate(uncharged(shipped[1::130])):
        kinds = np.array(Chem.CanonicalRankAtoms(mol, breakTies=False))
        seen = {}
        for form in (mol, Chem.AddHs(mol)):
            _, text, numbers = spelled(form, seed)
            standard, traced = parse_traced(text, "tautomer")
            ranks = Chem.CanonicalRankAtoms(standard, breakTies=False)
            pairs = sorted(zip(kinds[numbers[traced.atoms]].tolist(), ranks, strict=True))
            assert seen.setdefault(canonical(standard), pairs) == pairs
        agreed += len(seen) == 1
    assert agreed > 15  # RDKit may call two spellings two tautomers


@pytest.mark.parametrize("writer", [Chem.MolToMolBlock, Chem.MolToV3KMolBlock])
@pytest.mark.parametrize("hydrogens, first", [("none", 0), ("few", 0), ("all", 0), ("all", 1)])
def test_atoms_of_a_mol_block_are_found_where_they_lie(writer, hydrogens, first, stereo_drugs):
    for seed, text in enumerate(stereo_drugs[::12]):
        mol = explicit(Chem.MolFromSmiles(text), hydrogens, seed)
        backwards = range(mol.GetNumAtoms())[::-1]
        mol = Chem.RenumberAtoms(mol, list(backwards)) if first else shuffled(mol, seed)
        rdDepictor.Compute2DCoords(mol)
        block = writer(mol)
        found, traced = parse_traced(block, "none")
        at, there = (m.GetConformer().GetPositions() for m in (mol, found))
        assert np.allclose(there, at[traced.atoms], atol=1e-4)
        assert traced.ends.tolist() == bonds_of(block)
        assert agrees(found, traced, block)
        assert agrees(*parse_traced(block, "neutral"), block)


def bonds_of(block):
    """The ends of the bonds, from 0, as the lines of a mol block give them."""
    lines = block.splitlines()
    if "V2000" in lines[3]:
        atoms, bonds = int(lines[3][:3]), int(lines[3][3:6])
        return [[int(line[:3]) - 1, int(line[3:6]) - 1] for line in lines[4 + atoms :][:bonds]]
    first, last = lines.index("M  V30 BEGIN BOND"), lines.index("M  V30 END BOND")
    return [[int(end) - 1 for end in line.split()[4:6]] for line in lines[first + 1 : last]]


@pytest.mark.parametrize(
    "text, recipe, atoms, bonds",
    [
        ("[H][H]", "parent", [0, 1], [0]),
        ("C[#1]", "none", [0], []),
        ("[2H]C([H])([H])O[2H]", "none", [0, 1, 4, 5], [0, 3, 4]),
        ("[H]/N=C/C", "none", [0, 1, 2, 3], [0, 1, 2]),
        ("[H]/C(F)=C/[H]", "none", [1, 2, 3, 4], [1, 2, 3]),
        ("[H-][Fe][H]", "none", [0, 1], [0]),
        ("[H-][Fe][H]", "neutral", [1], []),  # uncharged, it is no hydride to keep
        ("[H]C.[H][H]", "none", [1, 2, 3], [1]),
        ("[C@]([H])(F)(Cl)Br", "none", [0, 2, 3, 4], [1, 2, 3]),
        ("Cl.CCN", "parent", [1, 2, 3], [0, 1]),
        ("CCN.Cl", "parent", [0, 1, 2], [0, 1]),
        ("[Na+].CC(=O)[O-]", "neutral", [1, 2, 3, 4], [0, 1, 2]),
        ("CO.CO", "parent", [0, 1], [0]),
        ("[O-]C(=O)C[NH3+]", "neutral", [4, 3, 1, 2, 0], [3, 2, 1, 0]),  # NCC(=O)O
        ("[H]OC(=C)CC", "tautomer", [5, 4, 2, 3, 1], [4, 3, 2, 1]),  # CCC(C)=O
    ],
)
def test_small_molecules_by_hand(text, recipe, atoms, bonds):
    mol, traced = parse_traced(text, recipe)
    assert agrees(mol, traced, text)
    assert (traced.atoms.tolist(), traced.bonds.tolist()) == (atoms, bonds)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_bad_text_has_the_reason_of_parse(recipe):
    texts = ["", " ", "C(", "C1CC", "cC", "CN(C)(C)(C)C", "\n\n\nno\n", "C O", "C\0", None]
    *_, reasons, traces = featurize_traced([*texts, "C"], recipe)
    assert (reasons, len(traces)) == (featurize_plain(texts, recipe)[2], 1)
    with pytest.raises(Refusal, match=r"'wash'.*neutral, none"):
        parse_traced("C", "wash")


def test_hydrogens_alike_of_which_only_one_stays_are_refused():
    text = "[H]C([H])C |SgD:0:shift:1.2::::|"  # a data group of one hydrogen atom keeps it
    assert parse(text).GetNumAtoms() == 3
    with pytest.raises(InvalidMolecule, match=UNTRACED):
        parse_traced(text, "neutral")


CHANGES = {
    "one atom more": lambda mol: mol.AddAtom(Chem.Atom(6)),
    "another element": lambda mol: mol.GetAtomWithIdx(0).SetAtomicNum(7),
    "a bond less": lambda mol: mol.RemoveBond(0, 1),
    "a bond elsewhere": lambda mol: (mol.RemoveBond(0, 1), mol.AddBond(0, 2)),
    "a place twice": lambda mol: mol.GetAtomWithIdx(3).SetIntProp(trace._MARK, 2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_standardisation_that_changes_the_graph_is_refused(change, monkeypatch):
    def changed(mol, renew):
        mol = Chem.RWMol(mol)
        CHANGES[change](mol)
        return mol

    monkeypatch.setitem(RECIPES, "neutral", changed)
    with pytest.raises(InvalidMolecule, match=UNTRACED):
        parse_traced("CCC.C", "neutral")
    assert parse_traced("CCC.C")[1].atoms.tolist() == [0, 1, 2]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_molecule_carries_nothing_that_parse_does_not_give(recipe):
    for text in ("CC(=O)[O-].[Na+]", "[H]OC", "[2H]OC"):
        mols = parse_traced(text, recipe)[0], parse(text, recipe)
        names = [[set(a.GetPropNames(True, True)) for a in mol.GetAtoms()] for mol in mols]
        assert names[0] == names[1]


def test_each_molecule_has_its_deadline_and_no_texts_give_no_traces(monkeypatch):
    seen = []
    monkeypatch.setattr(trace, "each", lambda texts: (seen.append(text) or text for text in texts))
    assert len(featurize_traced(["C", "CC"])[3]) == len(seen) == 2
    assert featurize_traced([])[2:] == ({}, [])
