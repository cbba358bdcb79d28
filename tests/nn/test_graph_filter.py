"""The graph filter beside its polynomial, and the networks that it is at some settings."""

import pytest
import torch
from torch_geometric.nn import ChebConv, GCNConv, SGConv

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.errors import Refusal
from molgnn.models.build import ENCODERS
from molgnn.nn.graph_filter import BASES, ChannelFilter, GraphFilter
from molgnn.nn.shift import SHIFTS, Shift

SETTINGS = [
    (shift, loops, basis)
    for shift in SHIFTS
    for loops in (False, True)
    for basis in BASES
    if (shift, basis) != ("adjacency", "chebyshev")
]
WIDTHS = [(1, 1), (1, 4), (4, 1), (3, 5)]


def signals(batch, width):
    torch.manual_seed(0)
    return torch.randn(len(batch.x), width, dtype=torch.float64)


def matrix(shift, size):
    return shift(torch.eye(size, dtype=torch.float64))


def power(s, k):
    return torch.linalg.matrix_power(s, k)


def chebyshev(s, k):
    """T_k(cos t) = cos(k t), on the eigenvalues of a symmetric S."""
    values, vectors = torch.linalg.eigh(s)
    return vectors @ torch.cos(k * torch.arccos(values.clamp(-1, 1))).diag() @ vectors.T


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("kind", SHIFTS)
def test_the_monomial_filter_is_a_polynomial_of_the_shift(kind, widths, batch_of):
    batch = batch_of()
    h = signals(batch, widths[0])
    layer, shift = GraphFilter(*widths, taps=4).double(), Shift(kind, batch.edge_index, h)
    s = matrix(shift, len(h))
    weights = layer.linear.weight.chunk(4, dim=1)
    expected = sum(power(s, k) @ h @ w.T for k, w in enumerate(weights)) + layer.linear.bias
    torch.testing.assert_close(layer(h, shift), expected)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("kind", ["symmetric", "centred"])
