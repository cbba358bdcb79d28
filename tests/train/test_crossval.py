"""Cross-validation: the same folds for all, nothing learnt from a fold, nothing done twice."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import molgnn
from molgnn.chem.descriptors import feature_names
from molgnn.errors import Refusal
from molgnn.train import crossval, ledger
from molgnn.train.crossplan import FOREST, Folds, plan
from molgnn.train.crossreport import report
from molgnn.train.crossval import FOLDS, cross_validate
from molgnn.train.options import ModelOptions

HOW = Folds(folds=3, repeats=2)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("molgnn.models.baseline.TREES", 5)


def without_seconds(out):
    return pd.read_csv(out / "folds.csv").drop(columns="seconds")


def test_both_are_judged_on_the_same_folds_and_each_molecule_once_a_repeat(
    evaluated, pair, tmp_path
):
    evaluated(pair, tmp_path / "cv", HOW)
    one, two = (pd.read_parquet(tmp_path / "cv" / f"oof_{name}.parquet") for name in "ab")
    place = ["repeat", "fold", "line"]
    pd.testing.assert_frame_equal(one[place], two[place])
    assert one.groupby("repeat")["line"].nunique().tolist() == [80, 80]
    assert len(one) == 160
    assert (one["y"] != two["y"]).any()


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


def test_after_a_kill_it_goes_on_to_the_same_figures(evaluated, pair, tmp_path, monkeypatch):
    whole = evaluated(pair, tmp_path / "whole", HOW)
    learn, begun = crossval.learn, []

    def killed_at_the_fifth(job):
        begun.append(job.options.encoder["dim"])
        if len(begun) == 5:
            raise KeyboardInterrupt
        return learn(job)

    monkeypatch.setattr(crossval, "learn", killed_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        evaluated(pair, tmp_path / "cv", HOW)
    with open(tmp_path / "cv" / FOLDS, "a") as file:  # the kill came amid a line
        file.write('{"config": "a", "repeat"')
    assert begun == [8, 12, 8, 12, 8]
    again = evaluated(pair, tmp_path / "cv", HOW)
    assert len(begun) == 5 + 8
    pd.testing.assert_frame_equal(
        without_seconds(tmp_path / "cv"), without_seconds(tmp_path / "whole")
    )
    assert again["comparisons"] == whole["comparisons"]


def test_further_repeats_and_a_second_configuration_add_to_what_is_there(
    evaluated, pair, tmp_path, monkeypatch
):
    out, learn, begun = tmp_path / "cv", crossval.learn, []
    monkeypatch.setattr(
        crossval, "learn", lambda job: begun.append(job.options.encoder["dim"]) or learn(job)
    )
    alone = evaluated({"a": pair["a"]}, out, replace(HOW, repeats=1))
    assert alone["comparisons"] == []
    assert begun == [8] * 3
    both = evaluated(pair, out, HOW)
    assert begun == [8] * 3 + [12] * 3 + [8, 12] * 3
    assert both["configs"]["a"]["figures"]["rmse"]["folds"] == 6
    evaluated(pair, out, HOW, metric="r2")  # another metric trains nothing
    assert len(begun) == 12


def test_the_forest_stands_beside_them_unless_it_is_unwanted(evaluated, options, tmp_path):
    summary = evaluated({"a": options(baseline=True)}, tmp_path / "cv", Folds(folds=3, repeats=1))
    assert list(summary["configs"]) == ["a", FOREST]
    assert [(c["first"], c["second"]) for c in summary["comparisons"]] == [("a", FOREST)]
    oof = pd.read_parquet(tmp_path / "cv" / "oof_forest.parquet")
    assert oof["y"].between(oof["y (measured)"].min(), oof["y (measured)"].max()).all()
    assert oof["y"].nunique() > 40
    assert "forest" not in evaluated({"a": options()}, tmp_path / "bare", Folds("random", 2, 1))


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
    record = {"config": "a", "repeat": 1, "fold": 2, "asked": asked, "figures": {"rmse": 1.0}}
    rest = {"per_task": {}, "left_out": {}, "seconds": 1.0}
    ledger.append(out / FOLDS, record | rest)
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
    with pytest.raises(Refusal, match=r"folds\.jsonl line 1: not what `molgnn evaluate` wrote"):
        cross_validate(work, tmp_path / "run")
    assert (tmp_path / "run" / FOLDS).read_text() == "{}\nrest"
    with ledger.alone(tmp_path), pytest.raises(Refusal, match="another process is at work there"):
        cross_validate(work, tmp_path)


def test_models_without_a_graph_and_mixtures_are_judged_like_networks(options, tmp_path):
    plain = options()
    mixed = ModelOptions(parts=("hybrid", "neighbours"), network_features=("erg",))
    configs = {
        "a": replace(plain, model=ModelOptions(parts=("neighbours",))),
        "b": replace(plain, model=mixed),
    }
    work = plan(configs, Folds(folds=3, repeats=1))
    widths = [side.dataset.graphs.features.shape[1] for side in work.sides]
    assert widths == [len(feature_names([*blocks])) for blocks in (("morgan",), ("morgan", "erg"))]
    report(work, cross_validate(work, tmp_path / "cv"), tmp_path / "cv", {})
    one, two = (pd.read_parquet(tmp_path / "cv" / f"oof_{name}.parquet") for name in "ab")
    assert "y_std" not in one
    assert two["y_std"].between(0.0, 5.0).all()
    assert (one["y"] != two["y"]).all()


def test_from_python_it_is_the_same_and_goes_on(options, evaluated, table, tmp_path):
    tiny = {"encoder": {"name": "dmpnn", "dim": 8, "depth": 2}, "model": "network", "epochs": 2}
    given = {"optim": {"lr": 3e-3, "warmup": 0.0}, "baseline": False, "folds": 3, "repeats": 1}
    said = []
    both = {"a": tiny, "b": {"model": "mean"}, "say": said.append, "out": tmp_path / "python"}
    found = molgnn.evaluate(table(), "y", **both, **given)
    configs = {"a": options(), "b": replace(options(), model=ModelOptions(parts=("mean",)))}
    other = evaluated(configs, tmp_path / "other", Folds(folds=3, repeats=1))
    for name in "ab":
        assert found["configs"][name]["figures"] == other["configs"][name]["figures"]
    assert found["comparisons"] == other["comparisons"]
    assert len(said) == 6
    assert said[0].startswith("repeat 1, fold 1, a: ")
    assert found["configs"]["b"]["label"] == "model=mean"
    assert molgnn.evaluate(table(), "y", **both, **given)["comparisons"] == found["comparisons"]
    assert len(said) == 6  # all was done


def test_a_fold_whose_predictions_are_damaged_is_made_again(evaluated, options, tmp_path):
    how = Folds(folds=2, repeats=1)
    first = evaluated({"a": options()}, tmp_path / "cv", how)
    path = tmp_path / "cv" / "predictions" / "a-0-1.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    again = evaluated({"a": options()}, tmp_path / "cv", how)
    assert again["configs"]["a"]["figures"] == first["configs"]["a"]["figures"]
    pd.read_parquet(path)
