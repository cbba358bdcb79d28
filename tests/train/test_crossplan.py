"""What cannot be compared is refused before any training."""

from dataclasses import replace

import pytest

from molgnn.errors import Refusal
from molgnn.train.crossplan import Folds, plan
from molgnn.train.options import (
    LossOptions,
    ModelOptions,
)

HOW = Folds(folds=3, repeats=2)


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


def test_what_a_model_cannot_predict_is_refused_before_any_training(options):
    quantiles = replace(options(), loss=LossOptions("quantile"))
    with pytest.raises(Refusal, match="cannot predict 'y'"):
        plan({"a": replace(quantiles, model=ModelOptions(parts=("mean",)))}, HOW)


def test_how_labels_are_scaled_may_differ(options):
    work = plan({"a": options(), "b": options(transform="rank")}, HOW)
    assert [side.tasks[0][0][0].transform for side in work.sides] == ["standardize", "rank"]
