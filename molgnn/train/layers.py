"""The parameters of a network in groups, each with a learning rate of its own."""

from collections.abc import Iterator

from torch import nn

from molgnn.models.property import PropertyModel
from molgnn.nn.depth import NORMS, Stack
from molgnn.nn.embed import BondedAtoms, FieldEmbedding
from molgnn.train.finetune import FinetuneOptions

_NORMS = tuple(NORMS.values())


def parameter_groups(model: PropertyModel, finetune: FinetuneOptions | None) -> list[dict]:
    """Groups for an optimiser, with ``scale``, what the learning rate is multiplied by: first
    everything but the encoder, at 1, then the encoder's layers from its output down; without the
    encoder where it never learns. None, for an encoder that is not pretrained: one group of all."""
    if finetune is None:
        return [{"params": list(model.parameters()), "scale": 1.0}]
    own = {id(parameter) for parameter in model.encoder.parameters()}
    groups = [{"params": [p for p in model.parameters() if id(p) not in own], "scale": 1.0}]
    if finetune.mode == "frozen":
        return groups
    for k, layer in enumerate(reversed(encoder_layers(model.encoder))):
        groups.append({"params": layer, "scale": finetune.scale * finetune.layer_decay**k})
    return groups


def encoder_layers(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """Every parameter of an encoder once, by layers from its input to its output.

    Embeddings that the encoder itself has are the lowest layer. The lists of modules of one length
    are layers together (layer i has the i-th of each), any other module is a layer. Norms in a list
    without layers of that length stand between steps that share their weights, and are of the
    layer that has these.
    """
    lowest: list[nn.Parameter] = []
    layers: list[list[nn.Parameter]] = []
    starts: dict[int, int] = {}  # length of lists -> the number of their first layer
    for part in _parts(encoder):
        if isinstance(part, FieldEmbedding | BondedAtoms):
            lowest += part.parameters()
        elif not isinstance(part, nn.ModuleList):
            layers.append(list(part.parameters()))
        elif len(part) in starts or not all(isinstance(module, _NORMS) for module in part):
            if len(part) not in starts:
                starts[len(part)] = len(layers)
                layers += [[] for _ in part]
            for number, module in enumerate(part, starts[len(part)]):
                layers[number] += module.parameters()
        else:
            (layers[-1] if layers else lowest).extend(part.parameters())
    loose = encoder.parameters(recurse=False)
    layers = [layer for layer in layers if layer]
    (layers[0] if layers else lowest).extend(loose)
    return [layer for layer in (lowest, *layers) if layer]


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """The children in their order, those of stacks and sequences in the place of these."""
    for child in module.children():
        if isinstance(child, Stack | nn.Sequential):
            yield from _parts(child)
        else:
            yield child
