"""GCN, SGC, ChebNet, GraphSAGE and GAT beside PyG's layers with the weights copied."""

import pytest
import torch
from torch_geometric.nn import ChebConv, GATv2Conv, GCNConv, SAGEConv, SGConv

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.errors import Refusal
from molgnn.models.build import ENCODERS

DIM = 8


def copied(conv, **weights):
    """conv with these weights, so that a name that does not fit shows."""
    state = conv.state_dict()
    assert set(weights) == set(state)
    conv.load_state_dict({name: weight.view_as(state[name]) for name, weight in weights.items()})
    return conv


def gcn(layer):
    linear = layer.linear
    return copied(GCNConv(DIM, DIM), bias=linear.bias, **{"lin.weight": linear.weight})


def chebnet(layer):
    taps = layer.linear.weight.chunk(layer.taps, dim=1)
    weights = {f"lins.{k}.weight": tap for k, tap in enumerate(taps)}
    conv = copied(ChebConv(DIM, DIM, K=layer.taps), bias=layer.linear.bias, **weights)
    return lambda h, edges: conv(h, edges, lambda_max=2.0)


def graphsage(layer):
    weights = {
        "lin_l.weight": layer.gather.weight,
        "lin_l.bias": layer.gather.bias,
        "lin_r.weight": layer.own.weight,
    }
    if layer.pool is None:
        return copied(SAGEConv(DIM, DIM), **weights)
    pool = {"lin.weight": layer.pool.weight, "lin.bias": layer.pool.bias}
    return copied(SAGEConv(DIM, DIM, aggr="max", project=True), **weights, **pool)


