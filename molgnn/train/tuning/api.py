"""``molgnn.tune``: a search from Python, with the arguments of ``molgnn.fit``."""

import inspect
import tempfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

import yaml

from molgnn.errors import choices
from molgnn.models.build import ENCODERS, HEADS, READOUTS
from molgnn.train.api import options_of
from molgnn.train.folder import plain
from molgnn.train.options import RunOptions
from molgnn.train.plain import from_plain
from molgnn.train.tuning.space import read_space
from molgnn.train.tuning.tune import Search, Tuned
from molgnn.train.tuning.tune import tune as search_options

_PARTS = {"encoder": ENCODERS, "readout": READOUTS, "head": HEADS}


def tune(
    data: str | Path,
    targets=(),
    *,
    trials: int = 50,
    workers: int | str = 1,
    space: Mapping | None = None,
    metric: str = "auto",
    prune: str = "median",
    out: str | Path | None = None,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    **options,
) -> Tuned:
    """Try options on the train and valid parts, as ``molgnn tune`` does; the default configuration,
    ``options`` as ``molgnn.fit`` takes them, comes first.

    ``space`` is nested like ``conf/space/standard.yaml``, which None stands for. ``out`` is the
    study's folder, with which the same call goes on; a temporary one if None. ``best.yaml``, which
    is in the words of the command line, is not written: ``Tuned.train(out)`` trains the winner.
    Raises Refusal as ``train.tuning.tune`` does.
    """
    default = options_of(data, targets, **options)
    nested = plain(default)
    for part, table in _PARTS.items():
        nested[part] = _defaults(table, nested[part]) | nested[part]
    wanted = read_space(_standard() if space is None else space)
    asked = {key for option in wanted for key in (option.key, *(option.when or ()))}
    known = {key: value for key in asked for value in _at(nested, key)}
    for option in wanted:
        if option.key not in known and not option.when:
            raise choices("option in the space:", option.key, _names(nested))

    def with_values(values: Mapping) -> RunOptions:
        return from_plain(RunOptions, _changed(nested, values)) if values else default

    search = Search(wanted, known, with_values, metric=metric, prune=prune)
    folder = out if out is not None else tempfile.mkdtemp(prefix="molgnn-")
    return search_options(search, folder, trials=trials, workers=workers, force=force, say=say)


def _standard() -> dict:
    text = files("molgnn.conf").joinpath("space").joinpath("standard.yaml").read_text("utf-8")
    return yaml.safe_load(text)


def _defaults(table: Mapping, part: Mapping) -> dict:
    """The options of an encoder, readout or head that are not given, as its code has them."""
    if part.get("name") not in table:
        raise choices("part of a model", part.get("name"), table)
    found = inspect.signature(table[part["name"]]).parameters.values()
    return {p.name: p.default for p in found if p.default is not p.empty and p.name != "reduce"}


def _at(nested: Mapping, key: str) -> list:
    """The value at a dotted name, of encoder and readout their name, in a list; else none."""
    for name in key.split("."):
        if not isinstance(nested, Mapping) or name not in nested:
            return []
        nested = nested[name]
    return [nested["name"] if key in _PARTS else nested]


def _changed(nested: Mapping, values: Mapping) -> dict:
    changed = {name: dict(v) if isinstance(v, Mapping) else v for name, v in nested.items()}
    for key in sorted(values, key=lambda key: "." in key):  # a part, then its options
        value = values[key]
        first, _, rest = key.partition(".")
        if key in _PARTS:
            changed[key] = {"name": value}
        elif rest:
            changed[first][rest] = value
        else:
            changed[key] = value
    return changed


def _names(nested: Mapping) -> list[str]:
    groups = {k: v for k, v in nested.items() if isinstance(v, Mapping) and k != "data"}
    return [*_PARTS, *(f"{group}.{name}" for group, found in groups.items() for name in found)]
