"""Every encoder with every readout: composed, trained a step, saved, loaded, predicting alike."""

import dataclasses

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module

from molgnn.chem.graph import featurize
from molgnn.chem.trace import featurize_traced
from molgnn.cli.make import run_options
from molgnn.data.levels import Levels
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.wishes import Wishes, make_tasks
from molgnn.models.build import ENCODERS, READOUTS
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.ensemble import Predictor
from molgnn.train.learn import as_learnt
from molgnn.train.members import Job, new_model, train_members
from molgnn.train.record import training_table

TEXTS = ["CCO", "c1ccccc1N", "CC(=O)O", "C", "O=C1CCCN1", "C#CCl", "OC[C@@H](N)C", "[Na+].[Cl-]"]


@pytest.fixture(scope="module")
def composed():
    """composed(encoder, readout) -> the options that the command line makes of the two names."""
    with initialize_config_module("molgnn.conf", version_base="1.3"):
        small = ["model=network", "encoder.dim=8", "head.hidden=8", "fit.epochs=1"]
        yield lambda encoder, readout: run_options(
            compose("train", [f"encoder={encoder}", f"readout={readout}", *small])
        )


@pytest.fixture(scope="module")
def dataset():
    """Labels of molecules, of atoms and of bonds."""
    graphs, _, _, traces = featurize_traced(TEXTS, "none")
    labels = {
        "molecule": graphs.num_atoms[:, None].astype(float),
        "atom": graphs.atoms[:, :1].astype(float),
        "bond": (graphs.bonds[:, :1] > 1).astype(float),
    }
    zeros = {level: np.zeros_like(array) for level, array in labels.items()}
    return Dataset(
        "t", TEXTS, graphs, Levels.of(graphs, **labels), Levels.of(graphs, **zeros), ["size"],
        TEXTS, list(range(len(TEXTS))), ["element"], ["multiple"], traces,
    )  # fmt: skip


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_it_composes_trains_a_step_and_comes_back_from_disk_as_it_was(
    encoder, readout, composed, dataset, tmp_path
):
    options = composed(encoder, readout)
    everyone = np.arange(len(dataset))
    parts = Split(everyone, everyone[:0], everyone[:0])
    tasks = make_tasks(dataset.names, dataset.labels, dataset.bounds, parts.train, Wishes())
    learnt = as_learnt(dataset, tasks)
    job = Job(options, tasks, learnt, learnt.select([]), tmp_path / "checkpoints")
    (member,), (history,) = train_members(job)
    assert [np.isfinite(row["train_loss"]) for row in history] == [True]
    model = Predictor([member], tasks, "none")
    started = new_model(job, 0).state_dict()
    assert any(not torch.equal(started[k], v) for k, v in member.state_dict().items())
    save_bundle(tmp_path / "model", model, options.spec, training_table(dataset, parts))
    loaded = load_bundle(tmp_path / "model", "cpu")
    assert loaded.tasks == tasks
    graphs = featurize(TEXTS[::-1], "none")[0]
    (before,), (after,) = model.predict_levels(graphs), loaded.predict_levels(graphs)
    for level in ("molecule", "atom", "bond"):
        assert np.isfinite(before[level]).all()
        np.testing.assert_array_equal(before[level], after[level])


def test_the_grid_is_the_whole_one(composed):
    assert len(ENCODERS) * len(READOUTS) >= 60
    assert dataclasses.asdict(composed("gat", "max"))["readout"] == {"name": "max"}