def gat(layer):
    weights = {
        "lin_l.weight": layer.source.weight,
        "lin_l.bias": layer.source.bias,
        "lin_r.weight": layer.target.weight,
        "lin_r.bias": layer.target.bias,
        "att": layer.score,
        "bias": layer.bias,
    }
    heads = len(layer.score)
    return copied(GATv2Conv(DIM, DIM // heads, heads=heads), **weights)


CASES = [
    ("gcn", {}, gcn),
    ("chebnet", {"taps": 1}, chebnet),
    ("chebnet", {"taps": 2}, chebnet),
    ("chebnet", {"taps": 5}, chebnet),
    ("graphsage", {}, graphsage),
    ("graphsage", {"aggregate": "max"}, graphsage),
    ("gat", {}, gat),
    ("gat", {"heads": 1}, gat),
    ("gat", {"heads": 8}, gat),
]


def make(name, **options):
    """An encoder with weights that differ from their start, where forgetting one would not show."""
    torch.manual_seed(0)
    encoder = ENCODERS[name](ATOM_SIZES, BOND_SIZES, dim=DIM, depth=3, **options).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return encoder


def without_bonds(encoder):
    """The layers' own tables of bonds set to zero: PyG's layers have none."""
    for layer in encoder.stack.layers:
        if hasattr(layer, "bond_in"):
            torch.nn.init.zeros_(layer.bond_in.weight)
    return encoder


def start(encoder, batch):
    if hasattr(encoder, "start"):
        return encoder.start(batch.x, batch.edge_index, batch.edge_attr)
    return encoder.atom_in(batch.x)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("name, options, pyg", CASES, ids=lambda v: getattr(v, "__name__", str(v)))
def test_atoms_and_gradients_are_those_of_pyg(name, options, pyg, residual, batch_of):
    encoder, batch = without_bonds(make(name, residual=residual, **options)), batch_of()
    first = h = start(encoder, batch)
    for number, layer in enumerate(encoder.stack.layers):
        new = pyg(layer)(h, batch.edge_index)
        new = torch.relu(new) if number < 2 else new
        h = h + new if residual else new
    got = encoder(batch.x, batch.edge_index, batch.edge_attr)
    torch.testing.assert_close(got, h, atol=1e-5, rtol=1e-4)
    weight = torch.randn_like(got)
    table = (encoder.start.atoms if hasattr(encoder, "start") else encoder.atom_in).weight
    left, right = (torch.autograd.grad((y * weight).sum(), table)[0] for y in (got, h))
    torch.testing.assert_close(left, right, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(got, first)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_sgc_is_that_of_pyg(depth, batch_of):
    torch.manual_seed(depth)
    encoder, batch = ENCODERS["sgc"](ATOM_SIZES, BOND_SIZES, dim=DIM, depth=depth), batch_of()
    linear = encoder.linear
    weights = {"lin.weight": linear.weight, "lin.bias": linear.bias}
    pyg = copied(SGConv(DIM, DIM, K=depth), **weights)
    got = encoder(batch.x, batch.edge_index, batch.edge_attr)
    torch.testing.assert_close(got, pyg(start(encoder, batch), batch.edge_index))


@pytest.mark.parametrize("name", ["gcn", "sgc", "chebnet", "graph_filter"])
def test_where_a_shift_has_no_room_an_atom_starts_with_the_sum_of_its_bonds(name, batch_of):
    encoder, batch = make(name), batch_of(["CC(=O)C#N"])
    bonds = encoder.start.bonds(batch.edge_attr)
    rows = [bonds[batch.edge_index[1] == v].sum(dim=0) for v in range(5)]
    torch.testing.assert_close(
        start(encoder, batch), encoder.start.atoms(batch.x) + torch.stack(rows)
    )


def by_hand(layer, h, batch):
    """Attention atom by atom, bonds and heads included."""
    rows = []
    for v in range(len(h)):
        edges = (batch.edge_index[1] == v).nonzero().flatten()
        bonded = layer.source(h[batch.edge_index[0, edges]]) + layer.bond_in(batch.edge_attr[edges])
        message = torch.cat([bonded, layer.source(h[v : v + 1])])
        met = torch.nn.functional.leaky_relu(message + layer.target(h[v]), 0.2)
        split = (part.chunk(len(layer.score), dim=1) for part in (met, message))
        heads = [
            torch.softmax(a @ w, dim=0) @ m for w, a, m in zip(layer.score, *split, strict=True)
        ]
        rows.append(torch.cat(heads) + layer.bias)
    return torch.stack(rows)


def test_attention_with_bonds_is_the_equation_atom_by_atom(batch_of):
    encoder, batch = make("gat", heads=2), batch_of()
    h, layer = start(encoder, batch), encoder.stack.layers[0]
    expected = by_hand(layer, h, batch)
    torch.testing.assert_close(layer(h, batch.edge_index, batch.edge_attr), expected)


def test_two_atoms_can_rank_the_same_neighbours_in_other_orders():
    """What the first form of attention cannot do: Brody et al. 2022."""
    layer = make("gat", heads=1).stack.layers[0]
    torch.manual_seed(1)
    messages, receivers = torch.randn(6, DIM) * 3, torch.randn(40, DIM) * 3
    one = torch.zeros(len(messages), dtype=torch.long)
    scores = (layer._scores(messages, h[None], one)[:, 0] for h in receivers)
    orders = {tuple(row.argsort().tolist()) for row in scores}
    assert len(orders) > 1


def test_the_largest_message_of_graphsage_tells_which_bond_leads_where(batch_of):
    """The double bond of an amide led to nitrogen: the mean over neighbour + bond is the same."""
    batch = batch_of(["CC(=O)N"])
    ends = batch.edge_index.sort(dim=0).values.T.tolist()
    to_oxygen, to_nitrogen = (torch.tensor([e == [1, atom] for e in ends]) for atom in (2, 3))
    swapped = batch.edge_attr.clone()
    swapped[to_oxygen], swapped[to_nitrogen] = swapped[to_nitrogen], swapped[to_oxygen]
    assert not torch.equal(swapped, batch.edge_attr)
    for aggregate, tells in (("mean", False), ("max", True)):
        encoder = make("graphsage", aggregate=aggregate)
        layer, h = encoder.stack.layers[0], start(encoder, batch)
        rows = [layer(h, batch.edge_index, codes)[1] for codes in (batch.edge_attr, swapped)]
        assert torch.allclose(*rows, atol=1e-6) is not tells


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(Refusal, match="heads=3: must divide encoder"):
        make("gat", heads=3)


def test_an_unknown_aggregate_is_refused_with_the_choices():
    with pytest.raises(Refusal, match="unknown aggregate 'lstm': choose one of max, mean"):
        make("graphsage", aggregate="lstm")
