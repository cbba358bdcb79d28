"""A pretraining from the library to the encoder: resumed, in two processes, and used."""

import json

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file

import molgnn
from molgnn.errors import Refusal
from molgnn.models.autoencoder import autoencoder_of
from molgnn.models.pretrained import load_pretrained
from molgnn.train.pretrain import loop
from molgnn.train.pretrain.run import pretrain


def weights(run):
    return load_file(run.folder / "encoder" / "model.safetensors")


def same(one, two):
    left, right = weights(one), weights(two)
    return set(left) == set(right) and all(torch.equal(left[k], right[k]) for k in left)


def timeless(run):
    """The history without what depends on the clock."""
    history = json.loads((run.folder / "metrics.json").read_text())["history"]
    return [{k: v for k, v in row.items() if k != "molecules_per_second"} for row in history]


def test_a_run_leaves_an_encoder_its_history_and_a_picture(options_for, tmp_path):
    rows, lines = [], []
    done = pretrain(options_for(), tmp_path / "run", say=lines.append, report=rows.append)
    metrics = json.loads((done.folder / "metrics.json").read_text())
    assert (done.folder / "pretraining.png").stat().st_size > 10_000
    assert metrics["history"] == rows
    assert rows[-1]["step"] == rows[-1]["steps"] == metrics["steps"]
    assert rows[-1]["terms"]["pairs"] < rows[0]["terms"]["pairs"]
    assert set(rows[-1]["valid"]["kl_by_dimension"]) == {"atoms", "graph"}
    assert "180 molecules to learn from, 20 held out" in lines[0]
    assert not (done.folder / "checkpoints").exists()
    model = autoencoder_of(load_pretrained(done.folder))
    assert not model.training
    config = done.encoder.config
    assert config["library"]["files"] == ["drugs.smi.gz"]
    assert config["library"]["molecules"] == 180
    assert str(tmp_path) not in json.dumps(config)


def test_the_excluded_list_is_named_by_its_hash(options_for, tmp_path, drug_texts):
    table = tmp_path / "test.smi"
    table.write_text("\n".join(drug_texts[:30]))
    lines = []
    options = options_for("gae", exclude=(str(table),), fit={"epochs": 1})
    done = pretrain(options, tmp_path / "run", say=lines.append)
    excluded = done.encoder.config["excluded"]
    assert excluded["molecules"] == 30
    assert len(excluded["sha256"]) == 64
    assert "30 left out as they are among 30 excluded" in lines[0]


@pytest.mark.parametrize("terms", ["vgae", "masked"])
@pytest.mark.parametrize("stop", [5, 8, 9])
def test_one_that_was_killed_goes_on_to_the_bit(options_for, tmp_path, monkeypatch, terms, stop):
    options = options_for(terms, prepared=str(tmp_path / "prepared"))
    whole = pretrain(options, tmp_path / "whole")
    steps = []

    def killed(self, graphs, step=loop.Pretraining.train_step):
        steps.append(self.step)
        if len(steps) > stop:
            raise KeyboardInterrupt
        return step(self, graphs)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Pretraining, "train_step", killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(options, tmp_path / "killed")
    lines = []
    again = pretrain(options, tmp_path / "killed", say=lines.append)
    assert lines[0].startswith("going on")
    assert same(whole, again)
    assert timeless(whole) == timeless(again)


def test_any_number_of_workers_may_go_on(options_for, tmp_path, monkeypatch):
    def killed(self, graphs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Pretraining, "train_step", killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(options_for("gae"), tmp_path / "run")
    lines = []
    pretrain(options_for("gae", workers=1), tmp_path / "run", say=lines.append)
    assert lines[0].startswith("going on")


def test_what_cannot_be_trained_is_refused_before_the_library_is_read(options_for, tmp_path):
    for options, said in (
        (options_for(encoder={"name": "dmpnn", "depth": 0}), "depth"),
        (options_for(terms={"name": "vgae", "dim": 10**6}), "latent of 1000000"),
        (options_for(fit={"accelerator": "cuda", "devices": 99}), "cannot be used here"),
    ):
        with pytest.raises(Refusal, match=said):
            pretrain(options, tmp_path / "run")
    with pytest.raises(Refusal, match="would be called ''"):
        pretrain(options_for(), "/")
    assert not (tmp_path / "run").exists()


def test_an_encoder_of_no_numbers_is_refused(options_for, tmp_path, monkeypatch):
    """Also where only the last step broke it, whose own loss was one."""

    def broken(*args, judged=loop.judged):
        return judged(*args) | {"pairs": float("nan")}

    monkeypatch.setattr(loop, "judged", broken)
    with pytest.raises(Refusal, match="of held-out molecules is no number"):
        pretrain(options_for(), tmp_path / "run")
    assert not (tmp_path / "run" / "encoder").exists()


@pytest.mark.parametrize("terms, panels", [("vgae", 3), ("masked", 2), ("descriptors", 1)])
def test_the_picture_has_a_panel_for_what_there_is(
    options_for, tmp_path, monkeypatch, terms, panels
):
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: figures.append(self) or save(self, *a, **k)
    )
    done = pretrain(
        options_for(terms, fit={"epochs": 1, "log": 100, "checkpoint": 100}), tmp_path / "run"
    )
    (figure,) = figures
    assert len(figure.axes) == panels
    assert all(axes.lines and axes.get_legend() for axes in figure.axes)
    assert all(line.get_marker() not in ("", "None") for line in figure.axes[0].lines)
    assert (done.folder / "pretraining.png").stat().st_size > 5_000


