"""Sums, means, maxima and shares beside PyG's scatter and softmax."""

import pytest
import torch
from torch_geometric.utils import scatter, softmax

from molgnn.nn.neighbours import largest_at, mean_at, softmax_at, sum_at

ATOMS = 6
INDEX = torch.tensor([0, 0, 4, 1, 0, 4, 3])  # nothing reaches atoms 2 and 5


@pytest.fixture
def values():
    torch.manual_seed(0)
    return torch.randn(len(INDEX), 3, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    "ours, reduce",
    [(sum_at, "sum"), (mean_at, "mean"), (largest_at, "max")],
    ids=["sum", "mean", "max"],
)
def test_values_and_gradients_are_those_of_pyg(ours, reduce, values):
    both = ours(values, INDEX, ATOMS), scatter(values, INDEX, 0, ATOMS, reduce)
    torch.testing.assert_close(*both)
    weight = torch.randn(ATOMS, 3, dtype=torch.float64)
    torch.testing.assert_close(*(torch.autograd.grad((y * weight).sum(), values) for y in both))
    assert not both[0][[2, 5]].any()


def test_shares_are_those_of_pyg_and_add_up_to_one(values):
    shares, theirs = softmax_at(values, INDEX, ATOMS), softmax(values, INDEX, num_nodes=ATOMS)
    torch.testing.assert_close(shares, theirs)
    weight = torch.randn_like(values)
    left, right = (torch.autograd.grad((y * weight).sum(), values) for y in (shares, theirs))
    torch.testing.assert_close(left, right)
    reached = sum_at(shares, INDEX, ATOMS)[[0, 1, 3, 4]]
    torch.testing.assert_close(reached, torch.ones_like(reached))


def test_shares_of_large_scores_are_finite():
    shares = softmax_at(torch.tensor([[1e4], [1e4 - 1], [-1e4]]), torch.tensor([0, 0, 1]), 2)
    expected = torch.softmax(torch.tensor([1.0, 0.0]), dim=0)
    torch.testing.assert_close(shares[:, 0], torch.cat([expected, torch.ones(1)]))


def test_no_rows_give_zeros_and_no_shares():
    none, index = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    for gather in (sum_at, mean_at, largest_at):
        assert torch.equal(gather(none, index, 2), torch.zeros(2, 3))
    assert softmax_at(none, index, 2).shape == (0, 3)
