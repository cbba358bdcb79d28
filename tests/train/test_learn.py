"""Learning from molecules in memory: with a folder or without, and without a trace elsewhere."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from molgnn.chem.graph import featurize
from molgnn.data.batch import batch_rows, to_batch
from molgnn.data.levels import Levels
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.wishes import Wishes, make_tasks
from molgnn.nn.loss import LevelLoss
from molgnn.train.fit import Training
from molgnn.train.learn import job_of, learn
from molgnn.train.losses import task_losses
from molgnn.train.members import new_model
from molgnn.train.options import DataOptions, FitOptions, LossOptions, OptimOptions, RunOptions
from molgnn.train.parts import ModelOptions


@pytest.fixture
def job(drugs):
    """job(folder, weight) -> two members of a tiny network, to learn the sizes of 60 molecules."""
    graphs = featurize(drugs)[0]
    y = graphs.num_atoms[:, None].astype(float)
    exact = Levels.of(graphs, molecule=np.zeros(y.shape, dtype=np.int8))
    data = Dataset("sizes", drugs, graphs, Levels.of(graphs, molecule=y), exact, ["size"], [], [])
    parts = Split(np.arange(60), np.arange(60, 80), np.arange(0))
    options = RunOptions(
        DataOptions(),
        model=ModelOptions(),
        encoder={"name": "gin", "dim": 8, "depth": 1, "dropout": 0.1},
        fit=FitOptions(epochs=2, members=2, accelerator="cpu"),
    )

    def make(folder=None, weight=None):
        tasks = make_tasks(data.names, data.labels, exact, parts.train, Wishes(), weight)
        return job_of(options, data, tasks, parts, folder, weight)

    return make


def test_without_a_folder_it_learns_the_same_and_writes_nothing(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graphs = job().valid.graphs
    alone, histories = learn(job())
    assert list(tmp_path.iterdir()) == []
    kept, others = learn(job(tmp_path / "kept"))
    assert len(list((tmp_path / "kept").iterdir())) == 2
    np.testing.assert_array_equal(alone.predict_members(graphs), kept.predict_members(graphs))
    losses = [[[row["valid_loss"] for row in rows] for rows in h] for h in (histories, others)]
    assert losses[0] == losses[1]


def test_the_random_numbers_of_others_go_on_as_they_were(job):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    learn(job())
    assert torch.equal(torch.rand(3), expected)


def test_only_ratios_of_weights_matter(job):
    weight = np.linspace(0.1, 2, 80)
    one, other = learn(job(weight=weight))[0], learn(job(weight=weight * 1e-9))[0]
    graphs = job().valid.graphs
    np.testing.assert_allclose(
        one.predict_graphs(graphs)[0], other.predict_graphs(graphs)[0], rtol=1e-5
    )
    assert one.tasks[0].mean == pytest.approx(
        np.average(job().train.graphs.num_atoms, weights=weight[:60])
    )


def test_weights_reach_the_choice_of_the_epoch(job):
    valid = job(weight=np.linspace(0.1, 2, 80)).valid
    assert valid.weight.shape == (20,)
    weights = valid.weights(["molecule"])["molecule"]
    assert weights == pytest.approx(valid.weight.sum())
    assert valid.counts(["molecule"]) == {"molecule": 20.0}


@pytest.mark.parametrize("size", [1, 7, 60])
def test_weights_count_the_same_in_batches_of_any_size(job, monkeypatch, size):
    """An epoch's gradients, each times its number of molecules, sum up to that of the weighted
    loss of all: in a batch of one, too, a heavy molecule has more to say than a light one."""
    lesson = job(weight=np.linspace(0.1, 3, 80))
    model, train = new_model(lesson, 0), lesson.train
    model.encoder.dropout.p = 0.0
    loss = LevelLoss(task_losses(lesson.tasks, LossOptions(), train.y))
    logits, y = model(to_batch(train.graphs)), torch.from_numpy(train.y.molecule)
    weight = torch.from_numpy(train.weight)
    whole = loss.sums(logits, {"molecule": y}, weight={"molecule": weight})["molecule"]
    parameters = [p for p in model.parameters() if p.requires_grad]
    wanted = torch.autograd.grad(whole, parameters)
    found = [torch.zeros_like(p) for p in parameters]
    lengths = [len(rows) for rows in batch_rows(60, size, np.random.default_rng([1, 0]))]

    def step(*_, **__):
        length = lengths.pop(0)
        for total, parameter in zip(found, parameters, strict=True):
            total += length * parameter.grad

    optim, fit = OptimOptions(clip=0.0), FitOptions(batch_size=size)
    it = Training(Fabric(accelerator="cpu", devices=1), model, loss, optim, fit, seed=1)
    monkeypatch.setattr(it.optimizer, "step", step)
    it.train_epoch(train)
    mean = float(train.weight.mean())
    for total, gradient in zip(found, wanted, strict=True):
        torch.testing.assert_close(total * mean, gradient, rtol=1e-3, atol=1e-4)
