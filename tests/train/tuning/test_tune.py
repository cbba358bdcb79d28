"""A search: the default first, never worse, going on after a kill, blind to the test part."""

import csv
import importlib
import itertools
import json
import sys

import pytest

from molgnn.errors import Refusal
from molgnn.train import ledger
from molgnn.train.tuning import tune as searching
from molgnn.train.tuning.study import JOURNAL

BAD_RATES = {"optim": {"lr": {"choices": [0.003, 1e-8]}}}


def test_the_first_trial_is_the_default_configuration(tune, fit, table):
    tuned = tune(table())
    first = tuned.trials[0]
    assert (first["default"], first["optim.lr"], first["readout"]) == (True, 0.003, "sum")
    assert [row["default"] for row in tuned.trials[1:]] == [False] * 3
    plain = fit(table()).metrics["valid"]["rmse"]
    assert first["value"] == tuned.default_value == pytest.approx(plain, rel=1e-6)


def test_the_winner_is_the_best_on_valid_and_trains_to_that_figure(tune, table, tmp_path):
    tuned = tune(table(), trials=6)
    assert tuned.value == min(row["value"] for row in tuned.trials if row["value"] is not None)
    assert tuned.value < tuned.default_value
    run = tuned.train(tmp_path / "winner")
    assert run.metrics["valid"]["rmse"] == pytest.approx(tuned.value, rel=1e-6)
    assert "rmse" in run.metrics["test"]


def test_a_default_outside_the_space_is_the_first_trial_all_the_same(tune, table, fit):
    tuned = tune(table(), space={"optim": {"lr": {"low": 1e-9, "high": 1e-8}}}, trials=3)
    assert tuned.trials[0]["optim.lr"] == 0.003
    assert tuned.value == pytest.approx(fit(table()).metrics["valid"]["rmse"], rel=1e-6)
    assert tuned.values == {}


def test_labels_of_the_test_part_are_never_used(tune, table, values):
    def poisoned(rows):
        for row in rows:
            row["y"] = "1e30" if row["split"] == "test" else row["y"]

    assert values(tune(table(poisoned), out="a")) == values(tune(table(), out="b"))


def test_a_change_of_validation_labels_is_seen(tune, table, values):
    """So the test above can fail."""

    def changed(rows):
        rows[60]["y"] = "9"

    assert values(tune(table(changed), out="a")) != values(tune(table(), out="b"))


def test_more_trials_go_on_as_if_all_had_been_asked_for_at_once(tune, table, values):
    whole = tune(table(), trials=6, out="whole")
    assert len(tune(table(), trials=3).trials) == 3
    heard = []
    assert values(tune(table(), trials=6, say=heard.append)) == values(whole)
    assert any("3 of 6 trials are done" in line for line in heard)
    assert values(tune(table(), trials=2)) == values(whole)  # there is nothing left to do