def test_only_a_posterior_collapses(options_for, tmp_path):
    lines = []
    pretrain(options_for("masked", fit={"epochs": 1}), tmp_path / "run", say=lines.append)
    assert not any("collapse" in line for line in lines)


def test_options_and_seed_decide_the_weights(options_for, tmp_path):
    prepared = str(tmp_path / "prepared")
    runs = [
        pretrain(options_for(prepared=prepared, seed=seed, fit={"epochs": 1}), tmp_path / name)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_a_finished_run_another_one_and_a_changed_library_are_refused(options_for, tmp_path):
    options = options_for("gae", fit={"epochs": 1})
    pretrain(options, tmp_path / "run")
    with pytest.raises(Refusal, match="finished"):
        pretrain(options, tmp_path / "run")
    with pytest.raises(Refusal, match="other options"):
        pretrain(options_for("masked"), tmp_path / "run")
    pretrain(options_for("gae", fit={"epochs": 2}), tmp_path / "run", force=True)


def test_a_code_that_no_molecule_has_takes_the_mean_of_those_seen(options_for, tmp_path):
    done = pretrain(options_for("gae", fit={"epochs": 1}), tmp_path / "run")
    table = done.encoder.encoder_state["atom_in.weight"]
    counts = done.encoder.counts[0][0]
    share = counts.float() / counts.sum()
    mean = share @ table[: len(counts)]
    assert counts[6] > 1000
    assert counts[92] == 0
    torch.testing.assert_close(table[92], mean)
    assert not torch.allclose(table[6], mean)


def test_the_python_verb_does_what_the_run_does(smiles_file, tmp_path):
    done = molgnn.pretrain(
        smiles_file,
        terms={"name": "masked", "mask": 0.3},
        encoder={"name": "gin", "dim": 16, "depth": 2},
        epochs=1,
        workers=0,
        precision="32-true",
        out=tmp_path / "run",
        name="mine",
    )
    assert done.encoder.name == "mine"
    table = tmp_path / "table.csv"
    table.write_text("smiles,mine\n" + "\n".join(f"x,C{'C' * n}" for n in range(30)))
    options = {"terms": "gae", "epochs": 1, "workers": 0, "encoder": {"name": "gin", "dim": 16}}
    done = molgnn.pretrain(table, smiles="mine", **options)
    assert done.metrics["molecules"] == 27
    assert done.encoder.spec["name"] == "gin"
    with pytest.raises(Refusal, match="unknown terms 'nothing'"):
        molgnn.pretrain(smiles_file, terms="nothing")
    with pytest.raises(Refusal, match=r"terms\.mask"):
        molgnn.pretrain(smiles_file, terms={"mask": 3})


@pytest.mark.slow  # it starts two processes, each of which imports torch
def test_two_processes_learn_together(options_for, tmp_path):
    prepared = str(tmp_path / "prepared")
    one, two = (
        pretrain(options_for(fit={"devices": n}, prepared=prepared), tmp_path / str(n))
        for n in (1, 2)
    )
    histories = [json.loads((r.folder / "metrics.json").read_text())["history"] for r in (one, two)]
    first, last = histories[1][0], histories[1][-1]
    assert [row["step"] for row in histories[0]] == [row["step"] for row in histories[1]]
    assert last["terms"]["pairs"] < first["terms"]["pairs"]
    # Each process hides atoms for itself, so the weights are alike but not the same.
    left, right = (weights(run)["encoder.message.weight"] for run in (one, two))
    assert np.corrcoef(left.flatten(), right.flatten())[0, 1] > 0.9
    assert not torch.equal(left, right)
