"""Cross-validation: the same folds for all, nothing learnt from a fold, nothing done twice."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_squared_error, roc_auc_score

from molgnn.errors import Refusal
from molgnn.train import crossval, ledger
from molgnn.train.crossplan import FOREST, Folds, plan
from molgnn.train.crossreport import report
from molgnn.train.crossval import FOLDS, cross_validate
from molgnn.train.options import DataOptions, FitOptions, OptimOptions, RunOptions

HOW = Folds(folds=3, repeats=2)


@pytest.fixture
def options(table):
    """options(name, dim, change, ...) -> a tiny network on the rows of eighty drugs."""

    def make(targets=("y",), dim=8, change=lambda rows: None, baseline=False, **data):
        path = table(change)
        return RunOptions(
            DataOptions(path=str(path), targets=targets, **data),
            encoder={"name": "dmpnn", "dim": dim, "depth": 2},
            optim=OptimOptions(lr=3e-3, warmup=0.0),
            fit=FitOptions(epochs=2, baseline=baseline),
        )

    return make


@pytest.fixture
def pair(options):
    return {"a": options(), "b": options(dim=12)}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("molgnn.models.baseline.TREES", 5)


def evaluated(configs, out, how=HOW, **wishes):
    work = plan(configs, how, **wishes)
    return report(work, cross_validate(work, out), out, {})


def without_seconds(out):
    return pd.read_csv(out / "folds.csv").drop(columns="seconds")


def test_both_are_judged_on_the_same_folds_and_each_molecule_once_a_repeat(pair, tmp_path):
    evaluated(pair, tmp_path / "cv")
    one, two = (pd.read_parquet(tmp_path / "cv" / f"oof_{name}.parquet") for name in "ab")
    place = ["repeat", "fold", "line"]
    pd.testing.assert_frame_equal(one[place], two[place])
    assert one.groupby("repeat")["line"].nunique().tolist() == [80, 80]
    assert len(one) == 160
    assert (one["y"] != two["y"]).any()


def test_figures_are_those_of_the_predictions_kept(pair, tmp_path):
    summary = evaluated(pair, tmp_path / "cv")
    oof = pd.read_parquet(tmp_path / "cv" / "oof_b.parquet")
    table = pd.read_csv(tmp_path / "cv" / "folds.csv")
    assert table["task"].isna().all()
    by_hand = oof.groupby(["repeat", "fold"]).apply(
        lambda fold: np.sqrt(mean_squared_error(fold["y (measured)"], fold["y"])),
        include_groups=False,
    )
    rmse = table[(table["config"] == "b") & (table["metric"] == "rmse")]
    np.testing.assert_allclose(rmse["value"], by_hand)
    figures = summary["configs"]["b"]["figures"]["rmse"]
    assert figures["mean"] == pytest.approx(by_hand.mean())
    assert figures["std"] == pytest.approx(by_hand.std())
    pooled = oof.groupby("repeat").apply(
        lambda one: np.sqrt(mean_squared_error(one["y (measured)"], one["y"])),
        include_groups=False,
    )
    assert summary["configs"]["b"]["pooled"]["rmse"] == pytest.approx(pooled.mean())
    (compared,) = summary["comparisons"]
    a = table[(table["config"] == "a") & (table["metric"] == "rmse")]["value"].to_numpy()
    assert compared["difference"] == pytest.approx((by_hand.to_numpy() - a).mean())
    assert json.loads((tmp_path / "cv" / "summary.json").read_text()) == summary
    assert (tmp_path / "cv" / "comparison.png").stat().st_size > 5000


def test_labels_of_a_fold_change_nothing_that_is_learnt_for_it(options, tmp_path):
    def fold_0(configs, out):
        work = plan(configs, Folds(folds=3, repeats=1))
        cross_validate(work, out)
        return work, [pd.read_parquet(f"{out}/predictions/a-0-{fold}.parquet") for fold in (0, 1)]

    work, clean = fold_0({"a": options()}, tmp_path / "clean")
    poisoned_rows = work.splits[0][0].test

    def poison(rows):
        for row in poisoned_rows:
            rows[row]["y"] = str(1000.0 + row)

    _, poisoned = fold_0({"a": options(change=poison)}, tmp_path / "poisoned")
    assert (poisoned[0]["y (measured)"] > 900).all()
    np.testing.assert_array_equal(clean[0]["y"], poisoned[0]["y"])
    assert (clean[1]["y"] != poisoned[1]["y"]).all()


def test_after_a_kill_it_goes_on_to_the_same_figures(pair, tmp_path, monkeypatch):
    whole = evaluated(pair, tmp_path / "whole")
    learn, begun = crossval.learn, []

    def killed_at_the_fifth(job):
        begun.append(job.options.encoder["dim"])
        if len(begun) == 5:
            raise KeyboardInterrupt
        return learn(job)

    monkeypatch.setattr(crossval, "learn", killed_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        evaluated(pair, tmp_path / "cv")
    with open(tmp_path / "cv" / FOLDS, "a") as file:  # the kill came amid a line
        file.write('{"config": "a", "repeat"')
    assert begun == [8, 12, 8, 12, 8]
    again = evaluated(pair, tmp_path / "cv")
    assert len(begun) == 5 + 8
    pd.testing.assert_frame_equal(
        without_seconds(tmp_path / "cv"), without_seconds(tmp_path / "whole")
    )
    assert again["comparisons"] == whole["comparisons"]


def test_further_repeats_and_a_second_configuration_add_to_what_is_there(
    pair, tmp_path, monkeypatch
):
    out, learn, begun = tmp_path / "cv", crossval.learn, []
    monkeypatch.setattr(
        crossval, "learn", lambda job: begun.append(job.options.encoder["dim"]) or learn(job)
    )
    alone = evaluated({"a": pair["a"]}, out, replace(HOW, repeats=1))
    assert alone["comparisons"] == []
    assert begun == [8] * 3
    both = evaluated(pair, out)
    assert begun == [8] * 3 + [12] * 3 + [8, 12] * 3
    assert both["configs"]["a"]["figures"]["rmse"]["folds"] == 6
    evaluated(pair, out, metric="r2")  # another metric trains nothing
    assert len(begun) == 12


def test_the_forest_stands_beside_them_unless_it_is_unwanted(options, tmp_path):
    summary = evaluated({"a": options(baseline=True)}, tmp_path / "cv", Folds(folds=3, repeats=1))
    assert list(summary["configs"]) == ["a", FOREST]
    assert [(c["first"], c["second"]) for c in summary["comparisons"]] == [("a", FOREST)]
    oof = pd.read_parquet(tmp_path / "cv" / "oof_forest.parquet")
    assert oof["y"].between(oof["y (measured)"].min(), oof["y (measured)"].max()).all()
    assert oof["y"].nunique() > 40
    assert "forest" not in evaluated({"a": options()}, tmp_path / "bare", Folds("random", 2, 1))


def test_several_targets_of_classes_bounds_and_atoms_are_judged_together(options, tmp_path):
    def edit(rows):
        for i, row in enumerate(rows):
            row["y"] = f">{row['y']}" if i == 7 else row["y"]
            row["active"] = "" if i % 9 == 0 else row["active"]

    work = {"a": options(("y", "active"), change=edit)}
    summary = evaluated(work, tmp_path / "cv", Folds("stratified", 3, 1), metric="roc_auc")
    oof = pd.read_parquet(tmp_path / "cv" / "oof_a.parquet")
    known = oof.dropna(subset=["active (measured)"])
    pooled = summary["configs"]["a"]["pooled"]
    assert pooled["roc_auc"] == roc_auc_score(known["active (measured)"], known["active"])
    exact = oof[oof["y (bound)"] != ">"]
    assert len(exact) == 79
    error = mean_squared_error(exact["y (measured)"], exact["y"])
    assert pooled["rmse"] == pytest.approx(np.sqrt(error))
    tasks = pd.read_csv(tmp_path / "cv" / "folds.csv").fillna("")["task"]
    assert set(tasks) == {"", "y", "active"}


def test_labels_of_atoms_are_pooled_as_those_of_molecules(tmp_path):
    path = tmp_path / "atoms.csv"
    rows = [f"{'C' * (2 + i)}O,{' '.join(['1'] * (2 + i))} {2 + i % 2}" for i in range(12)]
    path.write_text("\n".join(["smiles,shift", *rows]) + "\n")
    data = DataOptions(path=str(path), atom_targets=("shift",))
    tiny = {"name": "dmpnn", "dim": 8, "depth": 2}
    config = RunOptions(data, encoder=tiny, fit=FitOptions(epochs=1, baseline=False))
    summary = evaluated({"a": config}, tmp_path / "cv", Folds(folds=3, repeats=1))
    oof = pd.read_parquet(tmp_path / "cv" / "oof_a.parquet")
    measured, predicted = (np.concatenate(oof[c].tolist()) for c in ("shift (measured)", "shift"))
    assert len(measured) == sum(3 + i for i in range(12))
    by_hand = np.sqrt(np.mean((measured - predicted) ** 2))
    assert summary["configs"]["a"]["pooled"]["rmse"] == pytest.approx(by_hand)


def test_a_fold_with_one_class_is_left_out_and_said(options, tmp_path):
    def rare(rows):
        for i, row in enumerate(rows):
            row["active"] = str(int(i in (3, 40, 60)))

    work = {name: options(("active",), dim, rare) for name, dim in (("a", 8), ("b", 12))}
    summary = evaluated(work, tmp_path / "cv", Folds(folds=4, repeats=1))
    measured = summary["configs"]["a"]["figures"]["roc_auc"]["folds"]
    assert measured < 4
    assert summary["comparisons"][0]["folds"] == measured
    assert len(summary["left_out"]) == 4 - measured
    assert summary["left_out"][0]["reason"].startswith("only class 0 among")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"dim": 9}, "cv holds another evaluation (a: encoder.dim is 8 there, 9 here)"),
        ({"how": replace(HOW, seed=1)}, "(a: seed is 0 there, 1 here)"),
        ({"how": replace(HOW, folds=4)}, "(a: folds is 3 there, 4 here)"),
        ({"how": replace(HOW, split="scaffold")}, "(a: split is random there, scaffold here)"),
        ({"how": replace(HOW, repeats=1)}, "(it holds more than 1 repeats)"),
        ({"change": lambda rows: rows.pop()}, "(its table has changed since)"),
    ],
)
def test_a_folder_of_another_evaluation_is_refused_and_stays(options, tmp_path, change, said):
    out = tmp_path / "cv"
    asked = plan({"a": options()}, HOW).sides[0].asked
    out.mkdir()
    (out / "predictions").mkdir()
    (out / "predictions" / "a-1-2.parquet").touch()
    ledger.append(out / FOLDS, {"config": "a", "repeat": 1, "fold": 2, "asked": asked,
                                "figures": {"rmse": 1.0}})  # fmt: skip
    before = (out / FOLDS).read_bytes()
    how = change.pop("how", HOW)
    with pytest.raises(Refusal) as refused:
        cross_validate(plan({"a": options(**change)}, how), out)
    assert said in str(refused.value)
    assert str(refused.value).count("\n") == 0
    assert (out / FOLDS).read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == [FOLDS, "predictions"]


def test_a_folder_with_something_else_is_refused(options, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text("{}")
    work = plan({"a": options()}, HOW)
    with pytest.raises(Refusal, match=r"run holds metrics\.json and no evaluation"):
        cross_validate(work, tmp_path / "run")
    with pytest.raises(Refusal, match=r"mine\.csv is a file"):
        cross_validate(work, tmp_path / "mine.csv")
    (tmp_path / "run" / "metrics.json").unlink()
    (tmp_path / "run" / FOLDS).write_text("{}\nrest")
    with pytest.raises(Refusal, match=r"folds\.jsonl has a line of other things"):
        cross_validate(work, tmp_path / "run")
    assert (tmp_path / "run" / FOLDS).read_text() == "{}\nrest"
    with ledger.alone(tmp_path), pytest.raises(Refusal, match="another process is at work there"):
        cross_validate(work, tmp_path)


def test_what_cannot_be_compared_is_refused_before_any_training(options):
    plain = options()
    with pytest.raises(Refusal, match=r"data\.recipe is parent in the one, none in the other"):
        plan({"a": plain, "b": options(recipe="none")}, HOW)
    with pytest.raises(Refusal, match=r"head.kind is auto in the one, regression in the other"):
        plan({"a": plain, "b": replace(plain, head={"kind": "regression"})}, HOW)
    with pytest.raises(Refusal, match="unknown metric of these targets 'roc_auc'"):
        plan({"a": plain}, HOW, "roc_auc")

    def one_active(rows):
        for i, row in enumerate(rows):
            row["active"] = str(int(i == 3))

    with pytest.raises(Refusal, match=r"without fold \d: target 'active' is 0 for every training"):
        plan({"a": options(("active",), change=one_active)}, HOW)

    def twice(rows):
        rows.append(dict(rows[0]))

    with pytest.raises(Refusal, match=r"data\.repeats=keep puts a molecule into train and fold"):
        plan({"a": options(change=twice, repeats="keep")}, HOW)


def test_how_labels_are_scaled_may_differ(options):
    work = plan({"a": options(), "b": options(transform="rank")}, HOW)
    assert [side.tasks[0][0][0].transform for side in work.sides] == ["standardize", "rank"]
