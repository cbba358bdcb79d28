"""Labels of molecules, atoms and bonds: read in the input's order, kept in the graph's."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem

from molgnn.data.levels import Levels
from molgnn.data.tables.table import read_dataset
from molgnn.data.wishes import Wishes, make_tasks
from molgnn.errors import Refusal

NAN = float("nan")


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def elements(text):
    return [atom.GetAtomicNum() for atom in Chem.MolFromSmiles(text).GetAtoms()]


def orders(text):
    return [bond.GetBondTypeAsDouble() for bond in Chem.MolFromSmiles(text).GetBonds()]


SALTS = ["CCO", "O=C(C)N", "[Na+].[O-]C(=O)c1ccccc1", "ClCCl", "C1=CC=CN1.Cl", "C"]


@pytest.fixture
def table(tmp_path):
    """Elements as labels of atoms, bond orders as labels of bonds: they can be checked."""
    rows = [{"smiles": s, "z": json.dumps(elements(s)), "order": orders(s)} for s in SALTS]
    return write(tmp_path / "t.csv", rows)


def test_labels_follow_their_atoms_and_bonds_into_the_graph(table):
    data = read_dataset(table, targets=[], atom_targets=["z"], bond_targets=["order"])
    np.testing.assert_array_equal(data.labels.atom[:, 0], data.graphs.atoms[:, 0])
    kinds = {1.0: 1, 2.0: 2, 1.5: 12}  # RDKit's bond types, which are the codes
    assert [kinds[o] for o in data.labels.bond[:, 0]] == data.graphs.bonds[:, 0].tolist()
    assert data.stranded == 2  # of sodium and of chlorine, which the standard form lacks
    assert data.names == {"molecule": [], "atom": ["z"], "bond": ["order"]}


def test_a_selection_takes_its_atoms_and_bonds_along(table):
    data = read_dataset(table, targets=[], atom_targets=["z"], bond_targets=["order"])
    chosen = data.select([3, 0, 3])
    assert chosen.labels.atom[:, 0].tolist() == [17, 6, 17, 6, 6, 8, 17, 6, 17]
    np.testing.assert_array_equal(chosen.labels.atom_offsets, chosen.graphs.atom_offsets)
    assert len(chosen.labels.bond) == len(chosen.graphs.bonds) == 6
    spread = chosen.labels.spread("atom", np.array([1, 2, 3]))
    assert spread.tolist() == [1] * 3 + [2] * 3 + [3] * 3


def test_parquet_lists_and_sdf_properties_say_the_same_as_text(tmp_path, table):
    text = read_dataset(table, targets=[], atom_targets=["z"])
    frame = pd.DataFrame({"smiles": SALTS, "z": [list(map(float, elements(s))) for s in SALTS]})
    frame.to_parquet(tmp_path / "t.parquet")
    listed = read_dataset(tmp_path / "t.parquet", targets=[], atom_targets=["z"])
    with Chem.SDWriter(str(tmp_path / "t.sdf")) as sdf:
        for smiles in SALTS:
            mol = Chem.MolFromSmiles(smiles)
            values = " ".join(map(str, elements(smiles)))
            mol.SetProp("atom.dprop.z", values)
            keyed = [f"{i} {z}" for i, z in enumerate(elements(smiles), 1)]
            mol.SetProp("keyed", "\n".join(reversed(keyed)) if len(keyed) > 4 else values)
            sdf.write(mol)
    for name in ("atom.dprop.z", "keyed"):
        blocks = read_dataset(tmp_path / "t.sdf", targets=[], atom_targets=[name])
        np.testing.assert_array_equal(blocks.labels.atom, text.labels.atom)
    np.testing.assert_array_equal(listed.labels.atom, text.labels.atom)


def test_spellings_of_one_molecule_are_brought_into_one_order_before_they_merge(tmp_path):
    mol, rows = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)NCF"), []
    for seed in range(4):
        text = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed + 1)[0]
        shift = [0.0, 1.0, 2.0, 3.0][seed]
        rows.append(
            {
                "smiles": text,
                "z": [z + shift for z in elements(text)],
                "order": [o - shift for o in orders(text)],
                "y": str(shift),
            }
        )
    data = read_dataset(
        write(tmp_path / "t.csv", rows), targets=["y"], atom_targets=["z"], bond_targets=["order"]
    )
    assert (len(data), data.repeats.merged) == (1, 3)
    np.testing.assert_allclose(data.labels.atom[:, 0], data.graphs.atoms[:, 0] + 1.5)
    kinds = {1: 1.0, 2: 2.0, 12: 1.5}
    expected = [kinds[int(code)] - 1.5 for code in data.graphs.bonds[:, 0]]
    np.testing.assert_allclose(data.labels.bond[:, 0], expected)
    assert data.y.tolist() == [[1.5]]


def test_a_list_of_another_length_is_refused_with_line_and_both_lengths(tmp_path):
    path = write(tmp_path / "t.csv", [{"smiles": "CC", "q": "[1, 2]"}, {"smiles": "C", "q": "1 2"}])
    said = "line 3: column 'q' holds '1 2', which holds 2 values where 1 are written"
    with pytest.raises(Refusal, match=said):
        read_dataset(path, targets=[], atom_targets=["q"])


def test_a_row_with_a_label_at_any_level_is_kept(tmp_path):
    rows = [
        {"smiles": "CC", "y": "", "q": "[1, 2]"},
        {"smiles": "CO", "y": "1", "q": ""},
        {"smiles": "CN", "y": "", "q": ""},
    ]
    data = read_dataset(write(tmp_path / "t.csv", rows), targets=["y"], atom_targets=["q"])
    assert (data.smiles, data.unlabelled) == (["CC", "CO"], 1)
    np.testing.assert_array_equal(data.labels.atom[:, 0], [1, 2, NAN, NAN])


def test_bounds_are_read_beside_labels_and_the_tightest_stays(tmp_path):
    rows = [
        {"smiles": "CC", "y": ">5"},
        {"smiles": "CC", "y": ">6"},
        {"smiles": "CO", "y": "<3"},
        {"smiles": "OC", "y": "2.5"},
        {"smiles": "CN", "y": "<1"},
        {"smiles": "CN", "y": ">2"},
        {"smiles": "CCC", "y": "7"},
    ]
    data = read_dataset(write(tmp_path / "t.csv", rows), targets=["y"])
    found = dict(
        zip(data.smiles, zip(data.y[:, 0], data.bounds.molecule[:, 0], strict=True), strict=True)
    )
    assert found["CC"] == (6, 1)
    assert found["CO"] == (2.5, 0)
    assert found["CCC"] == (7, 0)
    assert "CN" not in found  # below 1 and above 2: no label can be both
    assert data.repeats.dropped == 2


def levels(y):
    return Levels.of_molecules(np.array(y, dtype=float))


def test_only_bounds_are_refused_by_name_as_are_constant_and_missing_labels():
    y, none = levels([[1.0], [2.0], [3.0]]), levels([[0], [0], [0]])
    bounds = levels([[1], [1], [0]])
    with pytest.raises(Refusal, match=r"'y' has only bounds \(2\) and no exact value"):
        make_tasks({"molecule": ["y"]}, y, bounds, np.array([0, 1]), Wishes())
    with pytest.raises(Refusal, match="'y' is 5 for every training molecule"):
        make_tasks({"molecule": ["y"]}, levels([[5], [5], [6]]), none, np.array([0, 1]), Wishes())
    with pytest.raises(Refusal, match="'y' has no label among the training"):
        make_tasks(
            {"molecule": ["y"]}, levels([[NAN], [NAN], [6]]), none, np.array([0, 1]), Wishes()
        )


def test_bounds_make_no_class():
    y, bounds = levels([[0.0], [1.0], [1.0]]), levels([[0], [0], [1]])
    (task,) = make_tasks({"molecule": ["y"]}, y, bounds, np.arange(3), Wishes())
    assert task.kind == "regression"
    with pytest.raises(Refusal, match="'y' holds bounds"):
        make_tasks({"molecule": ["y"]}, y, bounds, np.arange(3), Wishes(kind="binary"))


def test_scaling_is_that_of_exact_training_labels():
    y, bounds = levels([[1.0], [3.0], [90.0], [500.0]]), levels([[0], [0], [1], [0]])
    (task,) = make_tasks({"molecule": ["y"]}, y, bounds, np.arange(3), Wishes())
    assert (task.mean, task.std) == (2.0, 1.0)


def test_a_column_of_quantiles_must_not_hide_a_target():
    y, none = levels([[1.0, 2.0], [2.0, 1.0]]), levels([[0, 0], [0, 0]])
    names = {"molecule": ["y", "y_q0.9"]}
    with pytest.raises(Refusal, match=r"'y_q0\.9': the name is needed"):
        make_tasks(names, y, none, np.arange(2), Wishes(quantiles=(0.5, 0.9)))


def test_a_base_and_its_salt_merge_atom_by_atom(tmp_path):
    text = "CN(C)C(=O)N[C@H]1CC[C@H](CCN2CCN(c3cccc(Cl)c3Cl)CC2)CC1"
    far = Chem.GetDistanceMatrix(Chem.MolFromSmiles(text))[1].tolist()
    rows = [{"smiles": text, "far": far}, {"smiles": f"{text}.Cl", "far": [*far, None]}]
    for row in rows:
        row["far"] = json.dumps(row["far"])
    path = write(tmp_path / "t.csv", rows)
    merged, kept = (
        read_dataset(path, targets=[], atom_targets=["far"], repeats=rule)
        for rule in ("mean", "keep")
    )
    assert merged.repeats.merged == 1
    np.testing.assert_array_equal(merged.labels.atom, kept.select([0]).labels.atom)


@pytest.mark.parametrize("hidden", ["y (measured)", "y (bound)"])
def test_a_column_of_the_report_must_not_hide_a_target(hidden):
    y, none = levels([[1.0, 2.0], [2.0, 1.0]]), levels([[0, 0], [0, 0]])
    with pytest.raises(Refusal, match="the name is needed for another column"):
        make_tasks({"molecule": ["y", hidden]}, y, none, np.arange(2), Wishes())


def test_two_columns_of_one_name_are_refused():
    y, none = levels([[0, 2.5], [1, 1.0], [2, 3.0]]), levels([[0, 0]] * 3)
    names = {"molecule": ["y", "y=1"]}
    with pytest.raises(Refusal, match="two columns of predictions would be called 'y=1'"):
        make_tasks(names, y, none, np.arange(3), Wishes(kind={"y": "multiclass"}))


def test_bounds_of_an_atom_merge_as_those_of_a_molecule_do(tmp_path):
    rows = [
        {"smiles": "CO", "q": '[">5", "<3"]'},
        {"smiles": "CO", "q": '[">6", ">2"]'},
        {"smiles": "CO", "q": '["<9", 2.5]'},
    ]
    first = read_dataset(write(tmp_path / "a.csv", rows[:2]), targets=[], atom_targets=["q"])
    np.testing.assert_array_equal(first.labels.atom[:, 0], [6, NAN])
    assert first.bounds.atom[0, 0] == 1
    every = read_dataset(write(tmp_path / "b.csv", rows), targets=[], atom_targets=["q"])
    np.testing.assert_array_equal(every.labels.atom[:, 0], [NAN, 2.5])
    assert every.bounds.atom[1, 0] == 0
