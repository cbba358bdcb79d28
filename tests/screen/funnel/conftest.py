"""A pool that every step has something to say of, and models that need no training."""

from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem

from molgnn.chem.fingerprint import morgan
from molgnn.data.targets import Task
from molgnn.models.known import Known

RECIPE = {
    "pool": 60,
    "models": {"tox": None},
    "objectives": {
        "combine": "pareto",
        "of": {
            "size": {"aim": "up"},
            "toxicity": {"model": "tox", "column": "bulk", "aim": "down", "at_most": 70},
        },
    },
    "properties": {"MW": [100, 500], "logP": [-3, 5], "sets": ["veber"]},
    "alerts": {"drop": ["user"], "flag": ["brenk"], "smarts": {"nitro": "[N+](=O)[O-]"}},
    "novelty": {"at_most": 0.7, "actives": {"best": 0.5}},
    "cores": {"sulfonamide": "NS(=O)=O"},
    "diversity": {"clusters": {"similarity": 0.4, "most": 2}, "scaffold": 1},
}


def known_of(texts, labels):
    """Training molecules with the labels of a task."""
    bits = morgan([Chem.MolFromSmiles(text) for text in texts])
    return Known(list(texts), bits, {name: np.array(v, float) for name, v in labels.items()})


@pytest.fixture
def drugs_file(shipped_drugs, tmp_path):
    """90 approved drugs, the last one again as a salt, a bad row, and a name that is a formula."""
    rows = [f"{text} drug{i}" for i, text in enumerate(shipped_drugs[30:1830:20])]
    rows[40:40] = ["C( bad"]
    rows += ["[Na+].CC(=O)[O-] =cmd|evil", "c1ccccc1[N+](=O)[O-] nitrobenzene"]
    path = tmp_path / "drugs.smi"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def taught(fake_model, shipped_drugs):
    """taught(...) -> a model of the size of molecules that knows its training molecules."""

    def make(**options):
        model = fake_model(**options)
        model.recipe = "parent"
        texts = shipped_drugs[30:430:40]
        model.known = known_of(texts, {"size": range(len(texts))})
        return model

    return make


@pytest.fixture
def tox(fake_model):
    """A second model: its columns are one and two times the size."""
    tasks = [Task("weight", "regression"), Task("bulk", "regression")]
    model = fake_model(tasks=tasks)
    model.sha256, model.recipe = "7c" * 32, "parent"
    return model


@pytest.fixture
def recipe():
    return {key: dict(value) if isinstance(value, dict) else value for key, value in RECIPE.items()}


@pytest.fixture
def manner(tox):
    """What a screen with ``recipe`` needs beside it."""
    return SimpleNamespace(models={"tox": tox}, domain=False, top=6)
