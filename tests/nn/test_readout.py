"""What every readout promises, and what each one computes."""

import pytest
import torch

from molgnn.models.build import READOUTS

DIM = 5
GRAPH_ID = torch.tensor([0, 0, 0, 2, 3, 3])  # molecules 1 and 4 have no atoms
MOLECULES = 5
each_readout = pytest.mark.parametrize("name", READOUTS)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def h():
    return torch.randn(len(GRAPH_ID), DIM)


def make(name):
    return READOUTS[name](DIM)


@each_readout
def test_there_is_one_row_a_molecule_even_for_an_empty_one(name, h):
    readout = make(name)
    pooled = readout(h, GRAPH_ID, MOLECULES)
    assert tuple(pooled.shape) == (MOLECULES, readout.out_dim)
    assert not pooled[[1, 4]].any()
    assert pooled[[0, 2, 3]].any(dim=1).all()


@each_readout
def test_the_order_of_atoms_does_not_matter(name, h):
    readout, order = make(name), torch.tensor([2, 0, 1, 3, 5, 4])
    straight, shuffled = (readout(h[o], GRAPH_ID, MOLECULES) for o in (torch.arange(6), order))
    torch.testing.assert_close(straight, shuffled)


@each_readout
def test_neighbours_in_the_batch_do_not_matter(name, h):
    readout = make(name)
    pooled = readout(h, GRAPH_ID, MOLECULES)
    for molecule in range(MOLECULES):
        mine = h[molecule == GRAPH_ID]
        alone = readout(mine, torch.zeros(len(mine), dtype=torch.long), 1)
        torch.testing.assert_close(pooled[molecule], alone[0])


@each_readout
def test_large_states_stay_finite_with_their_gradients(name, h):
    h = (h * 1e4).requires_grad_()
    pooled = make(name)(h, GRAPH_ID, MOLECULES)
    pooled.sum().backward()
    assert torch.isfinite(pooled).all()
    assert torch.isfinite(h.grad).all()


def one_by_one(h, pool):
    return torch.stack([pool(h[m == GRAPH_ID]) for m in range(MOLECULES)])


def or_zeros(pool):
    return lambda atoms: pool(atoms) if len(atoms) else torch.zeros(DIM)


@pytest.mark.parametrize(
    "name, pool",
    [
        ("mean", or_zeros(lambda atoms: atoms.mean(dim=0))),
        ("max", or_zeros(lambda atoms: atoms.max(dim=0).values)),
        ("sum", lambda atoms: atoms.sum(dim=0) / 20),
    ],
)
def test_plain_readouts_are_a_loop_over_molecules(name, pool, h):
    torch.testing.assert_close(make(name)(h, GRAPH_ID, MOLECULES), one_by_one(h, pool))


def test_max_of_negative_states_is_negative(h):
    assert (make("max")(-h.abs(), GRAPH_ID, MOLECULES)[[0, 2, 3]] < 0).all()


def test_mean_max_is_mean_beside_max(h):
    both = [make(name)(h, GRAPH_ID, MOLECULES) for name in ("mean", "max")]
    torch.testing.assert_close(make("mean_max")(h, GRAPH_ID, MOLECULES), torch.cat(both, dim=1))


def test_sum_grows_with_the_molecule_and_mean_does_not(h):
    doubled, graph_id = torch.cat([h, h]), torch.cat([GRAPH_ID, GRAPH_ID])
    for name, factor in (("sum", 2), ("mean", 1)):
        once = make(name)(h, GRAPH_ID, MOLECULES)
        torch.testing.assert_close(make(name)(doubled, graph_id, MOLECULES), factor * once)


def test_the_scale_of_a_sum_is_an_option(h):
    plain = READOUTS["sum"](DIM, scale=1.0)(h, GRAPH_ID, MOLECULES)
    torch.testing.assert_close(plain[0], h[:3].sum(dim=0))


def test_attention_is_a_softmax_over_the_atoms_of_a_molecule(h):
    readout = make("attention")

    def pool(atoms):
        return (torch.softmax(readout.pool.gate_nn(atoms), dim=0) * atoms).sum(dim=0)

    torch.testing.assert_close(readout(h, GRAPH_ID, MOLECULES), one_by_one(h, pool))
