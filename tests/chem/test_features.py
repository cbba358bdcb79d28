"""The table of fields: PyG is the oracle for all of them but chirality."""

import numpy as np
import pytest
from rdkit import Chem, rdBase
from torch_geometric.utils import from_smiles
from torch_geometric.utils.smiles import e_map, x_map

from molgnn.chem import features, fields
from molgnn.chem.features import ATOM_FIELDS, BOND_FIELDS, atom_codes, bond_codes, cip
from molgnn.chem.graph import featurize

CHIRALITY = 1
AWKWARD = [
    "C",
    "[Na+].[Cl-]",
    "*c1ccccc1",
    "[H][H]",
    "[2H]C([3H])O",
    "[CH3]",
    "[CH2]",
    "[O-][N+](=O)c1ccccc1",
    "F[P-](F)(F)(F)(F)F",
    "FS(F)(F)(F)(F)F",
    "[Cu+2].[O-]S(=O)(=O)[O-]",
    "O=[Os](=O)(=O)=O",
    "N->[Pt](<-N)(Cl)Cl",
    "C#N",
    "[C-]#[O+]",
    "C/C=C/C=C\\C",
    "c1ccc2[nH]ccc2c1",
    "C1CC2CCC1C2",
    "[U]",
    "[Fe+6]",
    "[Zr-4]",
    "[Og]",
    "B12B3B4B1B5B2B3B45",
]


def codes_of(text):
    return featurize([text], "none")[0]


def same_as_pyg(text, graphs):
    """Atoms and directed bonds in PyG's order, so that they compare number by number."""
    with rdBase.BlockLogs():
        pyg = from_smiles(text)
    keep = np.arange(len(ATOM_FIELDS)) != CHIRALITY
    ends = np.concatenate([graphs.bond_ends, graphs.bond_ends[:, ::-1]])
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    return (
        np.array_equal(graphs.atoms[:, keep], pyg.x.numpy()[:, keep])
        and np.array_equal(ends[order], pyg.edge_index.numpy().T)
        and np.array_equal(np.concatenate([graphs.bonds] * 2)[order], pyg.edge_attr.numpy())
    )


@pytest.mark.parametrize("text", AWKWARD)
def test_an_awkward_molecule_has_the_codes_of_pyg(text):
    assert same_as_pyg(text, codes_of(text))


def test_every_approved_drug_has_the_codes_of_pyg(drugs):
    graphs, rows, reasons = featurize(drugs, "none")
    assert len(rows) == len(drugs) == 2628
    assert reasons == {}
    assert [t for i, t in enumerate(drugs) if not same_as_pyg(t, graphs.select([i]))] == []


def test_fields_and_their_sizes_are_those_of_pyg_and_one_other():
    names = [name for name in x_map if name != "chirality"]
    ours = {field.name: field for field in ATOM_FIELDS}
    assert [field.name for field in ATOM_FIELDS] == list(x_map)
    assert [ours[name].size for name in names] == [len(x_map[name]) + 1 for name in names]
    assert [field.name for field in BOND_FIELDS] == list(e_map)
    assert [field.size for field in BOND_FIELDS] == [len(v) + 1 for v in e_map.values()]
    assert max(features.ATOM_SIZES + features.BOND_SIZES) <= 256  # a code is one byte


def test_a_value_outside_the_list_gets_the_fields_other_code():
    charge = [field.name for field in ATOM_FIELDS].index("formal_charge")
    mol = Chem.MolFromSmiles("[U+9]")
    assert atom_codes(mol.GetAtomWithIdx(0))[charge] == ATOM_FIELDS[charge].other == 12
    degree = [field.name for field in ATOM_FIELDS].index("degree")
    crowded = Chem.MolFromSmiles("[U](F)(F)(F)(F)(F)(F)(F)(F)(F)(F)(F)F", sanitize=False)
    crowded.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(crowded)
    codes = atom_codes(crowded.GetAtomWithIdx(0))
    assert codes[degree] == ATOM_FIELDS[degree].other == 11
    assert all(code < field.size for code, field in zip(codes, ATOM_FIELDS, strict=True))


