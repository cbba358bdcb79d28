"""Small models for the tests of the models floor."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.targets import Task
from molgnn.models.build import build_model
from molgnn.models.ensemble import Predictor

_SHIPPED = Path(__file__).parents[2] / "data" / "approved_drugs.smi"
TASKS = (
    Task("logS", "regression", "log mol/L", mean=-2.5, std=2.0),
    Task("toxic", "binary", classes=("0", "1")),
    Task("class", "multiclass", classes=("0", "1", "2")),
)


@pytest.fixture(scope="session")
def drugs() -> list[str]:
    """SMILES of the approved drugs that ship with molgnn."""
    return [line.split("\t")[0] for line in _SHIPPED.read_text().splitlines()]


@pytest.fixture(scope="session")
def graphs(drugs):
    """Sixty drugs, featurised."""
    return featurize(drugs[::44])[0]


@pytest.fixture(scope="session")
def spec_of():
    """spec_of(encoder, readout) -> the parts of a tiny network, as ``build_model`` takes them."""

    def make(encoder="dmpnn", readout="sum", **options):
        return {
            "encoder": {"name": encoder, "dim": 8, "depth": 2, **options},
            "readout": {"name": readout},
            "head": {"name": "mlp", "hidden": 8},
        }

    return make


@pytest.fixture(scope="session")
def predictor_of():
    """predictor_of(spec, members, tasks) -> an untrained model whose batch norms have seen data."""

    def make(spec, members=1, tasks=TASKS, **card):
        models = []
        for member in range(members):
            torch.manual_seed(member)
            model = build_model(**spec, out_dim=sum(task.width for task in tasks))
            for name, buffer in model.named_buffers():
                if name.endswith(("running_mean", "running_var")):
                    buffer.uniform_(0.5, 1.5)
            models.append(model)
        return Predictor(models, tasks, "parent", card)

    return make


@pytest.fixture(scope="session")
def training() -> pa.Table:
    bits = pa.array([np.zeros(256, dtype=np.uint8).tobytes()], pa.binary(256))
    return pa.table({"smiles": ["CCO"], "logS": [0.5], "fingerprint": bits})
