"""Trainings that begin with a pretrained encoder: what it learns, when, and what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from lightning_fabric import Fabric
from safetensors.torch import load_file

import molgnn
from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.chem.graph import featurize
from molgnn.data.batch import to_batch
from molgnn.data.levels import Levels
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.wishes import Wishes, make_tasks
from molgnn.errors import Refusal
from molgnn.models.autoencoder import autoencoder_of
from molgnn.models.build import ENCODERS, build_model
from molgnn.models.pretrained import begin_with, load_pretrained
from molgnn.nn.loss import LevelLoss
from molgnn.train.api import options_of
from molgnn.train.finetune import FINETUNES, FinetuneOptions
from molgnn.train.fit import Training
from molgnn.train.learn import job_of, learn
from molgnn.train.losses import task_losses
from molgnn.train.members import code_counts, fill_unseen, new_model
from molgnn.train.options import DataOptions, FitOptions, OptimOptions, RunOptions
from molgnn.train.parts import ModelOptions

BATCH = {"norm": "batch"}  # its running statistics are state that no gradient moves


@pytest.fixture(scope="module")
def sizes(drugs):
    """The sizes of eighty molecules, to be learnt from sixty."""
    graphs = featurize(drugs)[0]
    y = graphs.num_atoms[:, None].astype(float)
    exact = Levels.of(graphs, molecule=np.zeros(y.shape, dtype=np.int8))
    return Dataset("sizes", drugs, graphs, Levels.of(graphs, molecule=y), exact, ["size"], [], [])


@pytest.fixture
def job(sizes, pretrain):
    """job(finetune, encoder, ...) -> what a network with a pretrained encoder is to learn."""

    def make(finetune="full", name="gin", options=BATCH, counts=None, asked=None, **fit):
        folder = pretrain(name, options=options, counts=counts)
        parts = Split(np.arange(60), np.arange(60, 80), np.arange(0))
        tasks = make_tasks(sizes.names, sizes.labels, sizes.bounds, parts.train, Wishes())
        chosen = finetune if isinstance(finetune, dict) else FINETUNES[finetune]
        run = RunOptions(
            DataOptions(),
            model=ModelOptions(),
            encoder=asked or {"name": "dmpnn", "dropout": 0.2},
            head={"name": "mlp", "hidden": 8},
            optim=OptimOptions(lr=5e-3, warmup=1.0, weight_decay=0.01),
            fit=FitOptions(**{"epochs": 4, "batch_size": 16, "accelerator": "cpu"} | fit),
            pretrained=str(folder),
            finetune=FinetuneOptions(**chosen),
        )
        return job_of(run, sizes, tasks, parts)

    return make


STAGED = {"mode": "staged", "frozen_epochs": 2}
MODES = {
    "full": {"mode": "full"},
    "frozen": {"mode": "frozen"},
    "staged": STAGED,
    "layerwise": {"mode": "full", "layer_decay": 0.5, "encoder_lr": 0.5},
    "staged and layerwise": STAGED | {"layer_decay": 0.5},
}


def training(job):
    fabric = Fabric(accelerator="cpu", devices=1)
    loss = LevelLoss(task_losses(job.tasks, job.options.loss, job.train.y))
    options = job.options
    return Training(
        fabric, new_model(job, 0), loss, options.optim, options.fit, 1, options.finetune
    )


def encoder(module):
    return {k: t.clone() for k, t in module.encoder.state_dict().items()}


def same(one, other):
    return [name for name, tensor in one.items() if torch.equal(tensor, other[name])]


# What learns, and when.


@pytest.mark.parametrize("mode", ["full", "frozen", "staged"])
def test_the_encoder_learns_in_the_epochs_of_its_mode(mode, job):
    lesson = job(MODES[mode])
    it, before = training(lesson), lesson.pretrained.encoder_state
    assert same(before, encoder(it.module)) == list(before)
    for epoch in range(4):
        head = it.module.head.layers[1].weight.detach().clone()
        it.run_epoch(lesson.train, lesson.valid)
        rests = mode == "frozen" or (mode == "staged" and epoch < 2)
        found = same(before, encoder(it.module))
        assert found == (list(before) if rests else [])
        assert not torch.equal(head, it.module.head.layers[1].weight)


@pytest.mark.parametrize("mode", ["frozen", "staged"])
def test_an_encoder_at_rest_has_no_dropout_and_no_say_in_the_length_of_a_gradient(
    mode, job, monkeypatch
):
    lesson, states = job(MODES[mode]), []
    it = training(lesson)

    def step(*_, **__):
        states.append((it.module.encoder.training, it.module.head.training))
        grads = [p.grad for p in it.module.encoder.parameters() if p.grad is not None]
        assert bool(grads) == it.module.encoder.training

    monkeypatch.setattr(it.optimizer, "step", step)
    assert it.module.encoder.dropout.p == 0.2
    for epoch in range(3):
        it.epoch = epoch
        it.train_epoch(lesson.train)
    awake = (True, True) if mode == "staged" else (False, True)
    assert states == [(False, True)] * 8 + [awake] * 4


def test_each_layer_has_its_learning_rate(job, monkeypatch):
    lesson, seen = job(MODES["layerwise"]), []
    it = training(lesson)
    names = {id(p): name for name, p in it.module.named_parameters()}

    def step(*_, **__):
        seen.append({names[id(p)]: g["lr"] for g in it.optimizer.param_groups for p in g["params"]})

    monkeypatch.setattr(it.optimizer, "step", step)
    row = it.run_epoch(lesson.train, lesson.valid)
    rates, base = seen[-1], seen[-1]["head.layers.1.weight"]
    assert row["lr"] == base > 0
    assert rates["encoder.convs.1.nn.0.weight"] == base * 0.5
    assert rates["encoder.bond_in.0.weight"] == rates["encoder.norms.0.weight"] == base * 0.25
    assert rates["encoder.atom_in.weight"] == base * 0.125
    assert set(rates) == set(names.values())
    assert seen[0]["encoder.atom_in.weight"] < rates["encoder.atom_in.weight"]  # it warms up too


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_can_be_frozen_and_unfrozen(name, job):
    lesson = job({"mode": "staged", "frozen_epochs": 1}, name, epochs=2)
    frozen = replace(lesson, options=replace(lesson.options, finetune=FinetuneOptions("frozen")))
    before = lesson.pretrained.encoder_state
    for work in (lesson, frozen):
        it = training(work)
        it.run_epoch(work.train, work.valid)
        assert same(before, encoder(it.module)) == list(before)
        it.run_epoch(work.train, work.valid)
        assert (same(before, encoder(it.module)) == list(before)) == (work is frozen)


@pytest.mark.parametrize("mode", MODES)
def test_going_on_from_any_epoch_is_the_uninterrupted_training(mode, job, tmp_path):
    lesson = job(MODES[mode], ema=0.9)
    whole = training(lesson)
    whole.run(lesson.train, lesson.valid, lambda row: None, tmp_path / "whole")

    class Killed(Exception):
        pass

    for epoch in (1, 2, 3):

        def kill(row, epoch=epoch):
            if row["epoch"] == epoch:
                raise Killed

        path = tmp_path / f"cut{epoch}"
        with pytest.raises(Killed):
            training(lesson).run(lesson.train, lesson.valid, kill, path)
        torch.manual_seed(99)
        rest = training(lesson)
        rest.run(lesson.train, lesson.valid, lambda row: None, path)
        for name, tensor in whole.module.state_dict().items():
            assert torch.equal(rest.module.state_dict()[name], tensor), name
            assert torch.equal(rest.best[name], whole.best[name]), name


# Where it begins.


def test_each_network_begins_with_the_encoder_and_a_head_of_its_own(table, fit, pretrain):
    folder = pretrain()
    model = {"name": "network", "parts": ["network", "hybrid"], "network_features": ["erg"]}
    more = {"pretrained": folder, "finetune": "frozen", "encoder": "dmpnn", "epochs": 1}
    run = fit(table(), model=model, members=2, **more)
    state, counts = load_pretrained(folder).encoder_state, load_pretrained(folder).counts
    members = run.model.members
    assert [member.features is not None for member in members] == [False, False, True, True]
    seen = torch.cat([count > 0 for count in counts[0]])
    for member in members:
        found = member.encoder.state_dict()
        assert torch.equal(found["atom_in.weight"][seen], state["atom_in.weight"][seen])
        assert torch.equal(found["convs.1.nn.2.weight"], state["convs.1.nn.2.weight"])
    heads = [member.head.layers[1].weight for member in members]
    assert not torch.equal(heads[0], heads[1])


def test_codes_that_either_training_met_keep_their_rows(job, monkeypatch):
    """Code 5 is for this test seen in pretraining alone, 6 in the table alone, 7 in neither."""
    zeros = tuple([torch.zeros(n).long() for n in sizes] for sizes in (ATOM_SIZES, BOND_SIZES))
    here, there = ([[t.clone() for t in own] for own in zeros] for _ in range(2))
    there[0][0][5], there[0][0][8], here[0][0][6], here[0][0][8] = 3, 1, 2, 4
    lesson = job(counts=tuple(there))
    monkeypatch.setattr("molgnn.train.members.code_counts", lambda train: tuple(here))
    model = new_model(lesson, 0)
    fill_unseen(model, lesson)
    found = model.encoder.atom_in.weight
    state = lesson.pretrained.encoder_state["atom_in.weight"]
    assert torch.equal(found[[5, 6, 8]], state[[5, 6, 8]])
    mean = (3 * state[5] + 2 * state[6] + 5 * state[8]) / 10
    torch.testing.assert_close(found[7], mean)
    alone = new_model(lesson, 0)
    fill_unseen(alone, replace(lesson, pretrained=None))
    torch.testing.assert_close(alone.encoder.atom_in.weight[5], (state[6] + 2 * state[8]) / 3)


def test_a_head_s_embedding_knows_nothing_of_pretraining(job):
    lesson = job(counts=tuple([torch.ones(n).long() for n in s] for s in (ATOM_SIZES, BOND_SIZES)))
    model = new_model(lesson, 0)
    model.bond_head = type(model.encoder.bond_in[0])(BOND_SIZES, 8)
    random = model.bond_head.weight.detach().clone()
    unseen = torch.cat(code_counts(lesson.train)[1]) == 0
    assert unseen.any()
    fill_unseen(model, lesson)
    table = model.encoder.bond_in[0].weight
    assert torch.equal(table, lesson.pretrained.encoder_state["bond_in.0.weight"])
    assert not (model.bond_head.weight[unseen] == random[unseen]).all(dim=1).any()


def test_the_spec_takes_the_place_of_the_encoder_but_for_its_dropout(job):
    found = job(name="gat", options={"heads": 2}).options.encoder
    assert found == {
        "name": "gat", "dim": 8, "depth": 2, "heads": 2, "dropout": 0.2, "norm": "none",
        "residual": False, "jk": "last",
    }  # fmt: skip
    asked = {"name": "gat", "dim": 8, "heads": 2, "dropout": 0.2}
    assert job(name="gat", options={"heads": 2}, asked=asked).options.encoder == found
    assert job(name="gat", options={"heads": 2}, asked=found).options.encoder == found


def test_without_a_pretrained_encoder_nothing_is_different(job):
    lesson = job("staged")
    plain = replace(lesson, options=replace(lesson.options, pretrained=None), pretrained=None)
    one, other = new_model(plain, 0), new_model(lesson, 0)
    assert same(encoder(one), encoder(other)) != list(encoder(one))
    assert torch.equal(one.head.layers[1].weight, other.head.layers[1].weight)
    assert learn(plain)[1] != learn(lesson)[1]


# What is said and kept.


def test_a_run_says_what_it_began_with_and_its_model_needs_nothing_of_it(table, fit, pretrain):
    folder, lines = pretrain(), []
    more = {"pretrained": folder, "finetune": "frozen", "encoder": "gin", "say": lines.append}
    run = fit(table(), epochs=1, valid="refit", **more)
    sha256 = load_pretrained(folder).sha256
    told = {"name": "tiny", "sha256": sha256, "mode": "frozen"}
    assert run.model.card["pretrained"] == run.metrics["pretrained"] == told
    assert run.model.card["model"]["encoder"]["dim"] == 8
    assert any(f"(gin from {folder}, frozen, 1 epochs)" in line for line in lines)
    page = (run.folder / "model" / "README.md").read_text()
    assert "| the encoder began as | name tiny, mode frozen |" in page
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert (config["pretrained"], config["pretrained_sha256"]) == (str(folder), sha256)
    assert (config["encoder"]["dim"], config["finetune"]["mode"]) == (8, "frozen")
    shutil.rmtree(folder)
    assert molgnn.load(run.folder).predict(["CCO"]).equals(run.model.predict(["CCO"]))


def test_a_run_without_one_says_nothing_of_it(table, fit):
    run = fit(table(), epochs=1)
    assert "pretrained" not in run.metrics
    assert "pretrained" not in run.model.card
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert not {"pretrained", "finetune", "pretrained_sha256"} & set(config)


def test_an_unfinished_run_goes_on_with_the_same_encoder_alone(table, fit, pretrain, weights):
    path, folder = table(), pretrain()
    more = {"pretrained": folder, "finetune": {"mode": "staged", "frozen_epochs": 1}, "epochs": 3}
    more["encoder"] = {"name": "dmpnn", "dropout": 0.1}
    whole = fit(path, out="whole", **more)

    def stop_at_two(member, row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(path, epoch_done=stop_at_two, **more)
    kept = shutil.copytree(folder, folder.with_name("kept"))
    pretrain(change=lambda tensors: tensors["encoder.atom_in.weight"].add_(1))
    with pytest.raises(Refusal, match="its pretrained encoder has changed since"):
        fit(path, **more)
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    assert weights(fit(path, **more)) == weights(whole)


def test_an_evaluation_and_a_study_begin_with_it_too(table, pretrain, tmp_path):
    path, folder = table(), pretrain()
    tiny = {"model": "network", "baseline": False, "epochs": 2, "pretrained": folder}
    wanted = {**tiny, "folds": 2, "repeats": 1, "out": tmp_path / "cv"}
    molgnn.evaluate(path, "y", a={"finetune": "frozen"}, **wanted)
    record = json.loads((tmp_path / "cv" / "folds.jsonl").read_text().splitlines()[0])
    assert record["asked"]["options"]["encoder"]["name"] == "gin"
    space = {"encoder": {"dim": {"low": 8, "high": 99}}, "head": {"hidden": {"choices": [8, 9]}}}
    study = {**tiny, "trials": 2, "space": space, "split": "column", "out": tmp_path / "study"}
    tuned = molgnn.tune(path, "y", **study)
    assert [row["state"] for row in tuned.trials] == ["complete"] * 2
    assert not any("encoder.dim" in row for row in tuned.trials)
    pretrain(change=lambda tensors: tensors["encoder.atom_in.weight"].add_(1))
    with pytest.raises(Refusal, match=r"pretrained_sha256 is .* there"):
        molgnn.evaluate(path, "y", a={"finetune": "frozen"}, **wanted)
    with pytest.raises(Refusal, match="holds a study with pretrained_sha256"):
        molgnn.tune(path, "y", **study)


# What is refused.


@pytest.mark.parametrize(
    "options, said",
    [
        ({"encoder": "gat"}, "its encoder is gin, not gat: leave encoder=gat out"),
        ({"encoder": {"name": "gin", "dim": 32}}, "with dim 8: leave encoder.dim=32 out"),
        ({"encoder": {"name": "dmpnn", "dim": 32}}, "with dim 8: leave encoder.dim=32 out"),
        ({"encoder": {"name": "gin", "heads": 2}}, "unknown option of encoder gin: 'heads'"),
        ({"encoder": "transformer"}, "unknown encoder 'transformer'"),
        ({"table": {"recipe": "none"}}, "standardised as parent, not none: give .*'parent'"),
        ({"model": "forest"}, "there is no network in this model"),
        ({"pretrained": "no-such"}, "unknown pretrained encoder 'no-such'"),
        ({"pretrained": ""}, "pretrained=''"),
        ({"pretrained": "solubility"}, "a trained model, not a pretrained encoder"),
        ({"pretrained": None, "finetune": "frozen"}, "no encoder to go on from"),
        ({"finetune": "thawed"}, "unknown finetune 'thawed': choose one of frozen, full"),
        ({"finetune": {"mode": "thawed"}}, "unknown finetune.mode 'thawed'"),
        ({"finetune": {"epochs": 3}}, "unknown option 'finetune.epochs'"),
        ({"finetune": {"layer_decay": 1.5}}, "finetune.layer_decay=1.5: must be above 0"),
        ({"finetune": {"layer_decay": float("nan")}}, "layer_decay=nan"),
        ({"finetune": {"encoder_lr": 0}}, "encoder_lr=0.0: must be above 0"),
        ({"finetune": {"name": "staged", "frozen_epochs": 0}}, "must be at least 1"),
        (
            {"finetune": {"frozen_epochs": 3}},
            "frozen_epochs=3: with epochs=3 the encoder would never",
        ),
        ({"finetune": {"name": "frozen", "encoder_lr": 0.1}}, "never learns, so leave"),
    ],
)
def test_what_cannot_be_begun_is_refused_in_one_line(options, said, table, fit, pretrain, tmp_path):
    given = {"encoder": "dmpnn", "pretrained": pretrain()} | options
    with pytest.raises(Refusal, match=said) as refused:
        fit(table(), **given)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", FINETUNES)
def test_every_choice_is_options(name, table):
    chosen = options_of(table(), "y", pretrained="x", finetune=name)
    assert chosen.finetune == FinetuneOptions(**FINETUNES[name])


@pytest.mark.slow  # it starts two processes, each of which imports torch
@pytest.mark.parametrize("mode", ["frozen", "staged", "layerwise"])
def test_two_processes_give_the_weights_of_one(mode, table, fit, pretrain):
    more = {"accelerator": "cpu", "epochs": 3, "batch_size": 16, "encoder": "dmpnn"}
    more |= {"pretrained": pretrain(), "finetune": MODES[mode]}
    path = table()
    one, two = (fit(path, out=str(n), devices=n, **more) for n in (1, 2))
    left, right = (load_file(r.folder / "model" / "model.safetensors") for r in (one, two))
    for name, tensor in left.items():
        np.testing.assert_allclose(right[name], tensor, atol=1e-4, err_msg=name)


# The head begins as the hidden layer from which descriptors were decoded.


@pytest.fixture(scope="module")
def known():
    return load_pretrained("mcule")


def network(readout="sum", hidden=300, features=False, **head):
    spec = {
        "encoder": "dmpnn",
        "readout": readout,
        "head": {"name": "mlp", "hidden": hidden} | head,
    }
    more = {"features": ["rdkit2d"], "computed": ("rdkit2d",)} if features else {}
    torch.manual_seed(0)
    return build_model(**spec, **more, out_dim={"molecule": 1})


@pytest.mark.parametrize("features", [False, True])
def test_the_head_begins_as_the_layer_before_the_descriptors(known, drugs, features):
    whole = autoencoder_of(known)
    batch = to_batch(featurize(drugs)[0])
    model = network(features=features)
    before = model.head.layers[1].weight.detach().clone()
    begin_with(model, known)
    with torch.no_grad():
        expected = whole.descriptors.layers[1](whole.vectors(batch))
        layer, width = model.head.layers[1], model.readout.out_dim
        found = model.embed(batch) @ layer.weight[:, :width].T + layer.bias
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(layer.weight[:, width:], before[:, width:])


@pytest.mark.parametrize(
    "other", [{"readout": "mean"}, {"readout": {"name": "sum", "scale": 5.0}}, {"hidden": 64},
              {"layers": 0}]
)  # fmt: skip
def test_a_head_that_it_does_not_fit_begins_at_random(known, other):
    model, plain = network(**other), network(**other)
    begin_with(model, known)
    assert all(map(torch.equal, model.head.state_dict().values(), plain.head.state_dict().values()))
    model, plain = network(), network()
    begin_with(model, known, head=False)
    assert all(map(torch.equal, model.head.state_dict().values(), plain.head.state_dict().values()))
    assert same(known.encoder_state, encoder(model)) == list(known.encoder_state)


def test_an_encoder_at_rest_is_not_gone_back_through(job, monkeypatch):
    """It costs half, and changes no bit of what the head learns."""
    lesson = job({"mode": "staged", "frozen_epochs": 2})
    quick, plain = training(lesson), training(lesson)
    quick.train_epoch(lesson.train)
    with monkeypatch.context() as patch:
        patch.setattr(type(plain.module.encoder), "requires_grad_", lambda self, _=True: self)
        plain.train_epoch(lesson.train)
    assert same(quick.module.state_dict(), plain.module.state_dict()) == list(
        quick.module.state_dict()
    )
    assert all(p.requires_grad for p in quick.module.encoder.parameters())


@pytest.mark.parametrize("mode", ["full", "frozen"])
def test_epochs_at_rest_are_refused_where_no_mode_has_them(mode):
    with pytest.raises(Refusal, match=r"finetune\.frozen_epochs=2: only finetune=staged"):
        FinetuneOptions(mode, frozen_epochs=2)
