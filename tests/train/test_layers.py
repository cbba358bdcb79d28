"""The groups of parameters, each with its own learning rate."""

import pytest

from molgnn.models.build import ENCODERS, build_model
from molgnn.train.finetune import FinetuneOptions
from molgnn.train.layers import encoder_layers, parameter_groups

SLOWER = FinetuneOptions("full", layer_decay=0.5, encoder_lr=0.25)


def model_of(name, **options):
    return build_model({"name": name, "dim": 8} | options, "attention", "mlp", out_dim=1)


def layers_of(model):
    """The names of the parameters of each layer of the encoder, the lowest first."""
    names = {id(p): name for name, p in model.encoder.named_parameters()}
    return [{names[id(p)] for p in layer} for layer in encoder_layers(model.encoder)]


def modules(layer):
    """``convs.1`` of ``convs.1.nn.0.weight``, ``atom_in`` of ``atom_in.weight``."""
    numbered = (name.split(".") for name in layer)
    return {".".join(parts[: 2 if parts[1:2] and parts[1].isdigit() else 1]) for parts in numbered}


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("name", ENCODERS)
def test_every_parameter_is_in_one_group_and_the_encoder_s_in_layers(name, depth, norm):
    model = model_of(name, depth=depth, norm=norm)
    groups = parameter_groups(model, SLOWER)
    found = [id(p) for group in groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters())
    own = [id(p) for layer in encoder_layers(model.encoder) for p in layer]
    assert sorted(own) == sorted(id(p) for p in model.encoder.parameters())
    assert {id(p) for p in groups[0]["params"]}.isdisjoint(own)
    scales = [0.25 * 0.5**k for k in range(len(groups) - 1)]
    assert [group["scale"] for group in groups] == [1.0, *scales]
    lowest = modules(layers_of(model)[0])
    assert lowest & {"atom_in", "start"}
    assert len(groups) > 2


def test_lists_of_one_length_are_layers_together():
    lowest, *layers = layers_of(model_of("gin", depth=3, norm="batch"))
    assert lowest == {"atom_in.weight"}
    for number, layer in enumerate(layers):
        assert modules(layer) == {f"{part}.{number}" for part in ("bond_in", "convs", "norms")}
    assert len(layers) == 3


def test_the_layers_of_a_stack_are_those_of_the_encoder():
    lowest, *layers = layers_of(model_of("gat", depth=3, norm="layer"))
    assert modules(lowest) == {"atom_in"}
    stacked = [{".".join(name.split(".")[1:3]) for name in layer} for layer in layers]
    assert stacked == [{f"layers.{n}", f"norms.{n}"} for n in range(3)]


def test_norms_between_steps_of_shared_weights_are_of_their_layer():
    layers = [modules(layer) for layer in layers_of(model_of("dmpnn", norm="layer"))]
    embeddings = {"atom_in", "bond_in", "atom_out"}
    assert layers == [embeddings, {"message", "norms.0", "norms.1"}, {"gather"}]
    lowest, edges, update = layers_of(model_of("mpnn", depth=2, norm="layer"))
    assert lowest == {"atom_in.weight", "edge_network.0.weight"}
    assert edges == {"edge_network.2.weight", "edge_network.2.bias", "bias"}
    assert modules(update) == {"update", "norms.0", "norms.1"}


def test_a_frozen_encoder_is_in_no_group_and_one_that_is_not_pretrained_in_the_one():
    model = model_of("gin")
    (group,) = parameter_groups(model, None)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters()]
    (rest,) = parameter_groups(model, FinetuneOptions(mode="frozen"))
    beside = len(list(model.parameters())) - len(list(model.encoder.parameters()))
    assert len(rest["params"]) == beside
    assert group["scale"] == rest["scale"] == 1
