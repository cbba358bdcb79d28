"""Equilibria: found, differentiated, counted, and refused."""

import pytest
import torch

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.errors import Refusal
from molgnn.nn.equilibrium import attached, components, equilibrium
from molgnn.nn.fixed_point import FixedPointEncoder, contracted, step

DIM = 6


def make(depth=1, contraction=0.9, tolerance=1e-13, limit=1000, loud=True):
    """An encoder in double precision; ``loud``: with weights far beyond the contraction."""
    torch.manual_seed(0)
    encoder = FixedPointEncoder(
        ATOM_SIZES, BOND_SIZES, DIM, depth, contraction, tolerance, limit
    ).double()
    with torch.no_grad():
        for layer in encoder.stack.layers:
            layer.weight.mul_(30 if loud else 1)
            layer.gate.weight.add_(2 * torch.randn_like(layer.gate.weight) + 1)
    return encoder


def of(batch):
    return batch.x, batch.edge_index, batch.edge_attr


def unrolled(encoder, batch, steps=400):
    """The same network by plain autograd through every step."""
    h = encoder.start(*of(batch))
    for layer in encoder.stack.layers:
        parts = layer._parts(layer.input(h), batch.edge_index, batch.edge_attr)
        z = torch.zeros_like(h)
        for _ in range(steps):
            z = step(z, *parts)
        h = z if layer is encoder.stack.layers[-1] else torch.relu(z)
    return h


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("contraction", [0.3, 0.9])
def test_the_implicit_gradient_is_that_of_the_unrolled_steps(depth, contraction, batch_of):
    encoder, batch = make(depth, contraction), batch_of()
    weight = torch.randn(len(batch.x), DIM, dtype=torch.float64)
    outputs = encoder(*of(batch)), unrolled(encoder, batch)
    torch.testing.assert_close(*outputs, atol=1e-11, rtol=1e-11)
    names, parameters = zip(*encoder.named_parameters(), strict=True)
    ours, theirs = (torch.autograd.grad((y * weight).sum(), parameters) for y in outputs)
    for name, left, right in zip(names, ours, theirs, strict=True):
        assert right.abs().max() > 1e-6, name
        torch.testing.assert_close(left, right, atol=1e-10, rtol=1e-8, msg=name)


def test_small_gradients_are_as_exact_as_large_ones(batch_of):
    encoder, batch = make(tolerance=1e-10), batch_of()
    large, small = (
        torch.autograd.grad((encoder(*of(batch)) * f).sum(), encoder.stack.layers[0].weight)[0]
        for f in (1.0, 1e-12)
    )
    torch.testing.assert_close(small * 1e12, large, atol=1e-8, rtol=1e-6)


def test_a_step_is_a_contraction_whatever_the_weights(batch_of):
    encoder, batch = make(contraction=0.8), batch_of(["CC(C)(C)c1ccccc1", "CC", "C"])
    (layer,) = encoder.stack.layers
    h = encoder.start(*of(batch))
    parts = layer._parts(layer.input(h) * 0, batch.edge_index, batch.edge_attr)
    for size in (1e-3, 1.0, 100.0):
        one, other = (size * torch.randn_like(h) for _ in range(2))
        moved = (step(one, *parts) - step(other, *parts)).norm()
        assert moved <= 0.8 * (one - other).norm()


@pytest.mark.parametrize("size", [1, 5, 300])
@pytest.mark.parametrize("scale", [0.0, 1e-12, 0.01, 1.0, 1e6])
def test_the_norm_of_the_weights_is_bounded_and_small_ones_stay(size, scale):
    torch.manual_seed(0)
    weight = scale * torch.randn(size, size)
    bounded = contracted(weight, 0.9)
    norm = torch.linalg.matrix_norm(bounded, 2)
    assert norm <= 0.9 * (1 + 1e-5)
    if torch.linalg.matrix_norm(weight, 2) < 0.9 / 1.06:
        torch.testing.assert_close(bounded, weight)
    else:
        assert norm > 0.9 / 1.06


