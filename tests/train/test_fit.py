"""The training loop of one network, without tables and folders."""

import math

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from molgnn.chem.graph import featurize
from molgnn.data.levels import Levels
from molgnn.errors import Refusal
from molgnn.models.build import build_model
from molgnn.nn.loss import LevelLoss, TaskLoss
from molgnn.train.checkpoint import load_checkpoint, save_checkpoint
from molgnn.train.examples import Labelled, mean_loss
from molgnn.train.fit import Training, learning_rate
from molgnn.train.options import FitOptions, OptimOptions

ENCODER = {"name": "gin", "dim": 8, "depth": 2, "dropout": 0.2}  # batch norm and dropout: state
OPTIM = OptimOptions(lr=5e-3, warmup=1.0, weight_decay=0.01)


@pytest.fixture(scope="module")
def molecules(drugs):
    """(train, valid): standardised sizes of 60 and of 20 molecules, one label in ten missing."""
    graphs = featurize(drugs)[0]
    size = graphs.num_atoms.astype(float)
    y = ((size - size.mean()) / size.std()).astype(np.float32)[:, None]
    y[::10] = np.nan
    whole = Labelled(graphs, Levels.of(graphs, molecule=y))
    return whole.select(np.arange(60)), whole.select(np.arange(60, 80))


def training(seed=1, optim=OPTIM, precision="32-true", **options):
    torch.manual_seed(0)
    model = build_model(ENCODER, "mean", {"name": "mlp", "hidden": 8}, out_dim=1)
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    chosen = FitOptions(**{"epochs": 4, "batch_size": 16, "valid": "choose"} | options)
    loss = LevelLoss({"molecule": [TaskLoss("l2")]})
    return Training(fabric, model, loss, optim, chosen, seed)


def negated(labelled):
    return Labelled(labelled.graphs, labelled.y.map(lambda level, y: -y))


def nothing(row):
    pass


def curve(training):
    keys = ("epoch", "train_loss", "valid_loss", "lr")
    return [tuple(row[key] for key in keys) for row in training.history]


def test_the_rate_rises_in_a_line_and_falls_as_half_a_cosine():
    optim = OptimOptions(lr=1.0, final_lr=0.2, warmup=2.0)
    at = [learning_rate(optim, epoch, 10) for epoch in (0, 1, 2, 6, 10)]
    assert at == pytest.approx([0.1, 0.55, 1.0, 0.6, 0.2])
    every = [learning_rate(optim, epoch, 10) for epoch in np.linspace(0, 10, 101)]
    assert np.argmax(every) == 20
    assert (np.diff(every[:21]) > 0).all()
    assert (np.diff(every[20:]) < 0).all()


def test_the_rate_of_short_runs_is_finite_and_positive():
    for warmup, epochs in ((0.0, 1), (2.0, 1), (100.0, 3)):
        optim = OptimOptions(lr=1.0, final_lr=0.0, warmup=warmup)
        rates = [learning_rate(optim, epoch, epochs) for epoch in np.linspace(0, epochs, 20)]
        assert 0.5 < max(rates) <= 1
        assert min(rates) >= 0


def test_the_loss_falls_and_each_epoch_is_recorded(molecules, tmp_path):
    it = training(epochs=8)
    it.run(*molecules, nothing, tmp_path / "c")
    assert [row["epoch"] for row in it.history] == list(range(1, 9))
    assert it.history[-1]["train_loss"] < it.history[0]["train_loss"]
    assert it.history[-1]["lr"] < max(row["lr"] for row in it.history)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_going_on_from_any_epoch_is_the_uninterrupted_training(molecules, tmp_path, ema):
    whole = training(ema=ema)
    whole.run(*molecules, nothing, tmp_path / "whole")

    class Killed(Exception):
        pass

    for epoch in (1, 2, 3):
        path = tmp_path / f"cut{epoch}"

        def kill(row, epoch=epoch):
            if row["epoch"] == epoch:
                raise Killed

        with pytest.raises(Killed):
            training(ema=ema).run(*molecules, kill, path)
        torch.manual_seed(99)  # the process that goes on has other random numbers behind it
        rest = training(ema=ema)
        rest.run(*molecules, nothing, path)
        assert curve(rest) == curve(whole)
        for name, tensor in whole.module.state_dict().items():
            assert torch.equal(rest.module.state_dict()[name], tensor), name
            assert torch.equal(rest.best[name], whole.best[name]), name


def test_a_finished_training_has_nothing_left_to_do(molecules, tmp_path):
    training().run(*molecules, nothing, tmp_path / "c")
    again, rows = training(), []
    again.run(*molecules, rows.append, tmp_path / "c")
    assert rows == []
    assert again.epoch == 4


def test_the_best_weights_are_those_of_the_lowest_validation_loss(molecules, tmp_path):
    train, valid = molecules
    turned = negated(valid)  # what helps in training harms here
    it = training(epochs=6)
    it.run(train, turned, nothing, tmp_path / "c")
    losses = [row["valid_loss"] for row in it.history]
    assert it.best_epoch == int(np.argmin(losses)) + 1 < 6
    it.module.load_state_dict(it.best)
    assert mean_loss(it.module, it.loss, turned, torch.device("cpu")) == pytest.approx(min(losses))


def test_without_a_choice_the_weights_are_those_of_the_last_epoch(molecules, tmp_path):
    train, valid = molecules
    chosen, last = (training(epochs=6, valid=v) for v in ("choose", "judge"))
    for it in (chosen, last):
        it.run(train, negated(valid), nothing, tmp_path / it.options.valid)
    assert last.history[-1]["valid_loss"] == chosen.history[-1]["valid_loss"] > chosen.best_loss
    assert all(torch.equal(last.best[n], t) for n, t in last.module.state_dict().items())
    assert any(not torch.equal(chosen.best[n], t) for n, t in last.best.items())


