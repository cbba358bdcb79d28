"""Losses with labels missing anywhere or only bounded, beside sklearn's and torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import log_loss, mean_absolute_error, mean_pinball_loss, mean_squared_error
from sklearn.utils.class_weight import compute_class_weight

from molgnn.nn.loss import ELEMENT_LOSSES, LevelLoss, MaskedLoss, TaskLoss, balanced_weights

NAN = float("nan")
REGRESSION = ("l2", "l1", "huber", "quantile")
THREE = [TaskLoss("l2"), TaskLoss("binary"), TaskLoss("multiclass", 3)]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def mean(loss, logits, y, **given):
    """Of one task or some: the sum over the number of labels."""
    tasks = loss if isinstance(loss, list) else [loss]
    return MaskedLoss(tasks)(logits, y, **given) / (~y.isnan()).sum()


def task_loss(name):
    return TaskLoss(name, 3, quantiles=(0.1, 0.5, 0.9)) if name == "quantile" else TaskLoss(name)


@pytest.mark.parametrize("name, oracle", [("l2", mean_squared_error), ("l1", mean_absolute_error)])
def test_regression_is_sklearns_mean_over_the_labels_present(name, oracle):
    logits, y = torch.randn(6, 2), torch.randn(6, 2)
    y[[0, 3], [1, 0]] = NAN
    present = ~torch.isnan(y)
    expected = oracle(y[present], logits[present])
    assert float(mean([TaskLoss(name)] * 2, logits, y)) == pytest.approx(expected)


@pytest.mark.parametrize("delta", [0.5, 1.0, 2.0])
def test_huber_is_torchs(delta):
    logits, y = 3 * torch.randn(50, 1), torch.randn(50, 1)
    expected = F.huber_loss(logits, y, delta=delta)
    torch.testing.assert_close(mean(TaskLoss("huber", delta=delta), logits, y), expected)


def test_quantile_is_sklearns_pinball_loss_averaged_over_the_quantiles():
    logits, y, quantiles = torch.randn(40, 3), torch.randn(40, 1), (0.05, 0.5, 0.9)
    each = [
        mean_pinball_loss(y[:, 0], logits[:, i], alpha=quantile)
        for i, quantile in enumerate(quantiles)
    ]
    loss = mean(TaskLoss("quantile", 3, quantiles=quantiles), logits, y)
    assert float(loss) == pytest.approx(np.mean(each), rel=1e-5)


def test_the_quantile_loss_is_least_at_the_quantile():
    y = torch.randn(4001, 1)
    loss = TaskLoss("quantile", 2, quantiles=(0.5, 0.9))
    grid = torch.linspace(-2, 2, 81)
    losses = [[float(mean(loss, torch.tensor([[a, b]]).expand(4001, 2), y)) for b in grid]
              for a in (float(y.median()),)]  # fmt: skip
    best = float(grid[int(np.argmin(losses[0]))])
    assert best == pytest.approx(float(y.quantile(0.9)), abs=0.05)


def test_binary_is_the_log_loss():
    logits, y = torch.randn(50, 1), torch.randint(2, (50, 1)).float()
    expected = log_loss(y[:, 0], torch.sigmoid(logits[:, 0]).numpy())
    assert float(mean(TaskLoss("binary"), logits, y)) == pytest.approx(expected, rel=1e-5)


def test_multiclass_is_the_cross_entropy():
    logits, y = torch.randn(50, 4), torch.randint(4, (50, 1)).float()
    loss = mean(TaskLoss("multiclass", 4), logits, y)
    torch.testing.assert_close(loss, F.cross_entropy(logits, y[:, 0].long()))


@pytest.mark.parametrize("name, width", [("binary", 1), ("multiclass", 3)])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_is_lins_formula(name, width, gamma):
    logits, y = torch.randn(50, width).double(), torch.randint(2, (50, 1)).double()
    if width == 1:
        p = torch.sigmoid(logits[:, 0])
        p = torch.where(y[:, 0] == 1, p, 1 - p)
    else:
        p = torch.softmax(logits, 1).gather(1, y.long())[:, 0]
    expected = (-((1 - p) ** gamma) * p.log()).mean()
    torch.testing.assert_close(mean(TaskLoss(name, width, gamma=gamma), logits, y), expected)


@pytest.mark.parametrize("name", REGRESSION)
def test_a_bound_costs_nothing_where_it_is_kept_and_as_a_label_where_not(name):
    loss = task_loss(name)
    low, high = torch.full((5, loss.width), -1.0), torch.full((5, loss.width), 2.0)
    y, up, down = torch.zeros(5, 1), torch.ones(5, 1), -torch.ones(5, 1)
    exact = {side: float(mean(loss, side_logits, y)) for side, side_logits in
             (("low", low), ("high", high))}  # fmt: skip
    assert exact["low"] > 0
    assert exact["high"] > 0
    assert float(mean(loss, high, y, bounds=up)) == 0
    assert float(mean(loss, low, y, bounds=down)) == 0
    assert float(mean(loss, low, y, bounds=up)) == pytest.approx(exact["low"])
    assert float(mean(loss, high, y, bounds=down)) == pytest.approx(exact["high"])
    assert float(mean(loss, high, y, bounds=0 * up)) == pytest.approx(exact["high"])


def mixed():
    """Three kinds at once, a third of the labels missing."""
    y = torch.stack([torch.randn(40), torch.randint(2, (40,)), torch.randint(3, (40,))], dim=1)
    y[torch.rand(y.shape) < 1 / 3] = NAN
    return torch.randn(40, 5, requires_grad=True), y


def test_kinds_mix_and_each_label_present_counts_the_same():
    logits, y = mixed()
    total = 0.0
    for row, labels in zip(logits, y, strict=True):
        if not labels[0].isnan():
            total += (row[0] - labels[0]) ** 2
        if not labels[1].isnan():
            total += F.binary_cross_entropy_with_logits(row[1], labels[1])
        if not labels[2].isnan():
            total -= torch.log_softmax(row[2:], dim=0)[int(labels[2])]
    torch.testing.assert_close(MaskedLoss(THREE)(logits, y), total)


def test_a_task_and_a_row_count_by_their_weights():
    logits, y = mixed()
    weight = torch.rand(40)
    weighted = [TaskLoss(t.name, t.width, w) for t, w in zip(THREE, (2.0, 0.0, 0.5), strict=True)]
    total = 0.0
    for row in range(40):
        one = [MaskedLoss([t])(logits[row : row + 1, s], y[row : row + 1, i : i + 1])
               for i, (t, s) in enumerate(zip(THREE, (slice(0, 1), slice(1, 2), slice(2, 5)),
                                              strict=True))]  # fmt: skip
        total = total + weight[row] * (2.0 * one[0] + 0.5 * one[2])
    torch.testing.assert_close(MaskedLoss(weighted)(logits, y, weight=weight), total)


def test_levels_weigh_the_same_however_many_labels_they_have():
    loss = LevelLoss({"molecule": [TaskLoss("l2")], "atom": [TaskLoss("l1")]})
    logits = {"molecule": torch.randn(4, 1), "atom": torch.randn(100, 1)}
    y = {"molecule": torch.randn(4, 1), "atom": torch.randn(100, 1)}
    y["atom"][::3] = NAN
    counts = {level: int((~labels.isnan()).sum()) for level, labels in y.items()}
    found = loss.mean(loss.sums(logits, y), counts)
    present = ~y["atom"].isnan()
    squared = F.mse_loss(logits["molecule"], y["molecule"])
    expected = (squared + F.l1_loss(logits["atom"][present], y["atom"][present])) / 2
    torch.testing.assert_close(found, expected)


def test_a_missing_label_has_no_gradient_and_makes_no_nan():
    logits, y = mixed()
    MaskedLoss(THREE)(logits, y).backward()
    assert torch.isfinite(logits.grad).all()
    missing = torch.cat([y.isnan()[:, :2], y.isnan()[:, 2:].expand(-1, 3)], dim=1)
    assert not logits.grad[missing].any()
    assert logits.grad[~missing].any()


def test_without_any_label_the_loss_is_zero_and_so_is_its_gradient():
    logits = torch.randn(4, 5, requires_grad=True)
    loss = MaskedLoss(THREE)(logits, torch.full((4, 3), NAN))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("name", ELEMENT_LOSSES)
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_confident_logits_stay_finite(name, gamma):
    width = {"multiclass": 2, "quantile": 3, "mve": 2, "evidential": 4}.get(name, 1)
    logits = torch.tensor([[1e4], [-1e4], [0.0]]).expand(3, width).clone().requires_grad_()
    task = TaskLoss(name, width, gamma=gamma, quantiles=(0.1, 0.5, 0.9))
    loss = MaskedLoss([task])(logits, torch.tensor([[0.0], [1.0], [0.0]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_shares_of_a_batch_add_up_to_the_batch():
    """Under DDP each process takes its share of the molecules and the count of all."""
    logits, y = mixed()
    loss = MaskedLoss(THREE)
    shares = [loss(logits[rank::2], y[rank::2]) for rank in range(2)]
    torch.testing.assert_close(sum(shares), loss(logits, y))


def test_balanced_weights_are_those_of_sklearn():
    labels = torch.tensor([0.0, 0, 0, 0, 0, 1, 1, 2, NAN])
    known = labels[:-1].numpy()
    expected = compute_class_weight("balanced", classes=np.arange(3), y=known)
    np.testing.assert_allclose(balanced_weights(labels, 3), expected, rtol=1e-6)


def test_balanced_classes_weigh_the_same_in_all_and_one_on_average():
    labels = torch.tensor([0.0] * 7 + [2.0] * 3)
    weights = balanced_weights(labels, 4)
    assert weights[[1, 3]].tolist() == [0, 0]  # no label: no weight, and no division by zero
    assert float(7 * weights[0]) == pytest.approx(float(3 * weights[2]))
    assert float(weights[labels.long()].mean()) == pytest.approx(1)
    assert not balanced_weights(torch.tensor([NAN]), 2).any()


@pytest.mark.parametrize("name, width", [("binary", 1), ("multiclass", 2)])
def test_the_weighted_loss_is_sklearns_with_sample_weights(name, width):
    logits = torch.randn(60, width)
    y = (torch.rand(60, 1) < 0.2).float()
    weights = balanced_weights(y[:, 0], 2)
    loss = mean(TaskLoss(name, width, class_weights=weights), logits, y)
    probability = torch.sigmoid(logits[:, 0]) if width == 1 else torch.softmax(logits, 1)[:, 1]
    samples = weights[y[:, 0].long()].numpy()
    expected = log_loss(y[:, 0], probability.numpy(), sample_weight=samples)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
