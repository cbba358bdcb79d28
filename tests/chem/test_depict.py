from xml.etree import ElementTree

import pytest
from rdkit import Chem

from molgnn.chem.depict import svg

AWKWARD = ["C", "[Na+].[Cl-]", "C[C@H](N)O", "C/C=C/C", "*", "[U]", "[2H]O", "c1ccc2[nH]ccc2c1"]


@pytest.mark.parametrize("smiles", AWKWARD)
def test_a_drawing_is_one_clear_svg_element_of_the_size_asked_for(smiles):
    text = svg(Chem.MolFromSmiles(smiles), 120, 90)
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert root.attrib["viewBox"] == "0 0 120 90"
    assert not text.startswith("<?xml")
    assert "<rect" not in text  # transparent


def test_labels_of_the_input_do_not_reach_the_drawing():
    mol = Chem.MolFromSmiles("C* |$;<script>alert(1)</script>$|")
    mol.SetProp("_Name", "<script>")
    assert "script" not in svg(mol)


def test_a_molecule_that_cannot_be_kekulized_is_drawn_all_the_same():
    assert svg(Chem.MolFromSmiles("c1cccc1", sanitize=False)).endswith("</svg>")