def test_patience_stops_after_so_many_epochs_without_a_better_loss(molecules, tmp_path):
    train, valid = molecules
    turned = negated(valid)
    it = training(epochs=50, patience=3)
    it.run(train, turned, nothing, tmp_path / "c")
    assert it.epoch == it.best_epoch + 3 < 50


def test_without_validation_molecules_the_last_epoch_counts(molecules, tmp_path):
    train, valid = molecules
    it = training(patience=1)
    it.run(train, valid.select(np.arange(0)), nothing, tmp_path / "c")
    assert it.epoch == it.best_epoch == 4
    assert [row["valid_loss"] for row in it.history] == [None] * 4
    assert all(torch.equal(it.best[n], t) for n, t in it.module.state_dict().items())


def test_the_running_average_follows_the_weights(molecules):
    it = training(ema=0.5, batch_size=60)
    before = {name: tensor.clone() for name, tensor in it.average.items()}
    it.train_epoch(molecules[0])  # one step, of which d = (1 + 1) / (10 + 1)
    after = it.module.state_dict()
    for name, average in it.average.items():
        if average.is_floating_point():
            expected = 2 / 11 * before[name] + 9 / 11 * after[name]
            torch.testing.assert_close(average, expected)
    assert not torch.equal(it.average["head.layers.1.weight"], after["head.layers.1.weight"])


def test_the_average_is_judged_and_the_weights_go_on_unchanged(molecules):
    it = training(ema=0.9)
    row = it.run_epoch(*molecules)
    at_work = {name: tensor.clone() for name, tensor in it.module.state_dict().items()}
    with it.averaged():
        assert mean_loss(it.module, it.loss, molecules[1], torch.device("cpu")) == row["valid_loss"]
        assert all(torch.equal(it.best[n], t) for n, t in it.module.state_dict().items())
    assert all(torch.equal(at_work[n], t) for n, t in it.module.state_dict().items())


def test_no_step_follows_a_longer_gradient_than_asked(molecules, monkeypatch):
    it, lengths = training(optim=OptimOptions(clip=0.01)), []

    def step(*_, **__):
        grads = [p.grad for p in it.module.parameters()]
        lengths.append(torch.cat([g.flatten() for g in grads]).norm().item())

    monkeypatch.setattr(it.optimizer, "step", step)
    it.train_epoch(molecules[0])
    assert len(lengths) == 4
    assert max(lengths) <= 0.01 * 1.001


def test_a_batch_without_labels_is_harmless(molecules, tmp_path):
    train, valid = molecules
    y = train.y.molecule.copy()
    y[5:] = np.nan
    it = training(batch_size=2)
    few = Labelled(train.graphs, Levels.of(train.graphs, molecule=y))
    it.run(few, valid, nothing, tmp_path / "c")
    assert all(torch.isfinite(p).all() for p in it.module.parameters())


def test_labels_weigh_the_same_in_every_batch(molecules):
    """The training loss is the mean over labels, not over batches."""
    it = training(optim=OptimOptions(lr=1e-12, final_lr=0.0, warmup=0.0), batch_size=7)
    it.module.encoder.dropout.p = 0.0
    it.module.train = lambda mode=True: it.module  # batch statistics would depend on the batch
    it.module.eval()
    train = molecules[0]
    it.model.train = it.module.train
    loss = it.train_epoch(train)
    assert loss == pytest.approx(
        mean_loss(it.module, it.loss, train, torch.device("cpu")), rel=1e-5
    )


def test_a_training_that_diverges_is_refused_with_a_remedy(molecules, tmp_path):
    wild = OptimOptions(lr=1e30, warmup=0.0, clip=0.0)
    with pytest.raises(Refusal, match=r"epoch \d: the loss is .*lower optim.lr"):
        training(optim=wild).run(*molecules, nothing, tmp_path / "c")


def test_mixed_precision_trains_and_keeps_its_weights_in_full(molecules, tmp_path):
    it = training(precision="bf16-mixed", epochs=8)
    it.run(*molecules, nothing, tmp_path / "c")
    assert it.history[-1]["train_loss"] < it.history[0]["train_loss"]
    assert {p.dtype for p in it.module.parameters()} == {torch.float32}


# Checkpoints.


def test_a_checkpoint_gives_back_what_it_was_given(tmp_path):
    groups = {"model": {"a.b": torch.randn(3), "n": torch.tensor(4)}, "empty": {}}
    state = {"epoch": 3, "best_loss": math.inf, "history": [{"valid_loss": None}]}
    save_checkpoint(tmp_path / "c.safetensors", groups, state)
    read, known = load_checkpoint(tmp_path / "c.safetensors")
    assert known == state
    assert read.keys() == {"model"}
    assert all(torch.equal(read["model"][n], t) for n, t in groups["model"].items())


def test_a_write_that_is_cut_short_leaves_the_checkpoint_before_it(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, {"model": {"a": torch.zeros(1)}}, {"epoch": 1})

    def cut(tensors, file, metadata):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("molgnn.train.checkpoint.save_file", cut)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, {"model": {"a": torch.ones(1)}}, {"epoch": 2})
    assert load_checkpoint(path)[1] == {"epoch": 1}


@pytest.mark.parametrize("content", [b"", b"half", b"\x80\x04K\x01."])
def test_a_damaged_checkpoint_is_refused_with_a_remedy(tmp_path, content):
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(Refusal, match=r"unreadable checkpoint .* delete it to start over"):
        load_checkpoint(tmp_path / "c")
