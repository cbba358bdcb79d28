"""What every encoder promises, with every option."""

import itertools

import pytest
import torch

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.errors import Refusal
from molgnn.models.build import ENCODERS

OPTIONS = [
    {"norm": norm, "residual": residual, "jk": jk}
    for norm, residual, jk in itertools.product(
        ("none", "batch", "layer"), (False, True), ("last", "cat", "max")
    )
]
# What an encoder has of its own, beside its defaults.
VARIANTS = [
    ("gat", {"heads": 1}),
    ("graphsage", {"aggregate": "max"}),
    ("chebnet", {"taps": 1}),
    ("chebnet", {"taps": 5}),
    ("fixed_point", {"contraction": 0.3}),
    ("graph_filter", {"mix": False}),
    ("graph_filter", {"shift": "adjacency", "taps": 4}),
    ("graph_filter", {"shift": "random_walk", "loops": True}),
    ("graph_filter", {"shift": "laplacian"}),
    ("graph_filter", {"shift": "laplacian", "basis": "chebyshev", "mix": False}),
]
ONE_BOND_A_LAYER = {"chebnet": {"taps": 2}, "graph_filter": {"taps": 2}}
each_encoder = pytest.mark.parametrize("name", ENCODERS)
each_option = pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda o: "-".join(map(str, o.values()))
)


each_variant = pytest.mark.parametrize("name, options", VARIANTS, ids=str)


def make(name, depth=3, dim=8, **options):
    torch.manual_seed(0)
    return ENCODERS[name](ATOM_SIZES, BOND_SIZES, dim=dim, depth=depth, **options)


def run(encoder, batch):
    return encoder(batch.x, batch.edge_index, batch.edge_attr)


@each_encoder
@each_option
def test_batched_is_alone(name, options, batch_of, texts):
    check_batched_is_alone(make(name, **options).eval(), batch_of, texts)


@each_variant
def test_batched_is_alone_with_options_of_its_own(name, options, batch_of, texts):
    check_batched_is_alone(make(name, **options).eval(), batch_of, texts)


def check_batched_is_alone(encoder, batch_of, texts):
    alone = torch.cat([run(encoder, batch_of([text])) for text in texts])
    assert alone.shape[1] == encoder.out_dim
    torch.testing.assert_close(run(encoder, batch_of()), alone, atol=1e-5, rtol=1e-4)


@each_encoder
@each_option
def test_another_order_of_the_atoms_is_the_same_order_of_their_vectors(name, options, renumbered):
    check_order(make(name, **options).eval(), renumbered)


@each_variant
def test_another_order_of_the_atoms_with_options_of_its_own(name, options, renumbered):
    check_order(make(name, **options).eval(), renumbered)


def check_order(encoder, renumbered):
    text = "C[C@H](N)C(=O)Oc1ccccc1"
    atoms = 12
    order = torch.randperm(atoms, generator=torch.Generator().manual_seed(1)).tolist()
    straight, shuffled = (run(encoder, renumbered(text, o)) for o in (range(atoms), order))
    torch.testing.assert_close(straight[order], shuffled, atol=1e-5, rtol=1e-4)


@each_encoder
@each_option
def test_a_step_lowers_the_loss(name, options, batch_of):
    encoder, batch = make(name, **options).train(), batch_of()
    target = torch.randn(len(batch.x), encoder.out_dim)
    step = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    losses = []
    for _ in range(3):
        loss = (run(encoder, batch) - target).square().mean()
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]


@each_encoder
@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("jk", ["last", "cat", "max"])
def test_gradients_reach_every_parameter(name, norm, jk, batch_of):
    encoder, batch = make(name, norm=norm, jk=jk), batch_of()
    (run(encoder, batch) * torch.randn(encoder.out_dim)).sum().backward()
    cold = [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert cold == []


@each_variant
def test_gradients_reach_every_parameter_with_options_of_its_own(name, options, batch_of):
    encoder, batch = make(name, **options), batch_of()
    (run(encoder, batch) * torch.randn(encoder.out_dim)).sum().backward()
    cold = [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert cold == []


@each_encoder
def test_no_molecules_give_no_atoms(name, batch_of):
    encoder = make(name, norm="batch").eval()
    assert run(encoder, batch_of([])).shape == (0, encoder.out_dim)


@each_encoder
def test_molecules_without_bonds_have_vectors(name, batch_of):
    encoder = make(name).eval()
    h = run(encoder, batch_of(["C", "[Na+]", "C"]))
    assert h.shape == (3, encoder.out_dim)
    assert torch.isfinite(h).all()
    torch.testing.assert_close(h[0], h[2])
    assert not torch.allclose(h[0], h[1])


@each_encoder
def test_bond_orders_and_stereo_bonds_matter(name, batch_of):
    encoder = make(name).eval()
    for pair in (["CCCC", "CC=CC"], ["C/C=C/C", "C/C=C\\C"]):
        left, right = run(encoder, batch_of(pair)).chunk(2)
        assert not torch.allclose(left, right, atol=1e-4)


@each_encoder
def test_an_atom_sees_as_far_as_the_depth_and_no_further(name, batch_of):
    """Atom 0 of a chain whose far end changes. An equilibrium reaches all of it."""
    near, far = "CCCCN", "CCCCO"
    for depth, sees in ((3, name == "fixed_point"), (4, True)):
        own = ONE_BOND_A_LAYER.get(name, {})
        encoder = make(name, depth=depth, dim=32, norm="none", **own).double().eval()
        heads = [run(encoder, batch_of([text]))[0] for text in (near, far)]
        assert torch.allclose(*heads, rtol=0, atol=1e-13) is not sees


@each_encoder
def test_dropout_acts_in_training_alone(name, batch_of):
    encoder, batch = make(name, dropout=0.5, norm="none"), batch_of()
    assert not torch.equal(run(encoder.train(), batch), run(encoder, batch))
    assert torch.equal(run(encoder.eval(), batch), run(encoder, batch))


@each_encoder
@pytest.mark.parametrize(
    "option, choices", [("norm", "batch, layer, none"), ("jk", "cat, last, max")]
)
def test_an_unknown_option_value_is_refused_with_the_choices(name, option, choices):
    with pytest.raises(Refusal, match=choices):
        make(name, **{option: "wild"})
