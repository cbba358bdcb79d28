"""Small tables and runs for the tests of the train floor."""

import csv
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

import molgnn
from molgnn.train.crossplan import plan
from molgnn.train.crossreport import report
from molgnn.train.crossval import cross_validate
from molgnn.train.options import DataOptions, FitOptions, OptimOptions, RunOptions
from molgnn.train.parts import ModelOptions

_SHIPPED = Path(__file__).parents[2] / "data" / "approved_drugs.smi"
TINY = {"name": "dmpnn", "dim": 8, "depth": 2}


@pytest.fixture(scope="session")
def drugs() -> list[str]:
    """Eighty small approved drugs."""
    texts = [line.split("\t")[0] for line in _SHIPPED.read_text().splitlines()]
    return [text for text in texts if "." not in text and len(text) < 40][:80]


@pytest.fixture(scope="session")
def rows_of(drugs):
    """rows_of(seed) -> a row a drug: y grows with the atoms, active and kind follow from it; the
    column ``split`` gives 56 molecules to train, 12 to valid and 12 to test."""

    def make(seed=0):
        rng = np.random.default_rng(seed)
        rows = []
        for i, text in enumerate(drugs):
            y = 0.1 * Chem.MolFromSmiles(text).GetNumAtoms() + rng.normal(0, 0.05)
            part = "train" if i < 56 else "valid" if i < 68 else "test"
            rows.append(
                {
                    "smiles": text,
                    "y": f"{y:.4f}",
                    "active": str(int(y > 1.6)),
                    "kind": str(int(y > 1.3) + int(y > 1.7)),
                    "split": part,
                }
            )
        return rows

    return make


@pytest.fixture
def table(tmp_path, rows_of):
    """table(change, name) -> the file of those rows; ``change(rows)`` edits them first."""

    def write(change=lambda rows: None, name="mine.csv"):
        rows = rows_of()
        change(rows)
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def fit(tmp_path):
    """fit(path, targets, ...) -> a finished tiny run of three epochs in ``tmp_path``."""

    def run(path, targets="y", out="run", optim=None, **options):
        tiny = {
            "epochs": 3,
            "valid": "choose",
            "baseline": False,
            "model": "network",
            "encoder": TINY,
            "split": "column",
        }
        slow = {"lr": 3e-3, "warmup": 0.0} | (optim or {})
        return molgnn.fit(path, targets, out=tmp_path / out, optim=slow, **tiny | options)

    return run


@pytest.fixture(scope="session")
def weights():
    """weights(run) -> the bytes of its weights."""
    return lambda run: (run.folder / "model" / "model.safetensors").read_bytes()


@pytest.fixture
def options(table):
    """options(targets, dim, change, ...) -> a tiny network on the rows of eighty drugs."""

    def make(targets=("y",), dim=8, change=lambda rows: None, baseline=False, **data):
        path = table(change)
        return RunOptions(
            DataOptions(path=str(path), targets=targets, **data),
            model=ModelOptions(),
            encoder={"name": "dmpnn", "dim": dim, "depth": 2},
            optim=OptimOptions(lr=3e-3, warmup=0.0),
            fit=FitOptions(epochs=2, baseline=baseline),
        )

    return make


@pytest.fixture
def pair(options):
    return {"a": options(), "b": options(dim=12)}


@pytest.fixture(scope="session")
def evaluated():
    """evaluated(configs, out, how) -> the summary of an evaluation, all of whose files are made."""

    def run(configs, out, how, **wishes):
        work = plan(configs, how, **wishes)
        return report(work, cross_validate(work, out), out, {})

    return run
