import csv
import io

import pandas as pd
import pytest
from rdkit import Chem

from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.screen.annotate import annotate

TABLE = 'name,smiles,note\n"a, b",CCO,=1+1\nbad,C(C,\nshort\nempty,,x\nbig,CCCC,007\n'


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(TABLE)
    return path


def read(path, delimiter=","):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_rows_columns_and_order_are_kept_and_a_bad_row_has_its_reason(fake_model, table, tmp_path):
    result = annotate(fake_model(), table, tmp_path / "out.csv")
    header, *rows = read(tmp_path / "out.csv")
    assert header == ["name", "smiles", "note", "size", "reason"]
    assert [row[:3] for row in rows] == [
        ["a, b", "CCO", "=1+1"],
        ["bad", "C(C", ""],
        ["short", "", ""],
        ["empty", "", "x"],
        ["big", "CCCC", "007"],
    ]
    assert [row[3] for row in rows] == ["3", "", "", "", "4"]
    assert [bool(row[4]) for row in rows] == [False, True, True, True, False]
    assert (result.rows, result.predicted, result.renamed) == (5, 2, {})


@pytest.mark.parametrize("workers, chunk", [(0, 1), (0, 2), (1, 3)])
def test_workers_and_chunks_do_not_change_the_table(fake_model, library, tmp_path, workers, chunk):
    annotate(fake_model(), library, tmp_path / "one.csv")
    annotate(fake_model(), library, tmp_path / "two.csv", workers=workers, chunk=chunk)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_smi_file_gives_smiles_and_id(fake_model, library, tmp_path):
    annotate(fake_model(), library, tmp_path / "out.tsv")
    header, *rows = read(tmp_path / "out.tsv", "\t")
    assert header == ["smiles", "id", "size", "reason"]
    raw = [line for line in library.read_text().split("\n") if line.strip()]
    assert [f"{row[0]} {row[1]}" for row in rows] == raw


def test_a_file_that_is_no_table_gives_no_formula(fake_model, tmp_path):
    """A CSV is the user's own and stays as it is (above); this one is made here."""
    path = tmp_path / "evil.smi"
    path.write_text("CCC =cmd|'/c calc'!A1\n=CC @x\nCC -5\n")
    annotate(fake_model(), path, tmp_path / "out.csv")
    cells = [row[:2] for row in read(tmp_path / "out.csv")[1:]]
    assert cells == [["CCC", "'=cmd|'/c calc'!A1"], ["'=CC", "'@x"], ["CC", "-5"]]
    annotate(fake_model(), path, tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["id"][0] == "=cmd|'/c calc'!A1"


def test_an_ensemble_adds_standard_deviations(fake_model, table, tmp_path):
    model = fake_model((Task("y", "regression"), Task("z", "binary")), members=2)
    annotate(model, table, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")[0][3:] == ["y", "z", "y_std", "z_std", "reason"]


def test_a_name_that_the_input_has_gets_another(fake_model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,size,reason\nCC,mine,why\n")
    result = annotate(fake_model(), path, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv") == [
        ["smiles", "size", "reason", "size_predicted", "reason_molgnn"],
        ["CC", "mine", "why", "2", ""],
    ]
    assert result.renamed == {"size": "size_predicted", "reason": "reason_molgnn"}


def test_parquet_has_null_where_there_is_no_value(fake_model, table, tmp_path):
    annotate(fake_model(), table, tmp_path / "out.parquet", chunk=2)
    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert frame["size"].tolist()[::4] == [3.0, 4.0]
    assert frame["size"].isna().sum() == 3
    assert frame["name"].tolist() == ["a, b", "bad", "short", "empty", "big"]


def test_an_sdf_gives_smiles_and_title_before_its_properties(fake_model, tmp_path):
    path = tmp_path / "in.sdf"
    mol = Chem.MolFromSmiles("OCC")
    mol.SetProp("_Name", "ethanol")
    mol.SetProp("price", "3")
    with Chem.SDWriter(str(path)) as writer:
        writer.write(mol)
    annotate(fake_model(), path, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv") == [
        ["smiles", "id", "price", "size", "reason"],
        ["CCO", "ethanol", "3", "3", ""],
    ]


def test_a_stream_gets_csv(fake_model, table, tmp_path):
    out = io.StringIO(newline="")
    annotate(fake_model(), table, out)
    annotate(fake_model(), table, tmp_path / "out.csv")
    assert out.getvalue() == (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.csv.gz"])
def test_an_output_of_unknown_kind_is_refused(fake_model, table, tmp_path, name):
    with pytest.raises(Refusal, match=r"must end in \.csv, \.tsv, \.parquet"):
        annotate(fake_model(), table, tmp_path / name)


def test_nothing_is_overwritten_unless_forced_and_the_input_never(fake_model, table, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("mine")
    with pytest.raises(Refusal, match=r"exists: .*--force"):
        annotate(fake_model(), table, out)
    assert out.read_text() == "mine"
    annotate(fake_model(), table, out, force=True)
    assert out.read_text().startswith("name,smiles")
    with pytest.raises(Refusal, match="is the input itself"):
        annotate(fake_model(), table, table, force=True)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_an_interrupted_prediction_leaves_nothing(fake_model, table, tmp_path, name):
    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate(fake_model(), table, tmp_path / name, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_a_value_that_is_not_finite_leaves_the_row_empty(fake_model, table, tmp_path):
    annotate(fake_model(broken={3: float("nan")}), table, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")[1][3:] == ["", "model gave no finite score"]