def test_the_equilibrium_is_the_same_from_every_start(batch_of):
    encoder, batch = make(), batch_of()
    (layer,) = encoder.stack.layers
    h, piece = encoder.start(*of(batch)), components(batch.edge_index, len(batch.x))
    parts = [p.detach() for p in layer._parts(layer.input(h), batch.edge_index, batch.edge_attr)]
    found = [
        equilibrium(lambda z: step(z, *parts), start, piece, 1e-13, 1000)[0]
        for start in (torch.zeros_like(h), 50 * torch.randn_like(h))
    ]
    torch.testing.assert_close(*found, atol=1e-11, rtol=0)
    torch.testing.assert_close(step(found[0], *parts), found[0], atol=1e-12, rtol=0)


def test_steps_are_counted_for_each_molecule_by_itself(batch_of, texts):
    encoder, batch = make(2).eval(), batch_of()
    steps = encoder.iterations(*of(batch))
    assert steps.shape == (2, len(batch.x))
    alone = torch.cat([encoder.iterations(*of(batch_of([text]))) for text in texts], dim=1)
    assert torch.equal(steps, alone)
    assert len(steps[0].unique()) > 2
    assert (
        steps[0, batch.graph_id == 1].item() == 2
    )  # methane: one step there, one that finds it so


def test_a_smaller_contraction_takes_fewer_steps(batch_of):
    batch = batch_of()
    counts = [int(make(contraction=c).iterations(*of(batch)).max()) for c in (0.1, 0.5, 0.9)]
    assert counts == sorted(counts)
    assert counts[0] < counts[2] / 3


def test_too_few_steps_are_refused_with_what_would_help(batch_of):
    batch = batch_of()
    with pytest.raises(Refusal, match=r"no equilibrium after 5 steps.*moved by .*encoder\.limit"):
        make(limit=5)(*of(batch))


def test_weights_that_are_no_numbers_are_refused(batch_of):
    encoder, batch = make(limit=20), batch_of()
    with torch.no_grad():
        encoder.stack.layers[0].weight[0, 0] = float("nan")
    with pytest.raises(Refusal, match="moved by nan"):
        encoder(*of(batch))


def test_a_gradient_without_equilibrium_is_refused():
    start, piece = torch.zeros(2, 1, dtype=torch.float64), torch.arange(2)

    def twice(z, shift):
        return 2 * z + shift

    shift = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    z = attached(twice, start, (shift,), piece, 1e-9, 50)
    with pytest.raises(Refusal, match="no equilibrium after 50 steps"):
        z.sum().backward()


def test_nothing_to_learn_and_no_atoms_need_no_gradient(batch_of):
    encoder, none = make(), batch_of([])
    encoder(*of(none)).sum().backward()
    frozen = make().requires_grad_(False)
    assert not frozen(*of(batch_of())).requires_grad


def test_pieces_are_named_by_their_first_atom(batch_of):
    batch = batch_of(["C" * 40, "C", "C1CC1.O", "[Na+]"])
    label = components(batch.edge_index, len(batch.x))
    assert label.tolist() == [0] * 40 + [40] + [41] * 3 + [44, 45]
    mixed = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    assert not components(mixed[batch.edge_index[:, (batch.edge_index < 40).all(0)]], 40).any()


@pytest.mark.parametrize(
    "options, said",
    [
        ({"contraction": 1.0}, "encoder.contraction=1.0: must be above 0 and below 1"),
        ({"contraction": 0.0}, "encoder.contraction=0.0: must be above 0 and below 1"),
        ({"tolerance": 0.0}, "encoder.tolerance=0.0: must be above 0"),
    ],
)
def test_a_setting_without_equilibrium_is_refused_by_name(options, said):
    with pytest.raises(Refusal, match=said):
        make(**options)
