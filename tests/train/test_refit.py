"""What validation molecules are for: to judge, to be learnt from, or both, one after the other."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_squared_error

from molgnn.cli.figures import summary
from molgnn.errors import Refusal
from molgnn.train.options import FitOptions

MODELS = {
    "network": "network",
    "blend": {"name": "blend", "features": ["morgan"], "network_features": ["erg"]},
}


@pytest.fixture(params=MODELS)
def runs(request, table, fit):
    """Runs of one table that differ in ``fit.valid``."""
    path = table()
    given = {"model": MODELS[request.param], "epochs": 2, "baseline": True}
    return {v: fit(path, out=v, valid=v, **given) for v in ("refit", "learn", "judge")}


def test_the_model_is_that_of_train_and_valid_and_valid_is_judged_before(runs, weights):
    assert weights(runs["refit"]) == weights(runs["learn"]) != weights(runs["judge"])
    assert runs["refit"].metrics["valid"] == runs["judge"].metrics["valid"]
    assert runs["refit"].metrics["test"] == runs["learn"].metrics["test"]
    assert runs["learn"].metrics["valid"] == {}
    assert runs["refit"].metrics["test"] != runs["judge"].metrics["test"]
    for name in ("refit", "judge"):
        frame = runs[name].predictions.query("split == 'valid'")
        error = mean_squared_error(frame["y (measured)"], frame["y"])
        assert runs[name].metrics["valid"]["rmse"] == pytest.approx(np.sqrt(error), rel=1e-5)


def test_members_and_the_baseline_learn_from_what_the_model_learns_from(runs):
    found = {name: run.metrics["baseline"] for name, run in runs.items()}
    assert found["refit"]["valid"] == found["judge"]["valid"]
    assert found["refit"]["test"] == found["learn"]["test"] != found["judge"]["test"]
    if "members" in runs["refit"].metrics:
        each = {name: run.metrics["members"] for name, run in runs.items()}
        for refit, learn, judge in zip(each["refit"], each["learn"], each["judge"], strict=True):
            assert (refit["test"], refit["valid"]) == (learn["test"], judge["valid"])


def test_the_bundle_knows_all_that_was_learnt(runs):
    known = {
        name: len(pd.read_parquet(run.folder / "model" / "training.parquet"))
        for name, run in runs.items()
    }
    assert known == {"refit": 68, "learn": 68, "judge": 56}
    counts = {name: run.model.card["data"]["counts"] for name, run in runs.items()}
    assert counts["refit"] == {"train": 56, "valid": 12, "test": 12}
    assert counts["learn"] == {"train": 68, "valid": 0, "test": 12}
    told = {n: (run.folder / "model" / "README.md").read_text() for n, run in runs.items()}
    assert ["same training without valid" in told[n] for n in runs] == [True, False, False]
    printed = {n: "before the model learnt from it" in str(summary(run)) for n, run in runs.items()}
    assert printed == {"refit": True, "learn": False, "judge": False}


def test_scaling_follows_what_is_learnt(table, fit):
    def far(rows):
        for row in rows:
            if row["split"] == "valid":
                row["y"] = str(float(row["y"]) + 50)

    given = {"epochs": 1, "transform": "standardize"}
    refit, judge = (fit(table(far), out=v, valid=v, **given) for v in ("refit", "judge"))
    assert refit.model.tasks[0].mean > judge.model.tasks[0].mean + 5
    assert refit.predictions["split"].value_counts().to_dict() == {
        "train": 56, "valid": 12, "test": 12,
    }  # fmt: skip


def test_it_goes_on_within_the_second_training(table, fit, weights, monkeypatch):
    path, seen = table(), []

    def stop(member, row):
        seen.append((member, row["epoch"], row["valid_loss"] is None))
        if (member, row["epoch"]) == (1, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(path, out="a", valid="refit", epochs=3, epoch_done=stop)
    assert [member for member, *_ in seen] == [0, 0, 0, 1, 1]
    assert [first for *_, first in seen] == [False] * 3 + [True] * 2
    again = fit(path, out="a", valid="refit", epochs=3, epoch_done=lambda m, r: seen.append((m, r)))
    assert [member for member, _ in seen[5:]] == [1]
    assert weights(again) == weights(fit(path, out="b", valid="refit", epochs=3))
    assert not (again.folder / "checkpoints").exists()
    assert len(json.loads((again.folder / "metrics.json").read_text())["history"]) == 1


def test_without_validation_molecules_it_trains_once(table, fit, weights):
    split = {"name": "random", "sizes": [0.9, 0.0, 0.1]}
    seen = []
    one = fit(
        table(), out="a", split=split, valid="refit", epochs=1, epoch_done=lambda *r: seen.append(r)
    )
    assert len(seen) == 1
    assert weights(one) == weights(fit(table(), out="b", split=split, valid="learn", epochs=1))


def test_evaluations_learn_from_all_outside_the_fold(table, tmp_path):
    tiny = {"encoder": {"name": "gin", "dim": 8, "depth": 1}, "model": "network", "epochs": 1}
    from molgnn.train.api import options_of
    from molgnn.train.crossplan import Folds, plan
    from molgnn.train.crossval import cross_validate

    figures = {}
    for valid in ("refit", "learn", "judge"):
        config = options_of(table(), "y", **tiny, valid=valid, baseline=False)
        records = cross_validate(plan({"a": config}, Folds(folds=3, repeats=1)), tmp_path / valid)
        figures[valid] = [record["figures"] for record in records.values()]
    assert figures["refit"] == figures["learn"] != figures["judge"]


@pytest.mark.parametrize(
    "options, said",
    [
        ({"valid": "test"}, "fit.valid 'test': choose one of choose, judge, learn, refit"),
        ({"patience": 3}, "fit.patience=3: with fit.valid=refit no epoch is chosen"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(Refusal, match=said):
        FitOptions(**options)


def test_estimators_learn_from_all_rows_unless_told(table):
    from molgnn.sklearn import MolGNNRegressor

    tiny = {"model": "network", "encoder": {"name": "gin", "dim": 8, "depth": 1}, "epochs": 1}
    texts, y = ["C" * n for n in range(1, 31)], np.arange(30.0)
    whole = MolGNNRegressor(**tiny, random_state=0).fit(texts, y)
    assert whole.history_[0][0]["valid_loss"] is None
    judged = MolGNNRegressor(**tiny, random_state=0, validation_fraction=0.2).fit(texts, y)
    assert judged.history_[0][0]["valid_loss"] > 0
    with pytest.raises(ValueError, match="patience=2: give a validation_fraction"):
        MolGNNRegressor(**tiny, patience=2).fit(texts, y)
