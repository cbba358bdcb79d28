"""Distances of atoms beside a plain double loop, and what a measure of over-smoothing promises."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from molgnn.nn import smoothing
from molgnn.nn.shift import Shift
from molgnn.nn.smoothing import mean_length, mean_pairwise_distance, relative_distance

# Atoms in no order; molecules 1 and 5 have none, molecule 3 has one.
GRAPH_ID = torch.tensor([0, 2, 0, 2, 2, 4, 4, 0, 3, 2, 0])
MOLECULES = 6


@pytest.fixture
def h():
    return torch.randn(len(GRAPH_ID), 5, generator=torch.Generator().manual_seed(0))


def looped(h, graph_id, num_graphs):
    """The same in two plain loops over the atoms of each molecule."""
    found = []
    for molecule in range(num_graphs):
        atoms = h[graph_id == molecule].tolist()
        apart = [math.dist(atoms[i], atoms[j]) for i in range(len(atoms)) for j in range(i)]
        found.append(sum(apart) / len(apart) if apart else math.nan)
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("block", [1, 5, 10, 35, 1 << 21])
def test_it_is_the_plain_double_loop_however_pairs_are_cut_into_blocks(block, h, monkeypatch):
    monkeypatch.setattr(smoothing, "_BLOCK", block)
    distance = mean_pairwise_distance(h, GRAPH_ID, MOLECULES)
    expected = looped(h, GRAPH_ID, MOLECULES)
    torch.testing.assert_close(distance, expected, rtol=1e-14, atol=0, equal_nan=True)
    assert torch.isnan(distance).tolist() == [False, True, False, True, False, True]
    torch.testing.assert_close(distance.nanmean(), expected[[0, 2, 4]].mean())


def test_vectors_of_half_precision_are_measured_in_double_precision(h):
    halves = h.bfloat16()
    expected = looped(halves.double(), GRAPH_ID, MOLECULES)
    distance = mean_pairwise_distance(halves, GRAPH_ID, MOLECULES)
    torch.testing.assert_close(distance, expected, rtol=1e-14, atol=0, equal_nan=True)


def test_small_distances_of_long_vectors_are_exact():
    """What |a|^2 + |b|^2 - 2 a.b would lose, as cdist does."""
    h = 1e3 + 1e-4 * torch.arange(40, dtype=torch.float32).unsqueeze(1).expand(40, 64)
    graph_id = torch.zeros(40, dtype=torch.long)
    distance = mean_pairwise_distance(h, graph_id, 1)
    torch.testing.assert_close(distance, looped(h, graph_id, 1), rtol=1e-14, atol=0)
    products = torch.cdist(h, h, compute_mode="use_mm_for_euclid_dist").sum() / (40 * 39)
    assert abs(products - distance) > 0.1 * distance


class LargestTensor(TorchDispatchMode):
    """Remembers the bytes of the largest tensor that any operation gives."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.bytes = max(self.bytes, out.numel() * out.element_size())
        return out


def test_a_large_molecule_takes_a_block_of_memory_and_not_the_square_of_its_atoms():
    atoms = 2000
    h, graph_id = torch.randn(atoms, 16), torch.zeros(atoms, dtype=torch.long)
    with LargestTensor() as largest:
        distance = mean_pairwise_distance(h, graph_id, 1)
    assert largest.bytes <= 8 * smoothing._BLOCK < 8 * 16 * atoms * (atoms - 1) / 2 / 10
    torch.testing.assert_close(distance[0], torch.pdist(h.double()).mean())


def test_it_is_nothing_exactly_where_all_atoms_are_alike(h):
    same = h[:1].expand(4, -1).clone()
    graph_id = torch.zeros(4, dtype=torch.long)
    for measure in (mean_pairwise_distance, relative_distance):
        assert measure(same, graph_id, 1).item() == 0
        assert measure(torch.zeros(4, 5), graph_id, 1).item() == 0
        one = same.clone()
        one[2, 3] += 1e-3
        assert measure(one, graph_id, 1).item() > 0


