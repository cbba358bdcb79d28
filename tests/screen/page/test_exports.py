"""What is taken away from the page holds what hits.csv holds, and nothing that runs."""

import csv
import io
import json

import pytest
from rdkit import Chem

from molgnn.screen.page.exports import (
    ZEROS,
    csv_line,
    data_block,
    one_line,
    sdf_record,
    smi_line,
    with_coordinates,
)

AWKWARD = [
    "C[C@H](N)C(=O)O",
    "F/C=C/F",
    "[13CH3][N+](C)(C)C.[Cl-]",
    "[CH3]",
    "*c1ccccc1",
    "O=[U]=O",
    "C1CC1 |$~;x;y$|",
    "CO[C@H]1O[C@@H]2O[C@@]3(C)CC[C@H]4[C@H](C)CC[C@@H]([C@H]1C)[C@@]24OO3",  # artemether
    "[H][H]",
    "[NH3]->[Pt](Cl)Cl",
]


def joined(record):
    """As the page's script does it."""
    title, block, fields = record
    return title + block.replace("~\n", ZEROS) + fields


@pytest.mark.parametrize("smiles", AWKWARD)
def test_a_record_is_the_molecule_that_was_drawn(smiles):
    mol = with_coordinates(Chem.MolFromSmiles(smiles))
    supplier = Chem.SDMolSupplier()
    supplier.SetData(joined(sdf_record(mol, {"id": "x", "smiles": smiles})))
    (found,) = supplier
    assert Chem.MolToSmiles(found) == Chem.MolToSmiles(mol)
    assert found.GetProp("smiles") == smiles


@pytest.mark.parametrize("name", ["$$$$", "> <x>", "M  END", "a\n$$$$\nb", "", "ends with ~"])
def test_no_name_ends_a_record_or_begins_a_field(name):
    mol = with_coordinates(Chem.MolFromSmiles("CCO"))
    text = joined(sdf_record(mol, {"id": name, "<name>\n": name, "score": "-1.5"}))
    supplier = Chem.SDMolSupplier()
    supplier.SetData(text + text)
    found = list(supplier)
    assert [each.GetNumAtoms() for each in found] == [3, 3]
    assert [each.GetProp("score") for each in found] == ["-1.5", "-1.5"]
    if name:
        assert found[1].GetProp("_name_").strip() == one_line(name)


def test_a_line_of_csv_runs_nothing_and_is_read_as_it_was():
    cells = ["=1+1", "@x", "-2+3", "-2.5", 'a "b", c', "two\nlines", ""]
    (found,) = csv.reader(io.StringIO(csv_line(cells), newline=""))
    assert found == ["'=1+1", "'@x", "'-2+3", "-2.5", 'a "b", c', "two\nlines", ""]


def test_a_line_of_smiles_stays_one_line():
    assert smi_line("CCO", "a\tb\r\nc\u2028d") == "CCO\ta b c d\n"
    assert smi_line("CCO", "") == "CCO\n"


def test_data_in_a_page_ends_no_script_and_comes_back_as_it_was():
    data = {"a": ["</script><!--<script>", "&amp;", "\u2028", "\ud800", "é"]}
    text = data_block(data)
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == data