@pytest.mark.parametrize("stereo", ["STEREOATROPCW", "STEREOATROPCCW"])
def test_an_atropisomer_bond_has_the_other_stereo_code(stereo):
    mol = Chem.RWMol(Chem.MolFromSmiles("CC=CC"))
    bond = mol.GetBondWithIdx(1)
    bond.SetStereoAtoms(0, 3)
    bond.SetStereo(Chem.BondStereo.names[stereo])
    assert bond_codes(bond)[1] == BOND_FIELDS[1].other


def labels(text):
    return [cip(atom) for atom in Chem.MolFromSmiles(text).GetAtoms()]


def test_chirality_is_the_cip_label():
    assert labels("C[C@@H](C(=O)O)N")[1] == "S"  # L-alanine
    assert labels("C[C@H](C(=O)O)N")[1] == "R"
    assert labels("CC(C(=O)O)N") == [""] * 6
    assert labels("S(=O)([C@H](N)C)C")[2] in ("R", "S")


@pytest.mark.parametrize(
    "text, centres",
    [
        ("C[C@H]1CC[C@@H](O)CC1", 2),  # cis or trans, neither R nor S
        ("O[C@H]1[C@H](O)[C@@H](O)[C@H](O)[C@H](O)[C@@H]1O", 6),
        ("Cl[Pt@SP1](F)(Br)I", 1),  # square planar: RDKit's R or S depends on the spelling
        ("S[As@TB1](F)(Cl)(Br)N", 1),
        ("O[Co@OH1](F)(Cl)(Br)(N)S", 1),
    ],
)
def test_a_stereocentre_without_r_or_s_is_other_in_every_spelling(text, centres):
    other = ATOM_FIELDS[CHIRALITY].other
    for spelling in Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(text), 10, randomSeed=2):
        codes = codes_of(spelling).atoms[:, CHIRALITY].tolist()
        assert sorted(codes) == [0] * (len(codes) - centres) + [other] * centres


def test_fifteen_spellings_of_alanine_have_one_chirality():
    alanine = Chem.MolFromSmiles("C[C@@H](C(=O)O)N")
    spellings = set(Chem.MolToRandomSmilesVect(alanine, 60, randomSeed=1))
    tags = {
        str(next(a for a in Chem.MolFromSmiles(t).GetAtoms() if a.GetChiralTag()).GetChiralTag())
        for t in spellings
    }
    assert len(tags) == 2  # what PyG's field would say: both
    assert {tuple(sorted(filter(None, labels(text)))) for text in spellings} == {("S",)}


@pytest.mark.parametrize(
    "left, right",
    [("C[C@@H](N)O", "C[C@H](N)O"), ("C/C=C/C", "C/C=C\\C"), ("F/C=C/F", "FC=CF")],
)
def test_stereoisomers_have_different_codes(left, right):
    assert multiset(codes_of(left)) != multiset(codes_of(right))


def multiset(graphs):
    return sorted(map(bytes, graphs.atoms)), sorted(map(bytes, graphs.bonds))


def test_no_spelling_of_a_drug_with_stereo_changes_its_codes(stereo_drugs):
    assert len(stereo_drugs) == 200
    changed = []
    for text in stereo_drugs:
        mol = Chem.MolFromSmiles(text)
        spellings = Chem.MolToRandomSmilesVect(mol, 20, randomSeed=7)
        graphs, rows, _ = featurize([text, *spellings])
        assert len(rows) == 21
        codes = {str(multiset(graphs.select([row]))) for row in range(21)}
        changed += [text] if len(codes) > 1 else []
    assert changed == []


def test_the_schema_is_plain_data_and_its_hash_is_frozen():
    schema = features.schema()
    assert [field["name"] for field in schema["bond"]] == ["bond_type", "stereo", "is_conjugated"]
    # Bundles on disk carry this hash: a change of the table must be a decision, not an accident.
    assert features.schema_hash() == "2b78319602153206"


def test_another_table_has_another_hash(monkeypatch):
    before = features.schema_hash()
    monkeypatch.setattr(fields, "BOND_FIELDS", fields.BOND_FIELDS[:2])
    assert features.schema_hash() != before
