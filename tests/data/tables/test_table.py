"""Tables for training: labels stay with their molecules, and every row is accounted for."""

import csv

import numpy as np
import pytest

from molgnn.data.readers.rejects import Reject, defuse, write_rejects
from molgnn.data.tables.table import read_dataset
from molgnn.errors import Refusal


@pytest.fixture
def table(tmp_path):
    """table(lines of CSV) -> path."""

    def _table(*lines, name="t.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return _table


def account(data):
    merged, dropped = data.repeats.merged, data.repeats.dropped
    return len(data) + len(data.rejects) + data.unlabelled + merged + dropped


def test_labels_ids_lines_and_graphs_stay_with_their_molecule(table):
    path = table("id,smiles,y,z", "a,OCC,1.5,", "b,C1CC,2,2", "c,CC,NA,3", "", "d,N,4,n/a")
    data = read_dataset(path, targets=["y", "z"])
    assert data.smiles == ["CCO", "CC", "N"]
    assert data.ids == ["a", "c", "d"]
    assert data.lines == [2, 4, 6]
    assert data.graphs.num_atoms.tolist() == [3, 2, 1]
    np.testing.assert_array_equal(data.y, [[1.5, np.nan], [np.nan, 3], [4, np.nan]])
    assert data.rejects == [Reject(str(path), 3, "C1CC", "not valid SMILES")]
    assert account(data) == data.rows == 4


def test_the_order_of_targets_is_the_one_asked_for(table):
    data = read_dataset(table("smiles,a,b", "CC,1,2"), targets=["b", "A"], keep=["a"])
    assert (data.tasks, data.y.tolist(), data.columns) == (["b", "a"], [[2, 1]], {"a": ["1"]})


def test_a_row_without_any_label_is_dropped_and_counted(table):
    data = read_dataset(table("smiles,y", "CC,1", "CCC,", "CCCC, NaN "), targets=["y"])
    assert (data.smiles, data.unlabelled, account(data)) == (["CC"], 2, 3)


def test_without_targets_every_molecule_stays(table):
    data = read_dataset(table("CCO a", "CC b", name="t.smi"), targets=[])
    assert (data.smiles, data.y.shape, data.ids) == (["CCO", "CC"], (2, 0), ["a", "b"])


def test_rows_of_the_wrong_width_are_rejected_and_never_shift_labels(table):
    data = read_dataset(table("smiles,name,y", "CC,a,b,1", "CCC,c,2"), targets=["y"])
    assert (data.smiles, data.y.tolist()) == (["CCC"], [[2.0]])
    assert data.rejects[0].reason == "4 cells where the header has 3"


def test_a_salt_is_read_as_its_parent_by_default(table):
    path = table("smiles,y", "CCN.Cl,1")
    assert read_dataset(path, targets=["y"]).smiles == ["CCN"]
    assert read_dataset(path, targets=["y"], recipe="none").smiles == ["CCN.Cl"]


def test_select_takes_rows_in_the_given_order(table):
    data = read_dataset(table("smiles,y,s", "C,1,u", "CC,2,v", "CCC,3,w"), targets="y", keep=["s"])
    picked = data.select([2, 0])
    assert picked.smiles == ["CCC", "C"]
    assert picked.y.ravel().tolist() == [3, 1]
    assert picked.columns == {"s": ["w", "u"]}
    assert picked.lines == [4, 2]
    assert picked.graphs.num_atoms.tolist() == [3, 1]


REPEATED = ("smiles,y", "OCC,1", "CC,5", "CCO,2", "C(O)C,6", "CC,5", "N,7")


@pytest.mark.parametrize(
    "rule, smiles, labels, merged, dropped",
    [
        ("mean", ["CCO", "CC", "N"], [3, 5, 7], 3, 0),
        ("first", ["CCO", "CC", "N"], [1, 5, 7], 3, 0),
        ("drop", ["CC", "N"], [5, 7], 1, 3),
        ("keep", ["CCO", "CC", "CCO", "CCO", "CC", "N"], [1, 5, 2, 6, 5, 7], 0, 0),
    ],
)
def test_repeats_follow_the_rule_and_are_reported(table, rule, smiles, labels, merged, dropped):
    data = read_dataset(table(*REPEATED), targets=["y"], repeats=rule)
    assert (data.smiles, data.y.ravel().tolist()) == (smiles, labels)
    report = data.repeats
    assert (report.groups, report.conflicts, report.spread) == (2, 1, {"y": 5.0})
    assert (report.merged, report.dropped) == (merged, dropped)
    assert report.examples == ["CCO y line 2: 1, line 4: 2, line 5: 6"]
    assert account(data) == data.rows == 6
    assert data.graphs.num_atoms.tolist() == [len(text) for text in smiles]


def test_missing_labels_neither_conflict_nor_count_in_the_mean(table):
    data = read_dataset(table("smiles,a,b", "CC,1.5,", "CC,,3", "CC,2.5,"), targets=["a", "b"])
    assert data.y.tolist() == [[2.0, 3.0]]
    assert data.repeats.spread == {"a": 1.0, "b": 0.0}


def test_classes_merge_by_majority_and_a_tie_is_missing(table):
    path = table("smiles,a,b", "CC,1,0", "CC,1,1", "CC,0,", "C,0,1", "C,1,1", "N,0,0", "N,1,1")
    data = read_dataset(path, targets=["a", "b"])
    assert data.smiles == ["CC", "C"]
    np.testing.assert_array_equal(data.y, [[1, np.nan], [np.nan, 1]])
    assert data.repeats.dropped == 2
    assert account(data) == 7
    mean = read_dataset(path, targets=["a"], classification=False)
    assert mean.y.ravel().tolist() == pytest.approx([2 / 3, 1 / 2, 1 / 2])


def test_rows_of_different_parts_are_never_merged(table):
    path = table("smiles,y,split", "CC,1,train", "CC,2,test", "CC,3,train")
    data = read_dataset(path, targets=["y"], group_by="split")
    assert (data.y.ravel().tolist(), data.columns) == ([2, 2], {"split": ["train", "test"]})


def test_progress_counts_up_to_the_number_of_molecules(table):
    seen = []
    path = table("smiles,y", *("C" * (1 + i % 40) + ",1" for i in range(1100)))
    read_dataset(path, targets=["y"], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(500, 1100), (1000, 1100), (1100, 1100)]


@pytest.mark.parametrize(
    "lines, options, message",
    [
        (("smiles,y", "CC,1", "C,Active"), {}, "line 3: column 'y' holds 'Active'.*write a number"),
        (("smiles,y", "CC,inf"), {}, "line 2: column 'y' holds 'inf'"),
        (("smiles,y", "CC,1_0"), {}, "'1_0'"),
        (("smiles,y", 'CC,"1,5"'), {}, "'1,5'"),
        (("smiles,z", "CC,1"), {}, "no column 'y': the columns are 'smiles', 'z'; .*data.targets"),
        (("smiles,y", "CC,1"), {"keep": ["split"]}, "no column 'split'.*data.split.column"),
        (("smiles,y", "CC,1"), {"smiles": "s"}, "no column 's'.*data.smiles"),
        (("smiles,y",), {}, "no row to learn from"),
        (("smiles,y", "C1CC,1", "CC,"), {}, "1 can't be read, 1 have no label .line 2: 'C1CC'"),
        (("smiles,y", "CC,1"), {"repeats": "max"}, "choose one of drop, first, keep, mean"),
        (("smiles,y", "CC,1"), {"recipe": "max"}, "unknown standardisation 'max'"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_one_line(table, lines, options, message):
    with pytest.raises(Refusal, match=message) as refusal:
        read_dataset(table(*lines), targets=["y"], **options)
    assert "\n" not in str(refusal.value)


def test_targets_in_a_smi_file_are_refused(table):
    with pytest.raises(Refusal, match=r"\.smi has no columns"):
        read_dataset(table("CC a", name="t.smi"), targets=["y"])


@pytest.mark.parametrize(
    "cell, safe",
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-1.5", "-1.5"),
        ("+2e3", "+2e3"),
        ("-cmd", "'-cmd"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("CC=O", "CC=O"),
        ("", ""),
    ],
)
def test_formulas_are_defused_and_numbers_are_not(cell, safe):
    assert defuse(cell) == safe


def test_rejects_are_written_as_csv_and_never_over_another_file(tmp_path):
    path = tmp_path / "rejects.csv"
    rejects = [Reject("=a.csv", 3, 'C"C\nx', "bad, very"), Reject("b", 4, "", "empty")]
    assert write_rejects(path, rejects) == 2
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["file", "line", "text", "reason"],
            ["'=a.csv", "3", 'C"C\nx', "bad, very"],
            ["b", "4", "", "empty"],
        ]
    with pytest.raises(Refusal, match=r"exists already.*--force"):
        write_rejects(path, [])
    assert write_rejects(path, [], force=True) == 0
    with pytest.raises(Refusal, match="no folder"):
        write_rejects(tmp_path / "none" / "r.csv", [])
