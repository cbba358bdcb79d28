"""From plain data to a network, or a refusal that says what there is."""

import pytest
import torch

from molgnn.errors import Refusal
from molgnn.models.build import ENCODERS, HEADS, READOUTS, build_model
from molgnn.nn.head import MLPHead

PARTS = {"encoder": "gin", "readout": "mean", "head": "mlp"}


def build(**parts):
    return build_model(**PARTS | parts, out_dim=1)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("readout", READOUTS)
def test_names_alone_build_a_network_with_its_defaults(encoder, readout):
    model = build(encoder=encoder, readout=readout)
    assert model.readout.out_dim % model.encoder.out_dim == 0
    assert model.head.out_dim == 1


def test_options_reach_their_part():
    model = build(
        encoder={"name": "dmpnn", "dim": 12, "depth": 5, "norm": "layer"},
        readout={"name": "sum", "scale": 3.0},
        head={"name": "mlp", "hidden": 7, "layers": 2},
    )
    assert (model.encoder.out_dim, model.encoder.depth) == (12, 5)
    assert model.readout.scale == 3.0
    assert [p.shape[0] for n, p in model.head.named_parameters() if n.endswith("weight")] == [
        7,
        7,
        1,
    ]


def test_a_part_that_is_built_already_is_taken_as_it_is():
    head = MLPHead(300, 4)
    assert build_model("gin", "mean", head, 4).head is head


@pytest.mark.parametrize(
    "part, known", [("encoder", ENCODERS), ("readout", READOUTS), ("head", HEADS)]
)
@pytest.mark.parametrize("wrong", ["transformer", {"name": "transformer"}, {"dim": 3}, {}])
def test_an_unknown_name_is_refused_with_the_choices(part, known, wrong):
    with pytest.raises(Refusal, match=f"unknown {part} .*{', '.join(sorted(known))}"):
        build(**{part: wrong})


@pytest.mark.parametrize(
    "part, options, choice",
    [
        ("encoder", {"name": "gin", "width": 3}, "dim"),
        ("encoder", {"name": "gin", "atom_sizes": [1]}, "dim"),
        ("encoder", {"name": "gin", "_target_": "os.system"}, "dim"),
        ("readout", {"name": "sum", "reduce": "mul"}, "scale"),
        ("readout", {"name": "mean", "dim": 3}, "choose one of"),
        ("head", {"name": "mlp", "out_dim": 3}, "hidden"),
    ],
)
def test_an_unknown_option_is_refused_with_the_choices(part, options, choice):
    with pytest.raises(Refusal, match=choice):
        build(**{part: options})


@pytest.mark.parametrize(
    "part, options",
    [
        ("encoder", {"name": "gin", "dim": -1}),
        ("encoder", {"name": "gin", "dim": 0}),
        ("encoder", {"name": "gin", "depth": 0}),
        ("encoder", {"name": "mpnn", "depth": 0}),
        ("encoder", {"name": "dmpnn", "depth": 0}),
        ("encoder", {"name": "mpnn", "edge_hidden": 0}),
        ("encoder", {"name": "gin", "dim": "wide"}),
        ("encoder", {"name": "gin", "dim": 2.5}),
        ("encoder", {"name": "gin", "dim": None}),
        ("encoder", {"name": "gin", "dropout": 1.5}),
        ("encoder", {"name": "gin", "dropout": "much"}),
        ("encoder", {"name": "gin", "norm": "wild"}),
        ("encoder", {"name": "gin", "norm": ["batch"]}),
        ("encoder", {"name": "gin", "residual": "yes"}),
        ("readout", {"name": "sum", "scale": 0}),
        ("readout", {"name": "set2set", "steps": 0}),
        ("head", {"name": "mlp", "layers": -1}),
        ("head", {"name": "mlp", "dropout": -0.5}),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_with_its_name(part, options):
    with pytest.raises(Refusal, match=part if "norm" not in options else "norm"):
        build(**{part: options})


def test_a_head_without_hidden_layers_is_a_linear_model():
    model = build(head={"name": "mlp", "layers": 0})
    assert [type(m) for m in model.head.layers if not isinstance(m, torch.nn.Dropout)] == [
        torch.nn.Linear
    ]
