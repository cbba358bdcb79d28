"""Arms of `bench accuracy`: each is a name, and options of `molgnn train` that it changes."""

from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from molgnn.train.options import RunOptions

PLAIN = "default"
# Official figures count every test row: rows of one molecule are not merged. The forest of each
# run would be trained for each arm anew: it can be an arm of its own.
_ALWAYS = ("data=csv", "data.path=TABLE", "data.repeats=keep", "fit.baseline=false")


def arms_of(texts: list[str], shared: list[str]) -> "dict[str, RunOptions]":
    """Name -> options of ``NAME`` or ``NAME:KEY=VALUE,KEY=VALUE``, after the ``shared`` overrides.

    A bare name is ``default``, or a choice of the config group ``model``. The table is put in
    later. Raises Refusal for a name that is neither, or stands twice, and for a wrong option.
    """
    found: dict[str, RunOptions] = {}
    _check_free(shared)
    for text in texts:
        name, colon, changes = text.partition(":")
        if not name or name in found:
            raise Refusal(f"arm {text!r}: give each arm a name of its own, NAME:KEY=VALUE,...")
        own = pieces(changes) if colon else _of_model(name)
        _check_free(own)
        found[name] = _composed(_last_of_each([*_ALWAYS, *shared, *own]))
    return found


_SET_HERE = (
    "data", "data.name", "data.path", "data.targets", "data.atom_targets", "data.bond_targets",
    "data.smiles", "data.id", "data.split", "data.repeats", "seed", "out", "force",
)  # fmt: skip


def _check_free(overrides: list[str]) -> None:
    """Refuse what the protocols of the suites say themselves."""
    for text in overrides:
        key = text.lstrip("+~").partition("=")[0]
        if key in _SET_HERE or key.startswith("data.split."):
            raise Refusal(f"{text}: the benchmark's own protocol says this: leave it out")


def _of_model(name: str) -> list[str]:
    if name == PLAIN:
        return []
    folder = files("molgnn.conf") / "model"
    known = [p.name.removesuffix(".yaml") for p in folder.iterdir()] if folder.is_dir() else []
    if name not in known:
        raise choices("arm", name, [PLAIN, *known, "NAME:KEY=VALUE,KEY=VALUE"])
    return [f"model={name}"]


def pieces(text: str) -> list[str]:
    """Cut at commas, but not within brackets or quotes."""
    found, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character in "[{(") - (character in "]})")
        if character == "," and depth <= 0 and not quote:
            found.append("")
        else:
            found[-1] += character
    return [piece for piece in found if piece]


def _last_of_each(overrides: list[str]) -> list[str]:
    """Hydra refuses a group that is chosen twice: the later choice counts."""
    return list({text.partition("=")[0]: text for text in overrides}.values())


def _composed(overrides: list[str]) -> "RunOptions":
    from hydra import compose, initialize_config_module

    from molgnn.cli.make import run_options
    from molgnn.cli.train import check

    check(overrides)
    with initialize_config_module("molgnn.conf", version_base="1.3"):
        return run_options(compose("train", overrides))


def on_table(
    options: "RunOptions", name: str, path: str, targets: tuple[str, ...], seed: int
) -> "RunOptions":
    """The same options for a table with the columns smiles, ``targets`` and split."""
    split = replace(options.data.split, name="column", column="split")
    data = replace(
        options.data, name=name, path=path, targets=targets, smiles="smiles", split=split
    )
    return replace(options, data=data, seed=seed)
