"""Small untrained models whose scores can be explained."""

import numpy as np
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.targets import Task
from molgnn.models.build import build_model
from molgnn.models.bundle import load_bundle
from molgnn.models.ensemble import Predictor
from molgnn.models.shallow.model import Fitting, fit_shallow

TASKS = (
    Task("logS", "regression", "log mol/L", mean=-2.5, std=2.0),
    Task("toxic", "binary", classes=("0", "1")),
    Task("class", "multiclass", classes=("a", "b", "c")),
)
SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "C", "N[C@@H](C)C(=O)O", "C1CC1F", "[Na+].[O-]CC")


@pytest.fixture(scope="session")
def solubility():
    return load_bundle("solubility", "cpu")


@pytest.fixture(scope="session")
def model_of():
    """model_of(encoder, readout, members, blocks, tasks): random weights, none of them tiny."""

    def make(encoder="gin", readout="sum", members=1, blocks=(), tasks=TASKS):
        spec = {
            "encoder": {"name": encoder, "dim": 8, "depth": 2},
            "readout": {"name": readout},
            "head": {"name": "mlp", "hidden": 8},
        }
        networks = []
        for member in range(members):
            torch.manual_seed(member)
            width = sum(task.width for task in tasks)
            network = build_model(**spec, out_dim=width, features=blocks, computed=blocks)
            for name, weight in network.named_parameters():
                if name.endswith("weight") and weight.dim() == 2 and len(weight) > 30:
                    torch.nn.init.normal_(weight)
            if blocks:
                network.features.fit(featurize(SMILES, "parent", blocks)[0].features)
            networks.append(network)
        return Predictor(networks, tasks, "parent", blocks=blocks)

    return make


@pytest.fixture(scope="session")
def forest():
    """A model without a network: it knows that oxygen is what counts."""
    texts = ["C" * n + "O" * (n % 2) for n in range(1, 9)] * 3
    blocks, task = ("morgan",), Task("oxygen", "regression", "O")
    features = featurize(texts, "parent", blocks)[0].features
    y = np.array([[float("O" in text)] for text in texts])
    fitting = Fitting("forest", blocks, trees=20)
    shallow = fit_shallow(fitting, features, None, y, [task], 0, None, blocks)
    return Predictor([], [task], "parent", shallow=[shallow], blocks=blocks)
