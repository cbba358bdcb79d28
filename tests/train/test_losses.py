"""From options to the losses of tasks: weights that do what they say, and refusals by name."""

import numpy as np
import pytest
import torch

from molgnn.data.levels import Levels
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.nn.loss import LevelLoss
from molgnn.train.losses import task_losses
from molgnn.train.options import LossOptions

TASKS = [
    Task("y", "regression"),
    Task("active", "binary", classes=("0", "1")),
    Task("charge", "regression", level="atom"),
]
NONE = np.zeros((0, 0))
Y = Levels(
    np.array([[1.0, 0], [2, 0], [3, 0], [4, 1]], dtype=np.float32),
    np.zeros((6, 1), dtype=np.float32), NONE, np.arange(5), np.zeros(5, dtype=int),
)  # fmt: skip


def losses(**options):
    return task_losses(TASKS, LossOptions(**options), Y)


def test_each_level_has_the_losses_of_its_tasks():
    found = losses(regression="huber", delta=0.3, classes="focal", gamma=1.5)
    assert {level: [(t.name, t.width) for t in tasks] for level, tasks in found.items()} == {
        "molecule": [("huber", 1), ("binary", 1)],
        "atom": [("huber", 1)],
    }
    assert (found["molecule"][0].delta, found["molecule"][1].gamma) == (0.3, 1.5)


def test_task_weights_are_one_on_average_and_keep_their_ratios():
    weights = [t.weight for tasks in losses(task_weights={"y": 4}).values() for t in tasks]
    assert sum(weights) == pytest.approx(3)
    assert weights[0] == pytest.approx(4 * weights[1])
    same = [t.weight for t in losses(task_weights={"y": 5, "active": 5, "charge": 5})["molecule"]]
    assert same == [1, 1]


def test_a_task_of_weight_0_does_not_pull():
    loss = LevelLoss(losses(task_weights={"active": 0}))
    logits = torch.randn(4, 2, requires_grad=True)
    y = {"molecule": torch.from_numpy(Y.molecule), "atom": torch.from_numpy(Y.atom)}
    found = loss.sums({"molecule": logits, "atom": torch.zeros(6, 1)}, y)
    loss.mean(found, {"molecule": 8, "atom": 6}).backward()
    assert not logits.grad[:, 1].any()
    assert logits.grad[:, 0].any()


def test_class_weights_are_balanced_or_what_the_user_says():
    assert losses()["molecule"][1].class_weights is None
    balanced = losses(class_weights="balanced")["molecule"][1].class_weights
    torch.testing.assert_close(balanced, torch.tensor([4 / 6, 2.0]))
    given = losses(class_weights={"active": [1, 8]})["molecule"][1].class_weights
    assert given.tolist() == [1, 8]


@pytest.mark.parametrize(
    "options, said",
    [
        ({"task_weights": {"z": 1}}, "unknown target in loss.task_weights: 'z': choose one of"),
        ({"task_weights": {"y": -1}}, r"loss.task_weights.y=-1: must be a number, 0 or larger"),
        ({"task_weights": {"y": "two"}}, r"loss.task_weights.y=two: must be a number"),
        ({"task_weights": {t.name: 0 for t in TASKS}}, "every target weighs 0"),
        ({"class_weights": {"y": [1, 2]}}, "unknown target of classes in loss.class_weights: 'y'"),
        ({"class_weights": {"active": [1]}}, "give 2 numbers, one for each class"),
        ({"class_weights": {"active": 3}}, "give 2 numbers"),
        ({"class_weights": {"active": [1, float("nan")]}}, "must be a number, 0 or larger"),
    ],
)
def test_weights_that_are_none_are_refused_by_name(options, said):
    with pytest.raises(Refusal, match=said):
        losses(**options)


def test_class_weights_without_classes_are_refused():
    with pytest.raises(Refusal, match="there is no target of classes"):
        task_losses(TASKS[:1], LossOptions(class_weights={"y": [1, 2]}), Y)
