"""Small models for the tests of the models floor."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.targets import Task
from molgnn.models.build import build_model
from molgnn.models.ensemble import Predictor
from molgnn.models.shallow.boosting import OPTIONS, grow_boosted
from molgnn.models.shallow.model import Fitting, fit_shallow

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

    def make(spec, members=1, tasks=TASKS, computed=None, **card):
        models = []
        for member in range(members):
            torch.manual_seed(member)
            width = sum(task.width for task in tasks)
            model = build_model(**spec, out_dim=width, computed=computed)
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


MIXTURES = ("hybrid", "blend", "boosting", "linear", "forest", "neighbours", "mean")


@pytest.fixture(scope="session")
def mixture_of(drugs, spec_of, predictor_of):
    """mixture_of(kind, blocks) -> (a tiny model of that kind for ``TASKS``, its spec): the network
    is untrained, the others have seen forty drugs. ``embeddings``: they see its vectors too."""

    def make(kind, blocks=("morgan", "avalon"), embeddings=False, members=1):
        graphs = featurize(drugs[::66], "parent", blocks)[0]
        size = graphs.num_atoms.astype(np.float32)
        size = np.minimum(size, 60) / 30 - 1
        y = np.stack([size, size > 0, np.clip(np.floor(size + 1.5), 0, 2)], axis=1)
        spec, model = {}, Predictor([], TASKS, "parent", {"name": kind})
        if kind in ("hybrid", "blend"):
            spec = spec_of("gin") | {"features": [blocks[-1]]}
            model = predictor_of(spec, members, computed=blocks, name=kind)
            for member in model.members:
                member.features.fit(graphs.features)
        model.blocks = blocks
        if kind != "hybrid":
            part = {"blend": "boosting"}.get(kind, kind)
            fitting = Fitting(part, blocks, embeddings, trees=5, neighbours=3)
            vectors = model.scorer().embed(graphs) if embeddings else None
            with few_trees():
                shallow = fit_shallow(
                    fitting, graphs.features, vectors, y, TASKS, 0, None, model.blocks
                )
            model.shallow = [shallow]
        if kind == "blend":
            model.shares = np.array([0.5 / members] * members + [0.5])
        return model, spec

    return make


@contextmanager
def few_trees():
    """Boosting of five trees."""
    kept = grow_boosted.__defaults__
    grow_boosted.__defaults__ = ({**OPTIONS, "n_estimators": 5, "learning_rate": 0.3},)
    try:
        yield
    finally:
        grow_boosted.__defaults__ = kept
