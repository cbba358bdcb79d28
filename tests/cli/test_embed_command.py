import pyarrow.parquet as pq
import pytest

from molgnn.cli.main import main
from molgnn.screen.latent import vectors


@pytest.fixture
def folder(autoencoder_folder):
    return str(autoencoder_folder())


def test_the_three_counts_add_up_on_stderr(folder, library, tmp_path, capsys):
    out = tmp_path / "z.parquet"
    assert main(["embed", folder, str(library), "--out", str(out), "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    counts = "42, embedded 40, refused 2 (see their reason)"
    assert said.err.splitlines()[-1] == f"rows in {out}: {counts}"
    assert pq.read_table(out).num_rows == 42


def test_columns_are_named_and_quiet_is_quiet(folder, tmp_path, capsys):
    table, out = tmp_path / "in.csv", tmp_path / "z.parquet"
    table.write_text("smiles,mol,name\nCC,CCO,ethanol\nCC,C(,bad\n")
    words = ["embed", folder, str(table), "--out", str(out), "--quiet", "--device", "cpu"]
    assert main([*words, "--smiles-column", "mol", "--id-column", "name"]) == 0
    assert capsys.readouterr() == ("", "")
    rows = pq.read_table(out).to_pylist()
    assert [(row["smiles"], row["id"]) for row in rows] == [("CCO", "ethanol"), ("C(", "bad")]


def test_a_bundled_model_is_embedded_with_by_its_name(tmp_path):
    (tmp_path / "a.smi").write_text("CCO\n")
    words = ["embed", "solubility", str(tmp_path / "a.smi"), "--out", str(tmp_path / "z.parquet")]
    assert main([*words, "--device", "cpu"]) == 0
    assert len(pq.read_table(tmp_path / "z.parquet").to_pylist()[0]["z"]) > 0


@pytest.mark.parametrize(
    "model, out, said",
    [
        ("no-such", "z.parquet", "unknown model 'no-such'"),
        (None, "z.csv", "must end in .parquet"),
        (None, "there.parquet", "exists: give another --out, or --force"),
    ],
)
def test_a_refusal_is_one_line_and_comes_before_any_work(
    model, out, said, folder, library, tmp_path, capsys
):
    (tmp_path / "there.parquet").write_text("mine")
    before = sorted(tmp_path.iterdir())
    assert main(["embed", model or folder, str(library), "--out", str(tmp_path / out)]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("molgnn: ")
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_interruption_is_a_line_and_exit_code_130(
    folder, library, tmp_path, capsys, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(vectors, "_table", interrupted)
    assert main(["embed", folder, str(library), "--out", str(tmp_path / "z.parquet")]) == 130
    assert "molgnn: interrupted: nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["lib.smi"]


def test_an_output_is_wanted(folder, library, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["embed", folder, str(library)])
    assert stop.value.code == 2
    assert "--out" in capsys.readouterr().err
