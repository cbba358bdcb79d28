"""What an evaluation leaves: figures of the predictions it keeps, whatever the targets."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_squared_error, roc_auc_score

from molgnn.train.crossplan import Folds
from molgnn.train.options import DataOptions, FitOptions, RunOptions
from molgnn.train.parts import ModelOptions

HOW = Folds(folds=3, repeats=2)


def test_figures_are_those_of_the_predictions_kept(evaluated, pair, tmp_path):
    summary = evaluated(pair, tmp_path / "cv", HOW)
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


def test_several_targets_with_bounds_and_gaps_are_judged_together(evaluated, options, tmp_path):
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


def test_labels_of_atoms_are_pooled_as_those_of_molecules(evaluated, tmp_path):
    path = tmp_path / "atoms.csv"
    rows = [f"{'C' * (2 + i)}O,{' '.join(['1'] * (2 + i))} {2 + i % 2}" for i in range(12)]
    path.write_text("\n".join(["smiles,shift", *rows]) + "\n")
    data = DataOptions(path=str(path), atom_targets=("shift",))
    tiny = {"name": "dmpnn", "dim": 8, "depth": 2}
    quick = FitOptions(epochs=1, baseline=False)
    config = RunOptions(data, model=ModelOptions(), encoder=tiny, fit=quick)
    summary = evaluated({"a": config}, tmp_path / "cv", Folds(folds=3, repeats=1))
    oof = pd.read_parquet(tmp_path / "cv" / "oof_a.parquet")
    measured, predicted = (np.concatenate(oof[c].tolist()) for c in ("shift (measured)", "shift"))
    assert len(measured) == sum(3 + i for i in range(12))
    by_hand = np.sqrt(np.mean((measured - predicted) ** 2))
    assert summary["configs"]["a"]["pooled"]["rmse"] == pytest.approx(by_hand)


def test_a_fold_with_one_class_is_left_out_and_said(evaluated, options, tmp_path):
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
