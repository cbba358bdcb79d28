from xml.etree import ElementTree

import pytest
from rdkit import Chem

from molgnn.chem.depict import svg, svg_coloured

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


def test_colours_of_a_named_group_can_be_hidden_and_nothing_else_with_them():
    mol = Chem.MolFromSmiles("C[C@H](N)C(=O)O")
    red = (1.0, 0.5, 0.5)
    text = svg_coloured(mol, {0: red, 2: red}, {1: red}, 200, 150, group="why")
    (group,) = [g for g in ElementTree.fromstring(text) if g.get("class") == "why"]
    assert len(group) == 3
    assert {shape.get("fill") for shape in group} == {"#FF7F7F"}
    assert "#FF7F7F" not in text[text.index("</g>") :]
    plain = svg_coloured(mol, {}, {}, 200, 150, group="why")
    assert "<g" not in plain
