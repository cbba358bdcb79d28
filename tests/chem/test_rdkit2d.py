"""The quick way to RDKit's descriptors gives what RDKit's own functions give, bit by bit."""

import gzip

import numpy as np
import pytest
from rdkit import Chem, rdBase
from rdkit.Chem import Descriptors, rdMolDescriptors

from molgnn.chem import crippen, groups, rdkit2d
from molgnn.chem.descriptors import molecule_features
from molgnn.chem.facts import Facts
from molgnn.chem.trial import awkward

ODD = [
    *("[Na+].[Cl-]", "[Cu+2].[O-]S(=O)(=O)[O-]", "CCN.Cl", "C.C.C", "[He]", "[U]", "[NH4+]"),
    *("[H][H]", "[2H]C([2H])([2H])O", "[13CH3][CH2]", "[CH]", "C[C](C)C", "[15NH2]N=[N+]=[N-]"),
    *("C1CC1C", "C1CCC1CC1CC1", "C12C3C4C1C5C2C3C45", "C1CC11CC1", "C12CC1C2", "C1=CC=C1"),
    *(
        "[HH2-]",
        "[2HH2-]",
        "N->[Pt](<-N)(Cl)Cl",
        "F[P-](F)(F)(F)(F)F",
        "*c1ccc(*)cc1",
        "C~C",
        "C$C",
        "[Fe]",
        "C[Hg]C",
    ),
    *("OC#C", "O=CO", "CC(=O)OO", "c1cc[o+]cc1", "OS(=O)O", "ON=O", "C[OH2+]", "OP(O)O", "O"),
    *("C" * 150, "CC(C)(C)C" * 12, "c1ccc(-c2ccc(-c3ccccc3)cc2)cc1", "N[C@@H](C)C(=O)NCC(=O)O"),
    "F/C=C/C=C\\F",
    "c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9c%10c5c5c1c1c6"
    "c6c%11c2c2c7c3c3c8c4c4c9c5c1c1c6c2c3c41",
    "O=C(O)C[C@H]1CN(C(=O)Nc2ccc(F)cc2)CCN1S(=O)(=O)c1cccc2cccnc12",
]


@pytest.fixture
def anew():
    """What was found out about RDKit's descriptors is forgotten, before and after."""
    rdkit2d.differing.cache_clear()
    rdkit2d._plan.cache_clear()
    yield
    rdkit2d.differing.cache_clear()
    rdkit2d._plan.cache_clear()


def molecules(texts):
    """Each molecule read from its canonical SMILES, as ``molecule_features`` does."""
    with rdBase.BlockLogs():
        found = filter(None, map(Chem.MolFromSmiles, texts))
        return [Chem.MolFromSmiles(Chem.MolToSmiles(mol)) or mol for mol in found]


def assert_same(texts):
    mols = molecules(texts)
    assert mols
    with rdBase.BlockLogs(), np.errstate(all="ignore"):
        for mol in mols:
            plain = rdkit2d.descriptors_plain(Chem.Mol(mol)).astype(np.float32)
            quick = rdkit2d.descriptors(Chem.Mol(mol)).astype(np.float32)
            wrong = ~((plain == quick) | (np.isnan(plain) & np.isnan(quick)))
            assert not wrong.any(), (Chem.MolToSmiles(mol), np.array(rdkit2d.names())[wrong])


def test_odd_molecules_have_rdkits_own_descriptors():
    assert_same(ODD)
    assert_same([text for text in awkward() if "\n" not in text])


def test_drugs_have_rdkits_own_descriptors(drugs):
    assert_same([text for text in drugs[7::40] if len(text) < 150])


def test_awkward_real_files_have_rdkits_own_descriptors(molgnn_data):
    for path in sorted((molgnn_data / "nasty").iterdir()):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        lines = data.decode("utf-8", "replace").splitlines()
        cells = [line.replace(",", "\t").split() for line in lines[:: max(1, len(lines) // 40)]]
        assert_same([cell for row in cells for cell in row[:2] if len(cell) < 150])


def test_no_group_differs_from_the_rdkit_that_is_installed():
    assert rdkit2d.differing() == frozenset()


def test_the_screen_leaves_out_most_patterns_but_none_that_is_there(drugs):
    screen, may, there = groups._screen(), 0, 0
    for mol in molecules([*drugs[::20], *ODD]):
        possible = screen.possible(Facts(mol))
        for pattern, flag in zip(screen.patterns, possible, strict=True):
            found = mol.HasSubstructMatch(pattern)
            assert flag or not found, (Chem.MolToSmiles(mol), Chem.MolToSmarts(pattern))
            may, there = may + flag, there + found
    assert there < may < 4 * there


def test_kinds_forgotten_when_there_are_too_many_are_found_again(drugs, monkeypatch):
    screen, mols = groups._screen(), molecules(drugs[::200])
    before = [screen.possible(Facts(mol)) for mol in mols]
    monkeypatch.setattr("molgnn.chem.patterns._MOST", 3)
    assert [screen.possible(Facts(mol)) for mol in mols] == before


def test_log_p_needs_no_hydrogen_atoms(drugs):
    for mol in molecules([*ODD, *drugs[::10]]):
        assert Facts(mol).log_p == rdMolDescriptors.CalcCrippenDescriptors(Chem.Mol(mol))


def test_more_hydrogen_atoms_than_rdkit_finds_are_left_to_it(monkeypatch):
    mol = Chem.MolFromSmiles("C" * 600)
    assert Facts(mol).log_p == rdMolDescriptors.CalcCrippenDescriptors(Chem.Mol(mol))
    monkeypatch.setattr(crippen, "_MOST", 10_000)
    assert Facts(Chem.Mol(mol)).log_p != rdMolDescriptors.CalcCrippenDescriptors(Chem.Mol(mol))


def test_a_changed_definition_and_a_new_descriptor_are_rdkits_own(anew):
    listed = Descriptors._descList  # one list: RDKit's own loop, and ours, go through it
    before = list(listed)
    changed = rdkit2d.names().index("BertzCT")
    listed[changed] = "BertzCT", lambda mol: -float(mol.GetNumAtoms())
    listed.append(("brand_new", lambda mol: 7.0))
    try:
        assert rdkit2d.differing() == {"BertzCT"}
        found = rdkit2d.descriptors(Chem.MolFromSmiles("c1ccncc1"))
        assert (found[changed], found[-1]) == (-6.0, 7.0)
    finally:
        listed[:] = before


def test_a_group_that_fails_leaves_its_names_to_rdkit(anew, monkeypatch):
    def fail(facts):
        raise RuntimeError("a molecule that the group cannot do")

    broken = [(names, fail) for names, _ in groups.GROUPS]
    monkeypatch.setattr(rdkit2d, "GROUPS", broken)
    assert_same(ODD[:12])


def test_a_spelling_does_not_change_the_features(drugs):
    for mol in molecules(drugs[11::300]):
        spelled = [Chem.MolFromSmiles(Chem.MolToSmiles(mol, doRandom=True)) for _ in range(3)]
        found = molecule_features([mol, *spelled], ["rdkit2d"])
        assert all(np.array_equal(found[0], row, equal_nan=True) for row in found[1:])
