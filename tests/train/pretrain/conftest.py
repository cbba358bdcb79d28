"""Small libraries for the tests of pretraining."""

import gzip
from pathlib import Path

import pytest

from molgnn.train.pretrain.api import term_options
from molgnn.train.pretrain.options import (
    LibraryOptions,
    PretrainFit,
    PretrainOptions,
    TermOptions,
)

_SHIPPED = Path(__file__).parents[3] / "data" / "approved_drugs.smi"
TINY = {"name": "dmpnn", "dim": 16, "depth": 2}


@pytest.fixture(scope="session")
def drug_texts() -> list[str]:
    """Two hundred small approved drugs, each one piece."""
    texts = [line.split("\t")[0] for line in _SHIPPED.read_text().splitlines()]
    return [text for text in texts if "." not in text and len(text) < 40][:200]


@pytest.fixture
def smiles_file(tmp_path, drug_texts):
    path = tmp_path / "drugs.smi.gz"
    with gzip.open(path, "wt") as file:
        file.write("\n".join(f"{text} d{i}" for i, text in enumerate(drug_texts)))
    return path


@pytest.fixture
def options_for(smiles_file):
    """options_for(terms, fit, **data) -> options of a small pretraining."""

    def make(terms="vgae", fit=None, encoder=TINY, seed=0, **data):
        given = {"epochs": 2, "batch_size": 32, "log": 2, "checkpoint": 4, "accelerator": "cpu"}
        chosen = {"library": (str(smiles_file),), "workers": 0} | data
        return PretrainOptions(
            LibraryOptions(**chosen),
            TermOptions(**term_options(terms)),
            encoder,
            fit=PretrainFit(**given | {"precision": "32-true"} | (fit or {})),
            seed=seed,
        )

    return make
