"""A graph of codes becomes the molecule it was made from, or a reason; never an exception."""

import numpy as np
import pytest
from rdkit import Chem

from molgnn.chem.fields import ATOM_FIELDS, ATOM_SIZES
from molgnn.chem.graph import featurize
from molgnn.chem.rebuild import flat, rebuilt
from molgnn.chem.smiles import parse
from molgnn.nn.pairs import TYPES, pairs_of

ODD = [
    "CN1CCC[C@H]1c1cccnc1",
    "c1cc[nH]c1",
    "C[N+](C)(C)CC(=O)[O-]",
    "C[S@](=O)c1ccccc1",
    "[CH3]",
    "[O-][n+]1ccccc1",
    "C#N",
    "[2H]C([2H])O",
    "[H][H]",
    "OB1OCCO1",
    "O=c1[nH]cnc2[nH]cnc12",
    "F/C=C/F",
    "*CC",
]


def graph_of(text):
    """Codes (n, 9), ends (m, 2) and types of a molecule, as pretraining sees them."""
    graphs, _, _ = featurize([text])
    order = np.argsort(np.sort(graphs.bond_ends, axis=1) @ [1000, 1])
    types = pairs_of(graphs).types.numpy()
    return graphs.atoms, graphs.bond_ends[order], [TYPES[kind] for kind in types[types > 0]]


def changed(atoms, name, atom, code):
    atoms = atoms.copy()
    atoms[atom, [field.name for field in ATOM_FIELDS].index(name)] = code
    return atoms


@pytest.mark.parametrize("text", ODD)
def test_true_codes_give_the_molecule_back_but_for_stereo_and_isotopes(text):
    found = rebuilt(*graph_of(text))
    assert found.reason == ""
    assert (found.pieces, found.unpaired) == (1, 0)
    assert flat(found.mol) == flat(parse(text))


def test_true_codes_give_every_drug_back(shipped_drugs):
    for text in shipped_drugs[::15]:
        found = rebuilt(*graph_of(text))
        assert (found.reason, found.unpaired) == ("", 0)
        assert flat(found.mol) == flat(parse(text))


def test_a_missing_hydrogen_is_not_mended_but_counted():
    atoms, ends, types = graph_of("CCO")
    for code, unpaired in ((3, 0), (2, 1), (0, 3)):
        found = rebuilt(changed(atoms, "num_hs", 0, code), ends, types)
        assert found.mol is not None
        assert found.unpaired == unpaired
    assert rebuilt(*graph_of("[CH2]C")).unpaired == 0  # it says so itself


@pytest.mark.parametrize(
    "name, code, said",
    [
        ("num_hs", 5, "Explicit valence for atom # 0 C"),
        ("num_hs", 9, "atom 1 has no num_hs"),
        ("atomic_num", 119, "atom 1 has no atomic_num"),
        ("formal_charge", 12, "atom 1 has no formal_charge"),
    ],
)
def test_a_graph_that_is_no_molecule_has_a_reason(name, code, said):
    atoms, ends, types = graph_of("CCO")
    found = rebuilt(changed(atoms, name, 0, code), ends, types)
    assert found.mol is None
    assert said in found.reason
    assert "\n" not in found.reason


def test_an_aromatic_bond_outside_of_a_ring_is_refused():
    atoms, ends, _ = graph_of("CCO")
    assert "aromatic" in rebuilt(atoms, ends, ["aromatic", "single"]).reason


def test_a_ring_that_cannot_be_kekulized_is_refused():
    atoms, ends, types = graph_of("c1cc[nH]c1")
    number = atoms[:, 0].tolist().index(7)
    assert "kekulize" in rebuilt(changed(atoms, "num_hs", number, 0), ends, types).reason.lower()


def test_pieces_are_counted():
    atoms, ends, types = graph_of("CCO")
    assert rebuilt(atoms, ends[:1], types[:1]).pieces == 2
    assert rebuilt(atoms, ends[:0], []).pieces == 3


def test_a_thicket_is_refused_at_once():
    size = 120
    atoms = np.zeros((size, len(ATOM_FIELDS)), dtype=np.int64)
    atoms[:, 3] = 5  # no charge; dummy atoms may have any number of bonds
    ends = np.array([(i, j) for i in range(size) for j in range(i + 1, size)])
    found = rebuilt(atoms, ends, ["single"] * len(ends))
    assert "rings among 120 atoms" in found.reason


def test_graphs_of_noise_never_raise():
    draw = np.random.default_rng(0)
    for _ in range(300):
        size = int(draw.integers(1, 12))
        atoms = draw.integers(0, ATOM_SIZES, (size, len(ATOM_SIZES)))
        pairs = np.array([(i, j) for i in range(size) for j in range(i + 1, size)]).reshape(-1, 2)
        ends = pairs[draw.random(len(pairs)) < 0.3]
        types = [TYPES[k] for k in draw.integers(1, len(TYPES), len(ends))]
        found = rebuilt(atoms, ends, types)
        assert (found.mol is None) == bool(found.reason)


def test_flat_smiles_are_the_same_for_all_stereoisomers():
    assert flat(Chem.MolFromSmiles("C[C@H](N)C(=O)O")) == flat(Chem.MolFromSmiles("CC(N)C(=O)O"))
    assert flat(Chem.MolFromSmiles("F/C=C/F")) == flat(Chem.MolFromSmiles("F/C=C\\F"))
    assert flat(Chem.MolFromSmiles("[13CH4]")) == flat(Chem.MolFromSmiles("C"))
