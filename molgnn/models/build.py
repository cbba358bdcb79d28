"""From plain data to a model: the closed tables of what there is."""

import inspect
from collections.abc import Callable, Mapping, Sequence

from torch import nn

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.errors import Refusal, choices
from molgnn.models.property import PropertyModel
from molgnn.nn.beside import FeatureInput
from molgnn.nn.chebnet import ChebNetEncoder
from molgnn.nn.dmpnn import DMPNNEncoder
from molgnn.nn.fixed_point import FixedPointEncoder
from molgnn.nn.gat import GATEncoder
from molgnn.nn.gcn import GCNEncoder
from molgnn.nn.gin import GINEncoder
from molgnn.nn.graph_filter import GraphFilterEncoder
from molgnn.nn.graphsage import GraphSAGEEncoder
from molgnn.nn.head import BondHead, MLPHead
from molgnn.nn.mpnn import MPNNEncoder
from molgnn.nn.readout import (
    AttentionReadout,
    MaxReadout,
    MeanMaxReadout,
    MeanReadout,
    Set2SetReadout,
    SumReadout,
)
from molgnn.nn.sgc import SGCEncoder

ENCODERS = {
    "chebnet": ChebNetEncoder,
    "dmpnn": DMPNNEncoder,
    "fixed_point": FixedPointEncoder,
    "gat": GATEncoder,
    "gcn": GCNEncoder,
    "gin": GINEncoder,
    "graph_filter": GraphFilterEncoder,
    "graphsage": GraphSAGEEncoder,
    "mpnn": MPNNEncoder,
    "sgc": SGCEncoder,
}
READOUTS = {
    "mean": MeanReadout,
    "max": MaxReadout,
    "sum": SumReadout,
    "mean_max": MeanMaxReadout,
    "attention": AttentionReadout,
    "set2set": Set2SetReadout,
}
HEADS = {"mlp": MLPHead}

MOST_CHANNELS, MOST_LAYERS = 1 << 16, 1000  # no network has more; a file may say anything

Part = Mapping | str | nn.Module


def build_model(
    encoder: Part,
    readout: Part,
    head: Part,
    out_dim: int | Mapping[str, int],
    features: Sequence[str] = (),
    computed: Sequence[str] | None = None,
) -> PropertyModel:
    """Each part is a name, a mapping with ``name`` and options, or an already built module (a
    ``head`` only for molecules). ``out_dim``: outputs a molecule, or outputs by level.

    ``features`` names the blocks of ``chem.descriptors`` that stand beside the graph, among those
    that are ``computed`` (None: they are all).

    Raises Refusal for an unknown name or option, with the choices.
    """
    widths = out_dim if isinstance(out_dim, Mapping) else {"molecule": out_dim}
    encoder = build_encoder(encoder)
    readout = _build("readout", READOUTS, readout, dim=encoder.out_dim)

    beside = _beside(features, features if computed is None else computed) if features else None

    def outputs(level: str, in_dim: int) -> nn.Module | None:
        width = widths.get(level, 0)
        return _build("head", HEADS, head, in_dim=in_dim, out_dim=width) if width else None

    dim = encoder.out_dim
    width = readout.out_dim + (beside.out_dim if beside else 0)
    molecule, atom = outputs("molecule", width), outputs("atom", dim)
    bond = outputs("bond", 3 * dim)
    bond = bond and BondHead(bond, dim, BOND_SIZES)
    return PropertyModel(encoder, readout, molecule, atom, bond, beside if molecule else None)


def build_encoder(encoder: Part) -> nn.Module:
    """Atoms and bonds -> atom vectors. Raises Refusal as ``build_model`` does."""
    return _build("encoder", ENCODERS, encoder, atom_sizes=ATOM_SIZES, bond_sizes=BOND_SIZES)


def whole_spec(encoder: Mapping | str) -> dict:
    """The spec of an encoder with all its options, those not given at their defaults. Raises
    Refusal for an unknown encoder or option."""
    given = {"name": encoder} if isinstance(encoder, str) else dict(encoder)
    name = given.get("name")
    if not isinstance(name, str) or name not in ENCODERS:
        raise choices("encoder", name, ENCODERS)
    known = inspect.signature(ENCODERS[name]).parameters.values()
    defaults = {p.name: p.default for p in known if p.default is not p.empty}
    for option in given:
        if option not in defaults and option != "name":
            raise choices(f"option of encoder {name}:", option, defaults)
    return {"name": name, **defaults, **given}


def _beside(features: Sequence[str], computed: Sequence[str]) -> FeatureInput:
    from molgnn.chem.descriptors import columns_of  # RDKit, which a network alone can do without

    return FeatureInput(columns_of(computed, features))


def _build(kind: str, table: Mapping[str, Callable], part: Part, **given) -> nn.Module:
    if isinstance(part, nn.Module):
        return part
    options = {"name": part} if not isinstance(part, Mapping) else dict(part)
    name = options.pop("name", None)
    if not isinstance(name, str) or name not in table:
        raise choices(kind, name, table)
    known = inspect.signature(table[name]).parameters
    allowed = set(known) - set(given)
    for option, value in options.items():
        if option not in allowed:
            raise choices(f"option of {kind} {name}:", option, allowed)
        _check(f"{kind}.{option}", value, known[option].annotation)
    return table[name](**options, **given)


def _check(option: str, value: object, wanted: type) -> None:
    """Options come from files and command lines: a wrong one is the user's, not a traceback."""
    if type(value) is not wanted and (wanted, type(value)) != (float, int):
        raise Refusal(f"{option}={value!r}: must be {_SAID[wanted]}")
    if wanted is int and value < (0 if option in ("head.layers", "head.samples") else 1):
        raise Refusal(f"{option}={value}: too small")
    widest = MOST_CHANNELS if option.rpartition(".")[2] in ("dim", "hidden") else MOST_LAYERS
    if wanted is int and value > widest:
        raise Refusal(f"{option}={str(value)[:20]}: too large, the most is {widest:,}")
    if option.endswith(".dropout") and not 0 <= value < 1:
        raise Refusal(f"{option}={value}: must be at least 0 and below 1")
    if option == "readout.scale" and not value > 0:
        raise Refusal(f"{option}={value}: must be above 0")


_SAID = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}
