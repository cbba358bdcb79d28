"""Losses with labels missing anywhere, beside sklearn's and torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.utils.class_weight import compute_class_weight

from molgnn.nn.loss import MaskedLoss, balanced_weights

NAN = float("nan")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_regression_is_the_mean_squared_error_of_the_labels_present():
    logits, y = torch.randn(6, 2), torch.randn(6, 2)
    y[[0, 3], [1, 0]] = NAN
    present = ~torch.isnan(y)
    expected = mean_squared_error(y[present], logits[present])
    assert float(MaskedLoss(["regression"] * 2, [1, 1])(logits, y)) == pytest.approx(expected)


def test_binary_is_the_log_loss():
    logits, y = torch.randn(50, 1), torch.randint(2, (50, 1)).float()
    expected = log_loss(y[:, 0], torch.sigmoid(logits[:, 0]).numpy())
    assert float(MaskedLoss(["binary"], [1])(logits, y)) == pytest.approx(expected, rel=1e-5)


def test_multiclass_is_the_cross_entropy():
    logits, y = torch.randn(50, 4), torch.randint(4, (50, 1)).float()
    loss = MaskedLoss(["multiclass"], [4])(logits, y)
    torch.testing.assert_close(loss, F.cross_entropy(logits, y[:, 0].long()))


def mixed():
    """Three kinds at once, a third of the labels missing."""
    y = torch.stack([torch.randn(40), torch.randint(2, (40,)), torch.randint(3, (40,))], dim=1)
    y[torch.rand(y.shape) < 1 / 3] = NAN
    return torch.randn(40, 5, requires_grad=True), y


def test_kinds_mix_and_each_label_present_counts_the_same():
    logits, y = mixed()
    loss = MaskedLoss(["regression", "binary", "multiclass"], [1, 1, 3])(logits, y)
    total = 0.0
    for row, labels in zip(logits, y, strict=True):
        if not labels[0].isnan():
            total += (row[0] - labels[0]) ** 2
        if not labels[1].isnan():
            total += F.binary_cross_entropy_with_logits(row[1], labels[1])
        if not labels[2].isnan():
            total -= torch.log_softmax(row[2:], dim=0)[int(labels[2])]
    torch.testing.assert_close(loss, total / (~y.isnan()).sum())


def test_a_missing_label_has_no_gradient_and_makes_no_nan():
    logits, y = mixed()
    MaskedLoss(["regression", "binary", "multiclass"], [1, 1, 3])(logits, y).backward()
    assert torch.isfinite(logits.grad).all()
    missing = torch.cat([y.isnan()[:, :2], y.isnan()[:, 2:].expand(-1, 3)], dim=1)
    assert not logits.grad[missing].any()
    assert logits.grad[~missing].any()


def test_without_any_label_the_loss_is_zero_and_so_is_its_gradient():
    logits = torch.randn(4, 5, requires_grad=True)
    y = torch.full((4, 3), NAN)
    loss = MaskedLoss(["regression", "binary", "multiclass"], [1, 1, 3])(logits, y)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("kind, width", [("binary", 1), ("multiclass", 2)])
def test_confident_logits_stay_finite(kind, width):
    logits = torch.tensor([[1e4], [-1e4]]).expand(2, width).clone().requires_grad_()
    loss = MaskedLoss([kind], [width])(logits, torch.tensor([[0.0], [1.0]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_shares_of_a_batch_add_up_to_the_batch():
    """Under DDP each process takes its share of the molecules and the count of all."""
    logits, y = mixed()
    loss = MaskedLoss(["regression", "binary", "multiclass"], [1, 1, 3])
    count = int((~y.isnan()).sum())
    shares = [loss(logits[rank::2], y[rank::2], count) for rank in range(2)]
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


@pytest.mark.parametrize("kind, width", [("binary", 1), ("multiclass", 2)])
def test_the_weighted_loss_is_sklearns_with_sample_weights(kind, width):
    logits = torch.randn(60, width)
    y = (torch.rand(60, 1) < 0.2).float()
    weights = balanced_weights(y[:, 0], 2)
    loss = MaskedLoss([kind], [width], [weights])(logits, y)
    probability = torch.sigmoid(logits[:, 0]) if width == 1 else torch.softmax(logits, 1)[:, 1]
    samples = weights[y[:, 0].long()].numpy()
    expected = log_loss(y[:, 0], probability.numpy(), sample_weight=samples)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