def test_the_chebyshev_filter_is_cosines_of_the_spectrum(kind, widths, batch_of):
    batch = batch_of()
    h = signals(batch, widths[0])
    layer = GraphFilter(*widths, taps=5, basis="chebyshev").double()
    shift = Shift(kind, batch.edge_index, h)
    s = matrix(shift, len(h))
    weights = layer.linear.weight.chunk(5, dim=1)
    expected = sum(chebyshev(s, k) @ h @ w.T for k, w in enumerate(weights)) + layer.linear.bias
    torch.testing.assert_close(layer(h, shift), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("basis", BASES)
def test_channels_by_themselves_are_filters_of_one_feature_each(basis, batch_of):
    batch = batch_of()
    h = signals(batch, 3)
    shift, layer = Shift("symmetric", batch.edge_index, h), ChannelFilter(3, 4, basis).double()
    for channel in range(3):
        one = GraphFilter(1, 1, 4, basis).double()
        with torch.no_grad():
            one.linear.weight.copy_(layer.weight[:, channel])
            one.linear.bias.copy_(layer.bias[channel])
        only = h[:, [channel]]
        torch.testing.assert_close(layer(h, shift)[:, [channel]], one(only, shift))


@pytest.mark.parametrize("shift, loops, basis", SETTINGS)
def test_another_order_of_the_atoms_is_the_same_order_of_the_outputs(shift, loops, basis, batch_of):
    batch = batch_of()
    h, layer = signals(batch, 3), GraphFilter(3, 2, 4, basis).double()
    kind = "centred" if (shift, basis) == ("laplacian", "chebyshev") else shift
    order = torch.randperm(len(h))
    place = torch.empty_like(order)
    place[order] = torch.arange(len(h))
    straight = layer(h, Shift(kind, batch.edge_index, h, loops))
    shuffled = layer(h[order], Shift(kind, place[batch.edge_index], h, loops))
    torch.testing.assert_close(straight[order], shuffled)


# What the filter is at some settings, each with weights of its own.


def pyg(layer, name, taps):
    """PyG's layer, and where in the filter its weights belong."""
    conv = {"gcn": GCNConv(3, 5), "sgc": SGConv(3, 5, K=taps - 1), "chebnet": ChebConv(3, 5, taps)}
    conv = conv[name].double()
    with torch.no_grad():
        layer.linear.weight.zero_()
        blocks = layer.linear.weight.view(5, taps, 3)
        if name == "chebnet":
            for k, linear in enumerate(conv.lins):
                blocks[:, k] = linear.weight
        else:
            blocks[:, -1] = conv.lin.weight
        bias = conv.lin.bias if name == "sgc" else conv.bias
        torch.nn.init.normal_(bias)
        layer.linear.bias.copy_(bias)
    return conv


@pytest.mark.parametrize(
    "name, kind, loops, basis, taps",
    [
        ("gcn", "symmetric", True, "monomial", 2),
        *(("sgc", "symmetric", True, "monomial", taps) for taps in (2, 4)),
        *(("chebnet", "centred", False, "chebyshev", taps) for taps in (1, 2, 3, 6)),
    ],
)
def test_the_filter_is_gcn_sgc_and_chebnet_of_pyg(name, kind, loops, basis, taps, batch_of):
    torch.manual_seed(0)
    batch = batch_of()
    h, layer = signals(batch, 3), GraphFilter(3, 5, taps, basis).double()
    conv = pyg(layer, name, taps)
    extra = {"lambda_max": 2.0} if name == "chebnet" else {}
    got = layer(h, Shift(kind, batch.edge_index, h, loops))
    torch.testing.assert_close(got, conv(h, batch.edge_index, **extra))


def make(name, depth=3, **options):
    torch.manual_seed(0)
    return ENCODERS[name](ATOM_SIZES, BOND_SIZES, dim=4, depth=depth, **options).double()


def run(encoder, batch):
    return encoder(batch.x, batch.edge_index, batch.edge_attr)


def only_last_tap(encoder, linears):
    """The weights of other layers as the last tap of an encoder of filters, no other taps."""
    for layer, linear in zip(encoder.stack.layers, linears, strict=True):
        layer.linear.weight.zero_()
        layer.linear.weight[:, -4:] = linear.weight
        layer.linear.bias.copy_(linear.bias)


@torch.no_grad()
def test_the_encoder_is_our_gcn_sgc_and_chebnet(batch_of):
    batch, loops = batch_of(), {"shift": "symmetric", "loops": True}
    gcn, filters = make("gcn"), make("graph_filter", taps=2, **loops)
    only_last_tap(filters, [layer.linear for layer in gcn.stack.layers])
    filters.start.load_state_dict(gcn.start.state_dict())
    torch.testing.assert_close(run(filters, batch), run(gcn, batch))

    sgc, filters = make("sgc"), make("graph_filter", 1, taps=4, residual=False, **loops)
    only_last_tap(filters, [sgc.linear])
    filters.start.load_state_dict(sgc.start.state_dict())
    torch.testing.assert_close(run(filters, batch), run(sgc, batch))

    chebnet, filters = make("chebnet"), make("graph_filter", shift="laplacian", basis="chebyshev")
    filters.load_state_dict(chebnet.state_dict())
    torch.testing.assert_close(run(filters, batch), run(chebnet, batch))


@pytest.mark.parametrize(
    "options, said",
    [
        ({"shift": "centred"}, "unknown shift 'centred': choose one of adjacency, laplacian"),
        ({"basis": "bernstein"}, "unknown basis 'bernstein': choose one of chebyshev, monomial"),
        ({"shift": "adjacency", "basis": "chebyshev"}, "eigenvalues in .-1, 1.*adjacency"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(options, said):
    with pytest.raises(Refusal, match=said):
        make("graph_filter", **options)
