"""Whole runs through ``molgnn.fit``: what they write, what they depend on, what they refuse."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

import molgnn
from molgnn.errors import Refusal
from molgnn.train.ledger import alone

FILES = {
    "config.yaml",
    "metrics.json",
    "predictions.parquet",
    "rejects.csv",
    "learning_curve.png",
    "parity.png",
    "domain.png",
    "model",
}


def without_times(metrics):
    """Everything in ``metrics.json`` that does not tell the time."""
    rows = itertools.chain(*metrics["history"])
    timed = ("molecules_per_second", "train_molecules_per_second", "seconds")
    for row in rows:
        row.pop("molecules_per_second", None)
    return {key: value for key, value in metrics.items() if key not in timed}


def test_the_folder_holds_config_figures_pictures_predictions_and_model(table, fit):
    path = table(lambda rows: rows[3].update(smiles="C1CC"))
    run = fit(path, baseline=True)
    assert {file.name for file in run.folder.iterdir()} == FILES
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["data"]["path"] == str(path)
    assert config["fit"]["epochs"] == 3
    assert config["encoder"]["dim"] == 8
    for picture in run.folder.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    (reject,) = pd.read_csv(run.folder / "rejects.csv").to_dict("records")
    assert (reject["line"], reject["text"], reject["reason"]) == (5, "C1CC", "not valid SMILES")


def test_metrics_json_has_the_agreed_shape(table, fit):
    run = fit(table(), baseline=True)
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert metrics == run.metrics
    for part in ("train", "valid", "test"):
        assert set(metrics[part]) == {"rmse", "mae", "r2", "spearman"}
        assert metrics["per_task"][part] == {"y": metrics[part]}
        assert metrics["left_out"][part] == {}
    assert set(metrics["baseline"]) == {"name", "valid", "test", "per_task"}
    assert metrics["epochs"] == [3]
    assert len(metrics["history"][0]) == 3
    losses = [row["valid_loss"] for row in metrics["history"][0]]
    assert metrics["best_epoch"] == [int(np.argmin(losses)) + 1]
    assert metrics["leaks"]["identical"] == {"train-valid": 0, "train-test": 0, "valid-test": 0}


def test_the_predictions_are_the_models_and_give_the_figures(table, fit):
    run = fit(table())
    frame = pd.read_parquet(run.folder / "predictions.parquet")
    assert list(frame.columns) == ["line", "id", "smiles", "split", "y (measured)", "y"]
    assert frame["line"].tolist() == list(range(2, 82))
    assert frame["split"].value_counts().to_dict() == {"train": 56, "valid": 12, "test": 12}
    again = run.model.predict(frame["smiles"])
    np.testing.assert_allclose(again["y"], frame["y"], atol=1e-5)
    loaded = molgnn.load(run.folder)
    np.testing.assert_allclose(loaded.predict(frame["smiles"])["y"], frame["y"], atol=1e-5)
    test = frame[frame["split"] == "test"]
    error = test["y"] - test["y (measured)"]
    assert run.metrics["test"]["rmse"] == pytest.approx(np.sqrt((error**2).mean()))


def test_the_bundle_knows_its_training_molecules_and_where_it_is_from(table, fit):
    run = fit(table())
    known = pd.read_parquet(run.folder / "model" / "training.parquet")
    assert list(known.columns) == ["smiles", "y", "fingerprint"]
    assert len(known) == 56
    assert {len(bits) for bits in known["fingerprint"]} == {256}
    card = run.model.card
    assert card["data"]["file"] == "mine.csv"
    assert card["data"]["counts"] == {"train": 56, "valid": 12, "test": 12}
    assert card["metrics"]["test"] == run.metrics["test"]
    assert card["versions"]["molgnn"] == molgnn.__version__


def test_the_kept_weights_are_those_of_the_best_epoch(table, fit):
    run = fit(table(), epochs=6, optim={"lr": 0.05})
    task = run.model.tasks[0]
    frame = pd.read_parquet(run.folder / "predictions.parquet").query("split == 'valid'")
    loss = (((frame["y"] - frame["y (measured)"]) / task.std) ** 2).mean()
    losses = [row["valid_loss"] for row in run.metrics["history"][0]]
    assert loss == pytest.approx(min(losses), rel=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(table, fit, weights):
    path = table()
    first, second, other = (
        fit(path, out=name, seed=seed, encoder={"name": "gin", "dim": 8, "dropout": 0.1})
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert weights(first) == weights(second)
    assert without_times(first.metrics) == without_times(second.metrics)
    assert weights(first) != weights(other)


def test_nothing_is_fitted_on_the_test_rows(table, fit, weights):
    def spoil(rows):
        for row in rows[68:]:
            row.update(y="1000", active=str(1 - int(row["active"])))

    options = {"targets": ["y", "active"], "loss": {"class_weights": "balanced"}}
    honest = fit(table(), out="a", **options)
    spoilt = fit(table(spoil, "spoilt.csv"), out="b", **options)
    assert weights(honest) == weights(spoilt)
    assert honest.model.tasks == spoilt.model.tasks
    for part in ("train", "valid"):
        assert honest.metrics[part] == spoilt.metrics[part]
    assert without_times(honest.metrics)["history"] == without_times(spoilt.metrics)["history"]
    assert honest.metrics["test"] != spoilt.metrics["test"]


def test_an_ensembles_first_member_is_the_single_model_of_that_seed(table, fit, weights):
    path = table()
    single, three = fit(path, out="one"), fit(path, out="three", members=3)
    alone = load_file(single.folder / "model" / "model.safetensors")
    together = load_file(three.folder / "model" / "model.safetensors")
    assert len(together) == 3 * len(alone)
    assert all(torch.equal(together[name], tensor) for name, tensor in alone.items())
    assert not all(torch.equal(together[f"1{name[1:]}"], t) for name, t in alone.items())
    assert three.model.num_members == 3
    assert len(three.metrics["members"]) == len(three.metrics["history"]) == 3
    frame = pd.read_parquet(three.folder / "predictions.parquet")
    assert (frame["y_std"] > 0).all()
    assert list(three.model.predict("CCO").columns) == ["y", "y_std", "reason"]


def test_an_ensemble_is_at_least_as_good_as_its_average_member(table, fit):
    run = fit(table(), members=3)
    members = [member["test"]["rmse"] for member in run.metrics["members"]]
    assert run.metrics["test"]["rmse"] <= np.mean(members)


def test_several_targets_of_several_kinds_with_missing_labels(table, fit):
    def holes(rows):
        for i, row in enumerate(rows):
            missing = [["y"], ["active"], ["kind"], [], []][i % 5]
            row.update(dict.fromkeys(missing, ""))

    kinds = {"kind": "multiclass"}
    run = fit(table(holes), ["y", "active", "kind"], kind=kinds, baseline=True)
    assert [task.kind for task in run.model.tasks] == ["regression", "binary", "multiclass"]
    assert run.model.columns == ["y", "active", "kind=0", "kind=1", "kind=2"]
    assert set(run.metrics["per_task"]["train"]) == {"y", "active", "kind"}
    pictures = {file.name for file in run.folder.glob("*.png")}
    drawn = {"learning_curve.png", "parity.png", "roc_pr.png", "confusion.png", "domain.png"}
    assert pictures == drawn
    figures = pd.json_normalize(run.metrics["history"][0])
    assert np.isfinite(figures["train_loss"]).all()
    frame = pd.read_parquet(run.folder / "predictions.parquet")
    assert frame["y (measured)"].isna().sum() == 16
    assert frame[["kind=0", "kind=1", "kind=2"]].sum(axis=1).to_numpy() == pytest.approx(1)


def test_a_multiclass_target_is_learned(table, fit):
    run = fit(table(), "kind", kind="multiclass", epochs=30, optim={"lr": 0.01})
    assert run.metrics["train"]["roc_auc"] > 0.9


def test_targets_of_zero_and_one_are_binary_and_others_regression(table, fit):
    run = fit(table(), ["active", "y"])
    assert [task.kind for task in run.model.tasks] == ["binary", "regression"]


def test_a_test_set_of_one_class_is_left_out_by_name(table, fit):
    def flatten(rows):
        for row in rows[68:]:
            row["active"] = "0"

    run = fit(table(flatten), "active")
    assert run.metrics["left_out"]["test"] == {"active": "only class 0 among 12 labels"}
    assert run.metrics["test"] == {}


def test_scaling_comes_from_the_training_labels_alone(table, fit):
    run = fit(table())
    frame = pd.read_parquet(run.folder / "predictions.parquet").query("split == 'train'")
    task = run.model.tasks[0]
    assert task.mean == pytest.approx(frame["y (measured)"].mean())
    assert task.std == pytest.approx(frame["y (measured)"].std(ddof=0))


def test_class_weights_change_the_weights_of_the_network(table, fit, weights):
    path = table()
    plain, weighted = (
        fit(path, "active", out=w, loss={"class_weights": w}) for w in ("none", "balanced")
    )
    assert weights(plain) != weights(weighted)


def test_units_reach_the_model(table, fit):
    run = fit(table(), table={"units": {"y": "log mol/L"}})
    assert run.model.tasks[0].unit == "log mol/L"


def test_repeated_molecules_are_merged_and_reported(table, fit):
    def repeat(rows):
        rows.append({**rows[0], "y": str(float(rows[0]["y"]) + 1)})

    run = fit(table(repeat))
    repeats = run.metrics["repeats"]
    assert (repeats["groups"], repeats["merged"], repeats["conflicts"]) == (1, 1, 1)
    frame = pd.read_parquet(run.folder / "predictions.parquet")
    assert len(frame) == 80


def test_a_split_without_validation_and_test_trains_to_the_last_epoch(table, fit):
    split = {"name": "random", "sizes": [1.0, 0.0, 0.0]}
    run = fit(table(), split=split, baseline=True)
    assert run.metrics["best_epoch"] == [3]
    assert run.metrics["valid"] == run.metrics["test"] == {}
    assert run.metrics["baseline"] == {"skipped": "no validation or test molecules"}


def test_without_a_folder_the_run_goes_to_a_temporary_one(table):
    run = molgnn.fit(table(), "y", model="mean", baseline=False)
    assert (run.folder / "metrics.json").is_file()


def test_elements_that_training_never_met_do_not_score_at_random(table, fit, drugs):
    """Two unknown elements have one neutral embedding, so the same shape scores the same."""
    assert not any("[Se]" in text or "[Te]" in text for text in drugs)
    run = fit(table())
    scores = run.model.predict(["C[Se]C", "C[Te]C", "COC"])["y"]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert scores[0] != pytest.approx(scores[2], abs=1e-6)


# What is refused.


def test_a_finished_run_is_not_overwritten_unless_forced(table, fit, weights):
    path = table()
    first = fit(path)
    before = weights(first)
    (first.folder / "mine.txt").write_text("keep")
    with pytest.raises(Refusal, match=r"holds this run, finished: .*force=True"):
        fit(path)
    assert weights(first) == before
    fit(path, force=True, seed=1)
    assert weights(first) != before
    assert (first.folder / "mine.txt").read_text() == "keep"


def test_a_run_with_other_options_is_not_mixed_in(table, fit):
    path = table()
    fit(path)
    with pytest.raises(Refusal, match="holds a run with other options"):
        fit(path, epochs=4)


def test_a_folder_with_something_else_is_left_alone(table, fit, tmp_path):
    (tmp_path / "run" / "model").mkdir(parents=True)
    with pytest.raises(Refusal, match=r"holds model but no config\.yaml"):
        fit(table())
    with pytest.raises(Refusal, match="is a file"):
        fit(table(), out="mine.csv")


def test_a_run_that_was_refused_does_not_block_the_next(table, fit):
    path = table(lambda rows: rows[0].update(y="high"))
    with pytest.raises(Refusal, match="'high'"):
        fit(path)
    assert fit(table()).metrics["epochs"] == [3]


@pytest.mark.parametrize(
    "change, options, said",
    [
        (
            lambda rows: rows[6].update(y="high"),
            {},
            r"mine.csv: line 8: column 'y' holds 'high', which is no finite number",
        ),
        (lambda rows: rows[6].update(y="inf"), {}, "line 8: column 'y' holds 'inf'"),
        (None, {"targets": "z"}, "no column 'z'.*smiles.*y.*active.*kind.*split"),
        (None, {"targets": []}, "which columns to learn"),
        (None, {"table": {"smiles": "structure"}}, "'structure'.*smiles"),
        (
            lambda rows: [row.update(y="1.5") for row in rows],
            {},
            "target 'y' is 1.5 for every training molecule: nothing to learn",
        ),
        (lambda rows: [row.update(y="1.5") for row in rows[:56]], {}, "target 'y' is 1.5"),
        (
            lambda rows: [row.update(y="") for row in rows[:56]],
            {"targets": ["y", "active"]},
            "target 'y' has no label among the training molecules",
        ),
        (lambda rows: [row.update(smiles="x") for row in rows], {}, "no row to learn from"),
        (lambda rows: rows[0].update(split="maybe"), {}, "'maybe' .*names no part"),
        (
            None,
            {"encoder": "transformer"},
            "unknown encoder 'transformer': .*dmpnn, fixed_point, gat",
        ),
        (None, {"readout": "median"}, "unknown readout 'median'"),
        (None, {"kind": "ordinal"}, "unknown kind of target 'ordinal'"),
        (None, {"kind": "binary"}, "a binary target is 0 or 1"),
        (None, {"kind": "multiclass"}, "classes must be whole numbers"),
        (None, {"split": "by_luck"}, "unknown split 'by_luck'"),
        (None, {"split": {"name": "random", "sizes": [0.5, 0.1]}}, "split sizes"),
        (None, {"table": {"recipe": "wash"}}, "unknown standardisation 'wash'"),
        (None, {"table": {"repeats": "sum"}}, "unknown rule for repeated molecules 'sum'"),
        (None, {"epochs": 0}, "epochs=0"),
        (None, {"epoch": 1}, "unknown option 'fit.epoch'"),
        (None, {"precision": "4-bit"}, "precision=4-bit cannot be used here"),
        (None, {"accelerator": "abacus"}, "accelerator=abacus .* cannot be used here"),
    ],
)
def test_bad_input_is_refused_in_one_line(table, fit, change, options, said):
    path = table(change) if change else table()
    with pytest.raises(Refusal, match=said) as refused:
        fit(path, **options)
    assert "\n" not in str(refused.value)


def test_files_that_are_no_table_are_refused(tmp_path, fit):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("smiles,y,split\n")
    for path, said in (
        (tmp_path, "folder"),
        (tmp_path / "empty.csv", "empty"),
        (tmp_path / "header.csv", "no row to learn from"),
        (tmp_path / "nowhere.csv", "nowhere.csv"),
        ("esoll", "esoll"),
    ):
        with pytest.raises(Refusal, match=said) as refused:
            fit(path, out="run")
        assert "\n" not in str(refused.value)


def test_two_runs_at_a_time_in_one_folder_are_refused(table, fit, tmp_path):
    with alone(tmp_path / "run"), pytest.raises(Refusal, match="another process is at work there"):
        fit(table())
    assert not (tmp_path / "run").exists()
    assert fit(table()).metrics["epochs"] == [3]
    assert not (tmp_path / "run" / "lock").exists()


def test_a_training_that_was_refused_leaves_room_for_other_options(table, fit, tmp_path):
    path = table(lambda rows: [row.update(y=f"{i}e28") for i, row in enumerate(rows)])
    with pytest.raises(Refusal, match=r"optim\.lr"):
        fit(path, transform="none")
    assert fit(path).metrics["epochs"] == [3]


def test_labels_that_no_model_can_hold_are_refused_with_their_line(table, fit):
    with pytest.raises(Refusal, match=r"line 81: .*1e200.*beyond"):
        fit(table(lambda rows: rows[79].update(y="1e200")))


@pytest.mark.parametrize("parts", [["network", "hybrid"], ["hybrid", "network"]])
def test_networks_with_and_without_features_stand_in_any_order(parts, table, fit, tmp_path):
    run = fit(table(), model={"name": "network", "parts": parts, "network_features": ["erg"]})
    alone_ = run.model.predict(["CCO"])["y"][0]
    assert alone_ == run.model.predict(["CCO", "CCN", "c1ccccc1"] * 20)["y"][0]
    assert len(run.model.embed(["CCO"])) == 1
