"""Dropout at prediction: masks of the head that are always the same."""

import pytest
import torch

from molgnn.errors import Refusal
from molgnn.nn.head import BondHead, MLPHead, asked


@pytest.fixture
def head():
    torch.manual_seed(0)
    return MLPHead(12, 2, hidden=16, layers=2, dropout=0.25, samples=4).eval()


def by_hand(head, h, sample):
    first, second, third = (getattr(head, f"masks_{i}")[sample] for i in range(3))
    into, through, out = (part for part in head.layers if isinstance(part, torch.nn.Linear))
    return out(torch.relu(through(torch.relu(into(h * first)) * second)) * third)


def test_samples_stand_side_by_side_and_each_has_its_mask(head):
    h = torch.randn(5, 12)
    found = head.sampled(h)
    assert found.shape == (5, 8)
    for sample, part in enumerate(found.split(2, dim=1)):
        torch.testing.assert_close(part, by_hand(head, h, sample))
    assert len({part.sum().item() for part in found.split(2, dim=1)}) == 4


def test_a_mask_drops_the_share_asked_for_and_keeps_the_mean():
    head = MLPHead(400, 1, hidden=500, dropout=0.25, samples=20)
    for width, mask in ((400, head.masks_0), (500, head.masks_1)):
        assert mask.shape == (20, width)
        assert mask.unique().tolist() == pytest.approx([0, 1 / 0.75])
        assert mask.mean().item() == pytest.approx(1, abs=0.03)


def test_masks_are_the_same_everywhere_and_no_part_of_the_weights(head):
    """So says a bundle: its predictions are those of the day it was saved."""
    again = MLPHead(12, 2, hidden=16, layers=2, dropout=0.25, samples=4)
    plain = MLPHead(12, 2, hidden=16, layers=2, dropout=0.25)
    torch.testing.assert_close(again.masks_2, head.masks_2, rtol=0, atol=0)
    assert list(plain.state_dict()) == list(head.state_dict())
    kept = "".join(str(int(v > 0)) for v in head.masks_0[1])
    assert kept == "110001111111"


def test_nothing_is_drawn_and_no_row_sees_another(head):
    h, before = torch.randn(64, 12), torch.random.get_rng_state()
    every = head.sampled(h)
    torch.testing.assert_close(torch.random.get_rng_state(), before, rtol=0, atol=0)
    torch.testing.assert_close(head.sampled(h.flip(0)).flip(0), every)
    torch.testing.assert_close(head(h), head.layers(h), rtol=0, atol=0)


def test_training_draws_masks_of_its_own(head):
    h = torch.randn(3, 12)
    assert not torch.equal(head.train()(h), head(h))


def test_a_head_without_samples_is_asked_as_it_is(head):
    plain, foreign = MLPHead(12, 2, dropout=0.5), torch.nn.Linear(12, 2)
    assert asked(plain) is plain
    assert asked(foreign) is foreign
    assert asked(head)(torch.randn(3, 12)).shape == (3, 8)


def test_bonds_are_sampled_too_and_know_no_first_end():
    torch.manual_seed(0)
    head = MLPHead(24, 1, hidden=16, dropout=0.25, samples=3)
    bonds = BondHead(head, 8, (5, 3)).eval()
    h, ends = torch.randn(4, 8), torch.tensor([[0, 1, 2], [1, 2, 3]])
    codes = torch.zeros(3, 2, dtype=torch.long)
    found = asked(bonds)(h, ends, codes)
    assert found.shape == (3, 3)
    torch.testing.assert_close(asked(bonds)(h, ends.flip(0), codes), found)


@pytest.mark.parametrize(
    "options, said",
    [({"samples": 20}, "head.dropout"), ({"samples": 1, "dropout": 0.1}, "2 or more")],
)
def test_samples_that_say_nothing_are_refused(options, said):
    with pytest.raises(Refusal, match=said):
        MLPHead(12, 2, **options)
