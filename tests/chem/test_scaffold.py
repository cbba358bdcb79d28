"""Bemis-Murcko scaffolds."""

import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from molgnn.chem.scaffold import murcko


@pytest.mark.parametrize(
    "text, scaffold",
    [
        ("CC(=O)Oc1ccccc1C(=O)O", "c1ccccc1"),
        ("CCCCO", ""),
        ("C", ""),
        ("c1ccccc1CCc1ccncc1", "c1ccc(CCc2ccncc2)cc1"),
        ("O=C1CCCCC1C", "O=C1CCCCC1"),
    ],
)
def test_rings_and_what_joins_them_remain(text, scaffold):
    assert murcko(Chem.MolFromSmiles(text)) == scaffold


def test_a_molecule_without_rings_has_what_rdkit_finds_and_a_long_one_takes_no_time(drugs):
    found = [m for m in map(Chem.MolFromSmiles, drugs) if m and not m.GetRingInfo().NumRings()]
    assert len(found) > 100
    for mol in found:
        rdkits = MurckoScaffold.MurckoScaffoldSmiles(mol=mol, includeChirality=False)
        assert murcko(mol) == rdkits == ""
    assert murcko(Chem.MolFromSmiles("N" + "[C@@H](C)C(=O)N" * 580)) == ""  # RDKit: minutes


def test_stereoisomers_share_their_scaffold():
    pair = ["C[C@H]1CC[C@@H](c2ccccc2)O1", "C[C@@H]1CC[C@H](c2ccccc2)O1"]
    assert len({murcko(Chem.MolFromSmiles(text)) for text in pair}) == 1


def test_every_drugs_scaffold_is_a_valid_molecule_and_its_own_scaffold(drugs):
    for text in drugs[::40]:
        scaffold = murcko(Chem.MolFromSmiles(text))
        assert murcko(Chem.MolFromSmiles(scaffold)) == scaffold
