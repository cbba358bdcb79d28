"""One trial: its figure, its end before its time, and what it leaves behind."""

import numpy as np
import pytest
import torch

from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.train.api import options_of
from molgnn.train.run import read_data, split_data
from molgnn.train.tuning.trial import Outcome, attempt, material_of, metric_of

TINY = {"name": "dmpnn", "dim": 8, "depth": 2}


@pytest.fixture
def options(table):
    def make(targets="y", change=lambda rows: None, **more):
        given = {"model": "network", "encoder": TINY, "split": "column", "epochs": 3} | more
        return options_of(table(change), targets, **given)

    return make


def material(options):
    dataset, _, units = read_data(options.data, options.kind, None)
    return material_of(dataset, split_data(dataset, options), units)


def go_on(tenth, loss):
    return False


def test_it_holds_no_molecule_of_the_test_part(options):
    found = material(options())
    assert (len(found.parts.train), len(found.parts.valid), len(found.parts.test)) == (56, 12, 0)
    assert len(found.dataset) == len(found.dataset.labels) == 68


def test_a_pruned_training_leaves_nothing_behind(options):
    chosen = options()
    work = material(chosen)
    before = torch.random.get_rng_state()
    whole = attempt(work, chosen, "rmse", go_on)
    assert attempt(work, chosen, "rmse", lambda tenth, loss: True) == Outcome("pruned")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert attempt(work, chosen, "rmse", go_on) == whole


@pytest.mark.parametrize(
    "epochs, tenths", [(1, []), (3, [3, 6]), (10, list(range(1, 10))), (23, list(range(1, 10)))]
)
def test_it_is_looked_at_in_tenths_of_its_own_length(options, epochs, tenths):
    chosen, seen = options(epochs=epochs), []

    def look(tenth, loss):
        assert loss > 0
        return bool(seen.append(tenth))

    attempt(material(chosen), chosen, "loss", look)
    assert seen == tenths


def test_only_the_first_member_of_an_ensemble_is_looked_at(options):
    chosen, seen = options(members=2), []
    attempt(material(chosen), chosen, "loss", lambda tenth, loss: bool(seen.append(tenth)))
    assert seen == [3, 6]


def test_a_figure_that_valid_cannot_give_is_a_failure_with_its_reason(options):
    def one_class(rows):
        for row in rows:
            row["active"] = "1" if row["split"] == "valid" else row["active"]

    chosen = options("active", one_class)
    outcome = attempt(material(chosen), chosen, "roc_auc", go_on)
    assert outcome.state == "failed"
    assert "active: only class 1" in outcome.reason
    assert np.isfinite(attempt(material(chosen), chosen, "loss", go_on).value)


def test_too_little_memory_is_a_failure_and_another_error_is_not_hidden(options, monkeypatch):
    from molgnn.train.tuning import trial

    chosen = options()
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you")):
        monkeypatch.setattr(
            trial, "learn", lambda *words, error=error: (_ for _ in ()).throw(error)
        )
        assert attempt(material(chosen), chosen, "loss", go_on).reason == "out of memory"
    broken = RuntimeError("a bug")
    monkeypatch.setattr(trial, "learn", lambda *words: (_ for _ in ()).throw(broken))
    with pytest.raises(RuntimeError, match="a bug"):
        attempt(material(chosen), chosen, "loss", go_on)


@pytest.mark.parametrize(
    "kinds, asked, metric",
    [
        (["regression"], "auto", "rmse"),
        (["regression", "regression"], "auto", "loss"),
        (["binary", "binary"], "auto", "roc_auc"),
        (["multiclass"], "auto", "roc_auc"),
        (["regression", "binary"], "auto", "loss"),
        (["regression", "binary"], "pr_auc", "pr_auc"),
        (["regression"], "spearman", "spearman"),
    ],
)
def test_the_metric_follows_from_the_targets(kinds, asked, metric):
    tasks = [Task(f"t{i}", kind) for i, kind in enumerate(kinds)]
    assert metric_of(asked, tasks) == metric


def test_a_metric_that_no_target_has_is_refused():
    with pytest.raises(Refusal, match="'accuracy': choose one of auto, bedroc, ef1, log_loss"):
        metric_of("accuracy", [Task("t", "binary")])
