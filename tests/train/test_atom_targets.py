"""Targets of atoms and bonds, from a table to a model and back: the command line's whole way."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import _CalcCrippenContribs

import molgnn
from molgnn.cli.main import main
from molgnn.errors import Refusal
from molgnn.screen.annotate import annotate

_SHIPPED = Path(__file__).parents[2] / "data" / "approved_drugs.smi"
SMALL = {"name": "dmpnn", "dim": 64, "depth": 3}


def drugs(count):
    """Approved drugs of one piece, the first so many."""
    texts = [line.split("\t")[0] for line in _SHIPPED.read_text().splitlines()]
    return [text for text in texts if "." not in text and len(text) < 200][:count]


def crippen(text):
    """Each atom's contribution to logP (Wildman and Crippen 1999), in the order of the text."""
    return [logp for logp, _ in _CalcCrippenContribs(Chem.MolFromSmiles(text))]


def written(path, texts, **columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", *columns])
        for text in texts:
            writer.writerow([text, *(json.dumps(column(text)) for column in columns.values())])
    return path


def r2_of_crippen(path, count, **options):
    table = written(path / "t.csv", drugs(count), logp=crippen)
    options = {"model": "network", "split": "random", **options}
    run = molgnn.fit(table, atom_targets="logp", out=path / "run", **options)
    test = run.metrics["per_task"]["test"]["logp"]
    print(f"Crippen contributions, {count} molecules: {test}, {run.metrics['baseline']['test']}")
    return run, test["r2"]


def test_crippen_contributions_are_learnt_from_a_few_molecules(tmp_path):
    run, r2 = r2_of_crippen(
        tmp_path, 250, encoder=SMALL, epochs=15, batch_size=8, optim={"lr": 3e-3}
    )
    assert r2 > 0.8
    assert r2 > run.metrics["baseline"]["test"]["r2"]


@pytest.mark.slow
def test_crippen_contributions_of_two_thousand_molecules_are_learnt(tmp_path):
    _, r2 = r2_of_crippen(tmp_path, 2000, epochs=20)
    assert r2 >= 0.95


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A run with targets at all three levels, and its table."""
    folder = tmp_path_factory.mktemp("mixed")

    def sizes(text):
        return float(Chem.MolFromSmiles(text).GetNumAtoms())

    def orders(text):
        return [bond.GetBondTypeAsDouble() for bond in Chem.MolFromSmiles(text).GetBonds()]

    table = written(folder / "t.csv", drugs(60), size=sizes, logp=crippen, order=orders)
    columns = {"targets": "size", "atom_targets": ["logp"], "bond_targets": ["order"]}
    tiny = {"name": "gin", "dim": 8, "depth": 1}
    options = {"model": "network", "encoder": tiny, "epochs": 2, "members": 2, "split": "random"}
    run = molgnn.fit(table, **columns, **options, out=folder / "run")
    return run, table


def test_a_run_has_figures_of_each_target_beside_those_of_a_baseline(mixed):
    run, _ = mixed
    assert set(run.metrics["per_task"]["test"]) == {"size", "logp", "order"}
    assert math.isfinite(run.metrics["baseline"]["test"]["rmse"])
    assert [task.level for task in run.model.tasks] == ["molecule", "atom", "bond"]
    assert (run.folder / "parity.png").exists()


def test_predictions_stand_beside_the_labels_as_lists(mixed):
    run, _ = mixed
    table = pq.read_table(run.folder / "predictions.parquet").to_pandas()
    assert [len(a) for a in table["logp"]] == [len(a) for a in table["logp (measured)"]]
    labels = np.concatenate(table["logp (measured)"].to_list())
    expected = np.concatenate([crippen(text) for text in drugs(60)])
    np.testing.assert_allclose(np.sort(labels), np.sort(expected))


def test_the_command_line_writes_lists_beside_the_input_in_every_format(mixed, tmp_path, capsys):
    run, table = mixed
    out = {suffix: tmp_path / f"p.{suffix}" for suffix in ("csv", "parquet")}
    for path in out.values():
        assert main(["predict", str(run.folder), str(table), "--out", str(path)]) == 0
    capsys.readouterr()
    frame, binary = pd.read_csv(out["csv"]), pd.read_parquet(out["parquet"])
    expected = run.model.predict(drugs(60))
    for column in ("logp", "logp_std", "order", "order_std"):
        name = column if column.endswith("_std") else f"{column}_predicted"
        for text, array, wanted in zip(frame[name], binary[name], expected[column], strict=True):
            np.testing.assert_allclose(json.loads(text), wanted, rtol=1e-6)
            np.testing.assert_allclose(array, wanted, rtol=1e-12)
    np.testing.assert_allclose(frame["size_predicted"], expected["size"], rtol=1e-6)


def test_hydrogens_and_bad_rows_are_null_and_empty(mixed, tmp_path):
    run, _ = mixed
    source = tmp_path / "in.csv"
    source.write_text("smiles,note\n[H]OC,a\nC(C,b\nC.Cl,c\n")
    annotate(run.model, source, tmp_path / "o.csv", workers=1)
    annotate(run.model, source, tmp_path / "o.parquet")
    frame = pd.read_csv(tmp_path / "o.csv")
    first, salt = json.loads(frame["logp"][0]), json.loads(frame["logp"][2])
    assert first[0] is None
    assert None not in first[1:]
    assert salt[1] is None
    assert isinstance(frame["logp"][1], float)  # an empty cell
    assert frame["reason"][1] == "not valid SMILES"
    lists = pq.read_table(tmp_path / "o.parquet")["logp"].to_pylist()
    assert lists[0][0] is None
    assert lists[1] is None


def test_an_sdf_has_its_values_in_the_order_of_its_atoms(mixed, tmp_path):
    run, _ = mixed
    mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
    order = [*range(3, mol.GetNumAtoms()), 2, 0, 1]  # hydrogens first, then O, C, C
    with Chem.SDWriter(str(tmp_path / "in.sdf")) as sdf:
        sdf.write(Chem.RenumberAtoms(mol, order))
    annotate(run.model, tmp_path / "in.sdf", tmp_path / "o.csv")
    values = json.loads(pd.read_csv(tmp_path / "o.csv")["logp"][0])
    expected = run.model.predict("CCO")["logp"][0]
    assert values[:-3] == [None] * (len(order) - 3)
    np.testing.assert_allclose(values[-3:], expected[[2, 0, 1]], rtol=1e-5)


def test_a_model_of_atoms_alone_is_trained_and_predicts_but_cannot_rank(tmp_path, capsys):
    table = written(tmp_path / "t.csv", drugs(40), logp=crippen)
    options = ["data=csv", f"data.path={table}", "data.atom_targets=[logp]", "encoder=gcn"]
    tiny = [
        "model=network",
        "encoder.dim=8",
        "fit.epochs=1",
        "data.split.name=random",
        f"out={tmp_path / 'run'}",
    ]
    assert main(["train", *options, *tiny]) == 0
    assert (
        main(["predict", str(tmp_path / "run"), str(table), "--out", str(tmp_path / "p.csv")]) == 0
    )
    capsys.readouterr()
    assert main(["screen", str(tmp_path / "run"), str(_SHIPPED), "--out", str(tmp_path / "h")]) == 1
    said = capsys.readouterr().err
    assert "predicts logp for atoms or bonds, and nothing for whole molecules to rank" in said
    assert not (tmp_path / "h").exists()


def test_a_target_of_atoms_is_no_column_to_rank_by(mixed, tmp_path):
    run, _ = mixed
    with pytest.raises(Refusal, match="'logp' is predicted for each atom: rank by one of size"):
        molgnn.screen(run.model, _SHIPPED, task="logp")


def test_a_screen_takes_a_model_as_load_does(mixed):
    run, _ = mixed
    found = molgnn.screen(str(run.folder), _SHIPPED, top=3, workers=0)
    loaded = molgnn.screen(run.model, _SHIPPED, top=3, workers=0)
    assert found.hits.equals(loaded.hits)