def test_a_trial_that_was_interrupted_is_done_again(tune, table, values, monkeypatch):
    attempt, calls = searching.attempt, []

    def stopped(*words):
        calls.append(words)
        if len(calls) in (1, 4):  # the default one too
            raise KeyboardInterrupt
        return attempt(*words)

    whole = tune(table(), trials=6, out="whole")
    monkeypatch.setattr(searching, "attempt", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tune(table(), trials=6)
    tuned = tune(table(), trials=6)
    assert values(tuned) == values(whole)
    assert len(calls) == 8


def test_a_last_line_that_a_kill_cut_short_is_cut_off(tune, table, values, tmp_path):
    tune(table(), trials=3)
    with (tmp_path / "study" / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":4,"work')
    tune(table(), trials=4)
    assert len(values(tune(table(), trials=5))) == 5
    lines = (tmp_path / "study" / JOURNAL).read_text().splitlines()
    assert all(json.loads(line) for line in lines)


def test_trials_that_go_badly_end_early_and_the_default_does_not(tune, table):
    tuned = tune(table(), space=BAD_RATES, epochs=10, trials=12)
    pruned = [row for row in tuned.trials if row["state"] == "pruned"]
    assert pruned
    assert {row["optim.lr"] for row in pruned} == {1e-8}
    assert all(row["value"] is None for row in pruned)
    assert len(tuned.trials) == 12  # they count
    whole = tune(table(), space=BAD_RATES, epochs=2, trials=8, prune="none", out="whole")
    assert {row["state"] for row in whole.trials} == {"complete"}


def test_options_that_fail_make_a_failed_trial_with_its_reason(tune, table):
    rates = {"optim": {"lr": {"choices": [0.003, 1e30]}}}
    tuned = tune(table(), space=rates, trials=6)
    failed = [row for row in tuned.trials if row["state"] == "failed"]
    assert failed
    assert all("try a lower optim.lr" in row["reason"] for row in failed)
    assert len(tuned.trials) == 6
    assert tuned.values.get("optim.lr", 0.003) == 0.003


def test_two_processes_try_at_a_time(tune, table, values):
    import optuna

    tuned = tune(table(), trials=5, workers=2)
    assert [state for state, _ in values(tuned)] == ["complete"] * 5
    assert tuned.default_value == pytest.approx(tune(table(), out="b", trials=1).value, rel=1e-6)
    journal = str(tuned.folder / JOURNAL)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(journal))
    (study,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=study, storage=storage).trials
    first, *others = trials
    assert all(trial.datetime_start > first.datetime_complete for trial in others)
    pairs = itertools.pairwise(others)
    assert any(after.datetime_start < before.datetime_complete for before, after in pairs)


def test_it_leaves_a_table_and_a_picture(tune, table):
    tuned = tune(table(), space=BAD_RATES, trials=12, prune="none")
    with (tuned.folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["number", "state", "value", "seconds", "default", "optim.lr", "reason"]
    assert [float(row["value"]) for row in rows] == [row["value"] for row in tuned.trials]
    assert (tuned.folder / "study.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "more, said",
    [
        ({"space": BAD_RATES}, "a study with space.optim.lr"),
        ({"epochs": 4}, "a study with options.fit.epochs: 3, not 4"),
        ({"seed": 1}, "a study with options.seed: 0, not 1"),
        ({"metric": "r2"}, "a study with metric: rmse, not r2"),
        ({"prune": "none"}, "a study with prune: median, not none"),
    ],
)
def test_another_search_in_its_folder_is_refused_by_name(tune, table, more, said):
    tune(table(), trials=1)
    with pytest.raises(Refusal, match=said):
        tune(table(), trials=1, **more)
    assert len(tune(table(), trials=1, force=True, **more).trials) == 1


def test_another_table_in_its_folder_is_refused(tune, table):
    tune(table(), trials=1)

    def changed(rows):
        rows[0]["y"] = "7"

    with pytest.raises(Refusal, match="a study with another table"):
        tune(table(changed), trials=1)


def test_two_searches_in_one_folder_are_refused(tune, table, tmp_path):
    locked = ledger.alone(tmp_path / "study")
    with locked, pytest.raises(Refusal, match="another process is at work there"):
        tune(table())


@pytest.mark.parametrize(
    "more, said",
    [
        ({"trials": 0}, "trials=0: must be at least 1"),
        ({"workers": 0}, "workers=0: must be at least 1, or auto"),
        ({"workers": "many"}, "workers=many"),
        ({"devices": 2}, "a trial has one device"),
        ({"folds": 5}, r"folds=5: trials are compared on valid, from which folds would learn"),
        ({"metric": "roc_auc"}, "unknown metric of these targets: 'roc_auc': choose one of auto"),
        ({"metric": "rsme"}, "unknown metric 'rsme'"),
        ({"prune": "halving"}, "unknown prune 'halving'"),
        ({"space": {"optim": {"rate": {"low": 0, "high": 1}}}}, "'optim.rate': choose .*optim.lr"),
        ({"optim": {"lr": 1e30}}, "the default configuration fails: epoch"),
        ({"targets": "z"}, "no column 'z'"),
        ({"encoder": "transformer"}, "'transformer': choose"),
    ],
)
def test_what_cannot_be_searched_is_refused(tune, table, more, said):
    with pytest.raises(Refusal, match=said) as refused:
        tune(table(), **more)
    assert "\n" not in str(refused.value)


def test_a_default_configuration_that_fails_can_be_mended(tune, table):
    with pytest.raises(Refusal, match="the default configuration fails"):
        tune(table(), optim={"lr": 1e30})
    assert len(tune(table(), trials=1).trials) == 1


def test_a_table_without_validation_molecules_is_refused(tune, table):
    with pytest.raises(Refusal, match="no validation molecules"):
        tune(table(), split={"name": "random", "sizes": (0.9, 0.0, 0.1)})


def test_without_optuna_it_says_what_to_install(monkeypatch):
    name = "molgnn.train.tuning.study"
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(Refusal) as refused:
        importlib.import_module(name)
    assert str(refused.value) == "molgnn tune needs Optuna: pip install 'optuna>=5,<6'"
