"""K-fold ensembles: no member learns from its fold, and the figures of valid are out of fold."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from molgnn.chem.graph import featurize
from molgnn.chem.scaffold import murcko
from molgnn.chem.smiles import parse
from molgnn.cli.figures import summary
from molgnn.data.levels import Levels
from molgnn.errors import Refusal
from molgnn.train import crossval, members
from molgnn.train.crossplan import Folds, plan
from molgnn.train.kfold import NEVER, out_of_fold, rule_of
from molgnn.train.options import DataOptions, FitOptions, RunOptions, SplitOptions

FOREST = {"name": "network", "parts": ["network", "forest"], "features": ["morgan"], "trees": 5}


def tensors(run):
    return load_file(run.folder / "model" / "model.safetensors")


def own(run, start):
    return {k: v for k, v in tensors(run).items() if k.startswith(start)}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def spoil(lines):
    """Other labels for the rows of these lines of the table."""
    return lambda rows: [rows[line - 2].update(y=str(9 + line % 7)) for line in lines]


def rmse(frame, predicted="y"):
    return np.sqrt(((frame[predicted] - frame["y (measured)"]) ** 2).mean())


def test_a_member_never_learns_from_its_fold(table, fit):
    """One epoch, so that there is none to choose, and labels as they are, so that no scale is
    fitted: then nothing of a member may depend on the labels of its fold."""
    options = {"folds": 3, "epochs": 1, "transform": "none", "model": FOREST}
    honest = fit(table(), out="a", **options)
    lines = honest.predictions.query("fold == 2")["line"]
    assert len(lines) in (22, 23)
    spoilt = fit(table(spoil(lines), "spoilt.csv"), out="b", **options)
    for start, same in (("0.", False), ("1.", True), ("2.", False)):
        assert equal(own(honest, start), own(spoilt, start)) == same
        start = f"shallow.{start}"
        assert equal(own(honest, start), own(spoilt, start)) == same
    assert honest.metrics["test"] != spoilt.metrics["test"]


def test_labels_of_test_rows_are_never_used(table, fit, weights):
    honest = fit(table(), out="a", folds=2)
    spoilt = fit(table(spoil(range(70, 82)), "spoilt.csv"), out="b", folds=2)
    assert weights(honest) == weights(spoilt)
    assert honest.metrics["valid"] == spoilt.metrics["valid"]
    assert honest.metrics["test"] != spoilt.metrics["test"]


def test_valid_is_out_of_fold_train_and_test_are_the_whole_ensemble(table, fit):
    run = fit(table(), folds=3, epochs=2)
    frame, model = run.predictions, run.model
    assert frame["split"].value_counts().to_dict() == {"valid": 68, "test": 12}
    assert frame["fold"].isna().tolist() == (frame["split"] == "test").tolist()
    each = model.predict_members(featurize(frame["smiles"])[0])[:, :, 0]
    for fold, alone in enumerate(each, 1):
        rows = frame["fold"] == fold
        np.testing.assert_allclose(frame["y"][rows], alone[rows], rtol=1e-5)
        figures = run.metrics["members"][fold - 1]
        assert figures["valid"]["rmse"] == pytest.approx(rmse(frame[rows]), rel=1e-5)
        seen = frame.assign(y=alone)[(frame["fold"] != fold) & (frame["split"] == "valid")]
        assert figures["train"]["rmse"] == pytest.approx(rmse(seen), rel=1e-5)
    test = frame["split"] == "test"
    np.testing.assert_allclose(frame["y"][test], each.mean(axis=0)[test], rtol=1e-5)
    assert run.metrics["valid"]["rmse"] == pytest.approx(rmse(frame[~test]))
    assert run.metrics["test"]["rmse"] == pytest.approx(rmse(frame[test]))
    whole = frame.assign(y=each.mean(axis=0))[~test]
    assert run.metrics["train"]["rmse"] == pytest.approx(rmse(whole), rel=1e-5)
    floor = model.calibration["y"].floor  # all that can be said of one network alone
    assert frame["y_std"][~test].tolist() == [floor] * int((~test).sum())
    assert (frame["y_std"][test] > 0).all()


def test_each_member_keeps_the_epoch_that_is_best_on_its_fold(table, fit, monkeypatch):
    # It changes what is said of molecules with atoms that are in their fold alone.
    monkeypatch.setattr(members, "fill_unseen", lambda model, train: None)
    run = fit(table(), folds=2, epochs=5, optim={"lr": 0.05})
    frame, std = run.predictions, run.model.tasks[0].std
    for fold, history in enumerate(run.metrics["history"], 1):
        losses = [row["valid_loss"] for row in history]
        loss = (rmse(frame[frame["fold"] == fold]) / std) ** 2
        assert loss == pytest.approx(min(losses), rel=1e-4)
        assert run.metrics["best_epoch"][fold - 1] == np.argmin(losses) + 1


def test_several_networks_a_fold_answer_together(table, fit):
    run = fit(table(), folds=2, members=4, epochs=1)
    frame = run.predictions
    each = run.model.predict_members(featurize(frame["smiles"])[0])[:, :, 0]
    for fold in (1, 2):
        rows = frame["fold"] == fold
        pair = each[[fold - 1, fold + 1]][:, rows]
        np.testing.assert_allclose(frame["y"][rows], pair.mean(axis=0), rtol=1e-5)
        expected = run.model.calibration["y"].sigma(pair.std(axis=0, ddof=1))
        np.testing.assert_allclose(frame["y_std"][rows], expected, rtol=1e-3)


def test_parts_of_a_blend_have_their_shares_out_of_fold_and_all_together(table, fit):
    options = {"parts": ["hybrid", "boosting", "mean"], "features": ["morgan"]}
    run = fit(table(), folds=2, members=4, epochs=1, model=options)
    assert [m.kind for m in run.model.shallow] == ["boosting", "boosting", "mean", "mean"]
    shares = run.model.shares
    network, boosting, mean = 4 * shares[0], 2 * shares[4], 2 * shares[6]
    np.testing.assert_allclose(shares, [network / 4] * 4 + [boosting / 2] * 2 + [mean / 2] * 2)
    assert network + boosting + mean == pytest.approx(1)
    frame = run.predictions
    graphs = featurize(frame["smiles"], "parent", run.model.blocks)[0]
    each = run.model.predict_members(graphs)[:, :, 0]
    for fold in (0, 1):
        rows = frame["fold"] == fold + 1
        wanted = network * (each[fold] + each[fold + 2]) / 2
        wanted = wanted + boosting * each[4 + fold] + mean * each[6 + fold]
        np.testing.assert_allclose(frame["y"][rows], wanted[rows], rtol=1e-5)
    outside = frame.query("split == 'valid' and fold != 1")["y (measured)"]
    assert each[6][0] == pytest.approx(outside.mean(), rel=1e-5)  # the mean without fold 1


def test_a_model_without_a_network_has_folds(table, fit):
    forest = fit(table(), folds=3, model={**FOREST, "parts": ["forest"]})
    assert (len(forest.model.members), len(forest.model.shallow)) == (0, 3)
    assert forest.metrics["train"]["rmse"] < forest.metrics["valid"]["rmse"]


def test_scaffold_groups_stay_together(table, fit):
    run = fit(table(), folds=3, epochs=1, split="balanced_scaffold")
    frame = run.predictions.dropna(subset="fold")
    scaffold = [murcko(parse(text, "none")) for text in frame["smiles"]]
    groups = frame.groupby(scaffold)["fold"]
    assert groups.size().max() > 3
    assert (groups.nunique() == 1).all()
    assert run.metrics["folds"]["rule"] == "scaffold"


@pytest.mark.parametrize(
    "split, rule",
    [("scaffold", "scaffold"), ("stratified", "stratified"), ("kfold", "random")],
)
def test_folds_are_cut_as_the_split_is(split, rule):
    assert rule_of(RunOptions(DataOptions(split=SplitOptions(split)))) == rule


def test_stratified_folds_share_out_the_classes(table, fit):
    run = fit(table(), "active", folds=4, epochs=1, split="stratified")
    active = run.predictions.dropna(subset="fold").groupby("fold")["active (measured)"].sum()
    assert len(active) == 4
    assert active.max() - active.min() <= 1


def test_a_molecule_that_stands_twice_is_in_one_fold(table, fit):
    run = fit(
        table(lambda rows: rows.extend([dict(row) for row in rows[:30]])),
        folds=5,
        epochs=1,
        table={"repeats": "keep"},
    )
    folds = run.predictions.dropna(subset="fold").groupby("smiles")["fold"]
    assert (folds.size() == 2).sum() == 30
    assert (folds.nunique() == 1).all()


def test_metrics_card_and_summary_say_what_valid_is(table, fit):
    run = fit(table(), folds=2, epochs=1, baseline=True)
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert metrics["folds"] == {"folds": 2, "rule": "random", "molecules": [34, 34]}
    assert metrics["baseline"]["valid"] == {}
    assert set(metrics["baseline"]["test"]) == set(metrics["test"])
    assert metrics["leaks"]["molecules"] == {"train": 68, "valid": 0, "test": 12}
    assert run.model.card["data"]["folds"] == 2
    card = (run.folder / "model" / "README.md").read_text()
    assert "| split | column; train and valid are one, in 2 folds, and the figures of valid" in card
    known = pd.read_parquet(run.folder / "model" / "training.parquet")
    assert len(known) == 68
    lines = summary(run)
    assert "valid: out of fold (2 folds, random), each molecule of train and valid" in str(lines)
    plain = fit(table(), out="plain", epochs=1)
    assert "out of fold" not in str(summary(plain))
    assert "out of fold" not in (plain.folder / "model" / "README.md").read_text()
    assert "fold" not in plain.predictions
    assert "folds" not in plain.metrics


def test_out_of_fold_by_hand():
    """Two networks and two models without a graph, which count 1:3; atoms too."""
    graphs = featurize(["CC", "O", "CCC"])[0]
    atoms = np.repeat([1.0, 2.0, 3.0], [2, 1, 3])[:, None]
    each = [
        Levels.of(graphs, molecule=np.array([[m], [2.0 * m], [3.0 * m]]), atom=m * atoms)
        for m in (1.0, 10.0, 100.0, 1000.0)
    ]
    shares = np.array([1, 1, 3, 3]) / 8
    model = SimpleNamespace(members=[0, 0], shallow=[0, 0], shares=shares)
    mean, spread = out_of_fold(model, each, np.array([0, 1, NEVER]))
    first, second = (1 + 3 * 100) / 4, 2 * (10 + 3 * 1000) / 4  # those of fold 0, of fold 1
    third = 3 * (1 + 10 + 300 + 3000) / 8
    np.testing.assert_allclose(mean.molecule[:, 0], [first, second, third])
    np.testing.assert_allclose(mean.atom[:, 0], [first, first, second, third, third, third])
    squares = (1 - first) ** 2 / 4 + (100 - first) ** 2 * 3 / 4
    assert spread.molecule[0, 0] == pytest.approx(np.sqrt(squares / (1 - 1 / 16 - 9 / 16)))
    assert spread.atom[:, 0].tolist()[:2] == spread.molecule[[0, 0], 0].tolist()


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(table, fit, weights):
    def stop(member, row):
        if (member, row["epoch"]) == (1, 2):
            raise KeyboardInterrupt

    path, options = table(), {"folds": 3, "encoder": {"name": "gin", "dim": 8, "dropout": 0.1}}
    with pytest.raises(KeyboardInterrupt):
        fit(path, out="stopped", epoch_done=stop, **options)
    with pytest.raises(Refusal, match="other options"):
        fit(path, out="stopped", **options | {"folds": 4})
    done = []

    def note(member, row):
        done.append((member, row["epoch"]))

    stopped = fit(path, out="stopped", epoch_done=note, **options)
    assert done == [(1, 3), (2, 1), (2, 2), (2, 3)]
    assert weights(stopped) == weights(fit(path, out="whole", **options))


@pytest.mark.parametrize("rule", ["random", "scaffold"])
def test_an_evaluation_cuts_what_is_outside_its_fold(rule, options, monkeypatch, tmp_path):
    jobs = []
    learn = crossval.learn
    monkeypatch.setattr(crossval, "learn", lambda job: jobs.append(job) or learn(job))
    work = replace(options(), fit=FitOptions(epochs=1, folds=3, baseline=False))
    evaluation = plan({"a": work}, Folds(rule, folds=2, repeats=1))
    records = crossval.cross_validate(evaluation, tmp_path / "out")
    for job, record in zip(jobs, records.values(), strict=True):
        assert len(job.folds) == record["sizes"]["train"] + record["sizes"]["valid"]
        assert job.options.data.split.name == rule
        assert set(job.folds) == {0, 1, 2}


@pytest.mark.parametrize(
    "options, said",
    [
        ({"folds": 1}, r"folds=1: must be at least 2, or 0"),
        ({"folds": -3}, r"folds=-3"),
        ({"folds": 5, "members": 3}, r"members=3: with folds=5 give 1.* multiple of 5"),
        ({"folds": 2, "model": {**FOREST, "embeddings": True}}, r"model\.embeddings=true: with"),
        ({"folds": 68}, r"folds=68: 68 folds of 68 molecules leave too few"),
        ({"folds": 60, "split": "scaffold"}, r"60 folds of \d+ scaffolds leave too few"),
    ],
)
def test_folds_that_cannot_be_are_refused(table, fit, options, said):
    with pytest.raises(Refusal, match=said) as refused:
        fit(table(), **options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("bound", [False, True])
def test_a_target_that_a_member_would_not_learn_is_refused_by_name(table, fit, bound):
    lines = set(fit(table(), out="a", folds=2, epochs=1).predictions.query("fold == 1")["line"])

    def sparse(rows):
        for line, row in enumerate(rows, 2):
            row["kind"] = row["y"] if line in lines else f">{row['y']}" if bound else ""

    with pytest.raises(Refusal, match=r"'kind' has no two different labels outside fold 1"):
        fit(table(sparse, "sparse.csv"), ["y", "kind"], out="b", folds=2)


def test_a_target_whose_name_the_table_needs_is_refused(table, fit):
    def rename(rows):
        for row in rows:
            row["fold"] = row["y"]

    with pytest.raises(Refusal, match="target 'fold'"):
        fit(table(rename), "fold", folds=2)
    assert "fold" in fit(table(rename), "fold", epochs=1).predictions
