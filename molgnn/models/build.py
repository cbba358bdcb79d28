"""From plain data to a model: the closed tables of what there is."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.errors import Refusal, choices
from molgnn.models.property import PropertyModel
from molgnn.nn.dmpnn import DMPNNEncoder
from molgnn.nn.gin import GINEncoder
from molgnn.nn.head import MLPHead
from molgnn.nn.mpnn import MPNNEncoder
from molgnn.nn.readout import (
    AttentionReadout,
    MeanMaxReadout,
    ScatterReadout,
    Set2SetReadout,
    SumReadout,
)

ENCODERS = {"dmpnn": DMPNNEncoder, "gin": GINEncoder, "mpnn": MPNNEncoder}
READOUTS = {
    "mean": partial(ScatterReadout, reduce="mean"),
    "max": partial(ScatterReadout, reduce="max"),
    "sum": SumReadout,
    "mean_max": MeanMaxReadout,
    "attention": AttentionReadout,
    "set2set": Set2SetReadout,
}
HEADS = {"mlp": MLPHead}

Part = Mapping | str | nn.Module


def build_model(encoder: Part, readout: Part, head: Part, out_dim: int) -> PropertyModel:
    """Each part is a name, a mapping with ``name`` and options, or an already built module.

    Raises Refusal for an unknown name or option, with the choices.
    """
    encoder = _build("encoder", ENCODERS, encoder, atom_sizes=ATOM_SIZES, bond_sizes=BOND_SIZES)
    readout = _build("readout", READOUTS, readout, dim=encoder.out_dim)
    head = _build("head", HEADS, head, in_dim=readout.out_dim, out_dim=out_dim)
    return PropertyModel(encoder, readout, head)


def _build(kind: str, table: Mapping[str, Callable], part: Part, **given) -> nn.Module:
    if isinstance(part, nn.Module):
        return part
    options = {"name": part} if isinstance(part, str) else dict(part)
    name = options.pop("name", None)
    if name not in table:
        raise choices(kind, name, table)
    allowed = set(inspect.signature(table[name]).parameters) - set(given) - {"reduce"}
    for option in options:
        if option not in allowed:
            raise choices(f"option of {kind} {name}:", option, allowed)
    for option, value in options.items():
        if isinstance(value, int) and not isinstance(value, bool) and value < 0:
            raise Refusal(f"{kind}.{option}={value}: must not be negative")
    return table[name](**options, **given)
