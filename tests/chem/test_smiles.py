"""Parsing and standardising: what each recipe does, and why a text is refused."""

import itertools

import pytest
from rdkit import Chem

from molgnn.chem.graph import featurize
from molgnn.chem.smiles import RECIPES, InvalidMolecule, canonical, parse
from molgnn.errors import Refusal


def standard(text, recipe="parent"):
    return canonical(parse(text, recipe))


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "empty"),
        ("   ", "empty"),
        ("CC\0O", "NUL byte"),
        ("C(", "not valid SMILES"),
        ("hello", "not valid SMILES"),
        ("C1CC", "not valid SMILES"),
        ("CN(C)(C)(C)C", "Explicit valence for atom # 1 N, 5, is greater than permitted"),
        ("c1cccc1", "Can't kekulize mol. Unkekulized atoms: 0 1 2 3 4"),
        ("cC", "non-ring atom 0 marked aromatic"),
        ("\n\n\nnot a mol block\n", "not a valid mol block"),
    ],
)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_bad_text_is_refused_with_its_reason_in_one_line(text, reason, recipe, capfd):
    with pytest.raises(InvalidMolecule) as refused:
        parse(text, recipe)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")  # RDKit's own complaints stay off the terminal


def test_a_mol_block_without_atoms_is_refused():
    empty = "\n  molgnn\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"
    with pytest.raises(InvalidMolecule, match="no atoms"):
        parse(empty)


def test_a_mol_block_with_a_bad_valence_is_refused_with_the_atom():
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CN(C)(C)(C)C", sanitize=False), kekulize=False)
    with pytest.raises(InvalidMolecule, match="valence for atom # 1 N"):
        parse(block)


def test_a_mol_block_is_the_molecule_of_its_smiles():
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    assert standard(block) == standard("CC(=O)Oc1ccccc1C(=O)O")


def test_an_unknown_recipe_is_refused_with_the_choices():
    with pytest.raises(Refusal, match=r"'wash'.*neutral, none, parent, tautomer"):
        parse("C", "wash")


def test_none_keeps_the_salt_and_its_charges():
    assert standard("CC(=O)[O-].[Na+]", "none") == "CC(=O)[O-].[Na+]"


@pytest.mark.parametrize(
    "text, parent",
    [
        ("CC(=O)[O-].[Na+]", "CC(=O)[O-]"),
        ("Cl.CNCCC=C1c2ccccc2CCc2ccccc21", "CNCCC=C1c2ccccc2CCc2ccccc21"),
        ("O.O.O.O.C", "C"),
        # Organic comes before large: the counter-ion has more atoms than methylamine.
        ("C[NH3+].F[P-](F)(F)(F)(F)F", "C[NH3+]"),
        ("[Na+].[Cl-]", "[Na+]"),  # nothing organic: the heavier of equal counts
        ("CCO", "CCO"),
        # The weight decides between equal counts, the spelling between equal weights.
        ("CCCl.CCBr", "CCBr"),
        ("CCO.COC", "COC"),
    ],
)
def test_parent_is_the_largest_organic_fragment_in_whatever_order(text, parent):
    if parent == "[Na+]":
        parent = standard(text)
        assert parent in ("[Na+]", "[Cl-]")
    for order in itertools.permutations(text.split(".")):
        assert standard(".".join(order)) == canonical(Chem.MolFromSmiles(parent))


def test_salts_of_one_molecule_share_their_parent():
    base = "CN1CCC[C@H]1c1cccnc1"
    salts = ("", ".Cl", ".Cl.Cl", ".O=C(O)C(O)C(O)C(=O)O", ".OS(=O)(=O)O")
    assert {standard(base + salt) for salt in salts} == {standard(base)}


@pytest.mark.parametrize(
    "text, neutral",
    [
        ("CC(=O)[O-].[Na+]", "CC(=O)O"),
        ("C[NH3+].[Cl-]", "CN"),
        ("C[N+](C)(C)C.[Br-]", "C[N+](C)(C)C"),  # no hydrogen to give: stays charged
        ("[NH3+]CC(=O)[O-]", "NCC(=O)O"),
        ("C[N+](=O)[O-]", "C[N+](=O)[O-]"),
    ],
)
def test_neutral_uncharges_the_parent(text, neutral):
    assert standard(text, "neutral") == canonical(Chem.MolFromSmiles(neutral))


def test_tautomers_become_one_molecule_only_under_tautomer():
    forms = ["Oc1ccccn1", "O=c1cccc[nH]1"]
    assert len({standard(form) for form in forms}) == 2
    assert len({standard(form, "tautomer") for form in forms}) == 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_standardising_twice_is_standardising_once(recipe):
    for text in ("CC(=O)[O-].[Na+]", "C[C@@H]([NH3+])C(=O)[O-]", "OC(C)=CC=O", "C/C=C/C.Cl"):
        once = standard(text, recipe)
        assert standard(once, recipe) == once


@pytest.mark.parametrize("recipe", ["none", "parent", "neutral"])
def test_standardising_keeps_the_stereochemistry(recipe):
    for text in ("C[C@@H](N)C(=O)O", "C/C=C/C(=O)O"):
        assert standard(text, recipe) == canonical(Chem.MolFromSmiles(text))


def test_the_input_molecule_of_a_recipe_is_left_alone():
    mol = Chem.MolFromSmiles("CC(=O)[O-].[Na+]")
    for recipe in RECIPES.values():
        recipe(mol)
    assert canonical(mol) == "CC(=O)[O-].[Na+]"


@pytest.mark.parametrize("text", ["CC O", "CC\tO", "CCO ethanol"])
def test_white_space_does_not_cut_a_molecule_short(text):
    with pytest.raises(InvalidMolecule, match="white space"):
        parse(text)
    assert list(featurize([text])[2]) == [0]


def test_a_text_of_absurd_length_is_refused_at_once_and_a_cxsmiles_is_not():
    with pytest.raises(InvalidMolecule, match="characters"):
        parse("C" * 300_000)
    assert list(featurize(["C" * 300_000])[2]) == [0]
    assert parse("CCO |$;;R$|").GetNumAtoms() == 3


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_chain_that_would_overflow_the_stack_is_invalid_and_a_long_one_is_not(recipe):
    """RDKit 2026 dies of the SMILES of 20,000 carbon atoms, where a stack has 8 MB."""
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("C" * 3001), includeStereo=False)
    for text in ("C" * 20_000, "C" * 3001, block):
        with pytest.raises(InvalidMolecule, match="atoms: more than 3,000"):
            parse(text, recipe)
    assert list(featurize(["C" * 20_000])[2]) == [0]
    assert canonical(parse("C" * 3000, recipe)) == "C" * 3000


def test_what_is_no_text_is_invalid_and_not_an_error():
    assert featurize([None, float("nan"), "C"])[1].tolist() == [2]


def test_unstated_double_bonds_of_a_mol_block_are_those_of_its_smiles():
    mol = Chem.MolFromSmiles("CC=CCCO")
    block = Chem.MolToMolBlock(mol)
    assert "\n" in block
    for bond in parse(block).GetBonds():
        assert bond.GetStereo() == Chem.BondStereo.STEREONONE