def test_the_distance_of_a_sum_is_at_most_the_sum_of_distances():
    """The second half of Rusch's definition; the relative distance does not promise it."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        a, b = torch.randn(2, len(GRAPH_ID), 3, generator=generator)
        left, right, both = (
            mean_pairwise_distance(v, GRAPH_ID, MOLECULES)[[0, 2, 4]] for v in (a, b, a + b)
        )
        assert (both <= left + right + 1e-12).all()


def test_molecules_and_the_order_of_atoms_do_not_matter_to_each_other(h):
    distance = mean_pairwise_distance(h, GRAPH_ID, MOLECULES)
    order = torch.randperm(len(h), generator=torch.Generator().manual_seed(2))
    shuffled = mean_pairwise_distance(h[order], GRAPH_ID[order], MOLECULES)
    torch.testing.assert_close(shuffled, distance, equal_nan=True)
    other = torch.where((GRAPH_ID == 2).unsqueeze(1), h, 100 * h)
    changed = mean_pairwise_distance(other, GRAPH_ID, MOLECULES)
    torch.testing.assert_close(changed[2], distance[2])
    assert changed[0] > 50 * distance[0]


def test_the_relative_distance_is_free_of_scale_but_not_of_shift(h):
    relative = relative_distance(h, GRAPH_ID, MOLECULES)
    for scale in (1e-12, 7.0, 1e12):
        scaled = relative_distance(scale * h.double(), GRAPH_ID, MOLECULES)
        torch.testing.assert_close(scaled, relative, equal_nan=True, rtol=1e-6, atol=0)
        distance = mean_pairwise_distance(scale * h.double(), GRAPH_ID, MOLECULES)
        torch.testing.assert_close(
            distance / scale,
            mean_pairwise_distance(h, GRAPH_ID, MOLECULES),
            equal_nan=True,
            rtol=1e-6,
            atol=0,
        )
    moved = relative_distance(h + 50, GRAPH_ID, MOLECULES)[[0, 2, 4]]
    assert (moved < 0.1 * relative[[0, 2, 4]]).all()


def test_the_relative_distance_of_opposite_atoms_is_two_and_of_independent_ones_root_two():
    ends, pair = torch.tensor([[3.0, -4.0], [-3.0, 4.0]]), torch.tensor([0, 0])
    assert relative_distance(ends, pair, 1).item() == pytest.approx(2)
    noise = torch.randn(200, 400, generator=torch.Generator().manual_seed(3))
    one = relative_distance(noise, torch.zeros(200, dtype=torch.long), 1)
    assert one.item() == pytest.approx(math.sqrt(2), abs=0.01)


def test_the_length_is_the_root_mean_square_of_the_atoms_of_a_molecule(h):
    length = mean_length(h, GRAPH_ID, MOLECULES)
    for molecule in (0, 2, 3, 4):
        mine = h[molecule == GRAPH_ID].double()
        assert length[molecule].item() == pytest.approx(mine.norm() / math.sqrt(len(mine)))
    assert length[[1, 5]].tolist() == [0, 0]


@pytest.mark.parametrize("name", ["random_walk", "symmetric"])
def test_averaging_without_end_leaves_what_theory_says(name, batch_of):
    """(D^-1 A)^k h makes all atoms alike; D^-1/2 A D^-1/2 leaves sqrt(degree) between them."""
    batch = batch_of(["CC(=O)Oc1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1"])
    h = torch.rand(len(batch.x), 8, generator=torch.Generator().manual_seed(4)).double()
    degree = 1.0 + torch.bincount(batch.edge_index[1])  # each atom is its own neighbour too
    shift = Shift(name, batch.edge_index, h, loops=True)
    for _ in range(2000):
        h = shift(h)
    relative = relative_distance(h, batch.graph_id, 2)
    left = degree.sqrt() if name == "symmetric" else torch.ones(len(h))
    expected = relative_distance(left.double().unsqueeze(1), batch.graph_id, 2)
    torch.testing.assert_close(relative, expected, rtol=1e-6, atol=1e-9)
    assert (expected > 0.05).all() == (name == "symmetric")


def test_no_atoms_and_no_channels_have_no_distance():
    none = torch.zeros(0, dtype=torch.long)
    assert torch.isnan(mean_pairwise_distance(torch.zeros(0, 3), none, 2)).all()
    assert mean_pairwise_distance(torch.zeros(0, 3), none, 0).shape == (0,)
    assert relative_distance(torch.zeros(2, 0), torch.tensor([0, 0]), 1).item() == 0
