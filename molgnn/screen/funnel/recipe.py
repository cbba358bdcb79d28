"""The recipe of a funnel: plain data, read strictly, of which nothing can run.

A recipe is the name of one that ships with molgnn, a YAML file, or a mapping. Its parts say what
happens at each step; a part that is missing is a step that is left out.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from molgnn.errors import Refusal, choices
from molgnn.screen.funnel import parts, reading
from molgnn.screen.funnel.plain import Section, mapping, shown

LARGEST = 1 << 20  # bytes of a recipe, which is for people to read
KEYS = (
    *("about", "pool", "models", "objectives", "properties", "alerts", "novelty", "cores"),
    "diversity",
)


@dataclass(frozen=True)
class Recipe:
    """A recipe as it is used. ``folder`` is what paths in it are relative to."""

    name: str
    folder: Path
    about: str = ""
    pool: parts.Pool = field(default_factory=parts.Pool)
    models: Mapping[str, str | None] = field(default_factory=dict)
    objectives: parts.Objectives | None = None
    properties: parts.Properties | None = None
    alerts: parts.Alerts | None = None
    novelty: parts.Novelty | None = None
    cores: Mapping[str, str] = field(default_factory=dict)
    diversity: parts.Diversity | None = None

    def plain(self) -> dict:
        """As plain data, with all defaults, and a recipe itself; what is not asked for is left
        out."""
        found = {key: _plain(getattr(self, key)) for key in KEYS}
        if self.properties:
            found["properties"] |= found["properties"].pop("ranges")
        if self.objectives:
            of = found["objectives"]["of"]
            found["objectives"]["of"] = {each.pop("name"): each for each in of}
        return {key: value for key, value in found.items() if value not in (None, "", {})}

    @property
    def sha256(self) -> str:
        """Of the plain data: equal for two recipes that ask for the same."""
        asked = {key: value for key, value in self.plain().items() if key != "about"}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def read_recipe(recipe: "str | Path | Mapping") -> Recipe:
    """By name, from a YAML file, or of a mapping. Raises Refusal, which names file and key."""
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return _recipe(recipe, "recipe", "recipe", Path())
    path = Path(recipe)
    shipped = shipped_recipes()
    if str(recipe) in shipped and not path.is_file():
        path = shipped[str(recipe)]
        return _recipe(_load(path), str(recipe), str(recipe), path.parent)
    if not path.is_file():
        if len(path.parts) > 1 or path.suffix:
            raise Refusal(f"--recipe {path}: there is no such file")
        raise choices("recipe", str(recipe), shipped)
    return _recipe(_load(path), path.stem, str(path), path.parent)


def shipped_recipes() -> dict[str, Path]:
    """The recipes that ship with molgnn, by name."""
    folder = Path(str(files("molgnn.conf") / "screen"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _recipe(data: object, name: str, where: str, folder: Path) -> Recipe:
    section = Section(data, where, KEYS)
    models = mapping(section.data.get("models") or {}, f"{where}: models")
    for label, path in models.items():
        if path is not None and not (isinstance(path, str) and path.strip()):
            said = "is not the path or name of a model"
            raise Refusal(f"{where}: models: {label}: {shown(path)} {said}")

    def part(key, read):
        return read(section.data[key], f"{where}: {key}") if key in section else None

    made = Recipe(
        name,
        folder,
        section.text("about") or "",
        part("pool", reading.pool) or parts.Pool(),
        models,
        part("objectives", reading.objectives),
        part("properties", reading.properties),
        part("alerts", reading.alerts),
        part("novelty", reading.novelty),
        part("cores", reading.cores) or {},
        part("diversity", reading.diversity),
    )
    _check_models(made, where)
    return made


def _check_models(recipe: Recipe, where: str) -> None:
    """Every model that an objective names must be there, and every one there must be of use."""
    wanted = (
        {each.model for each in recipe.objectives.of if each.model} if recipe.objectives else ()
    )
    for name in wanted:
        if name not in recipe.models:
            raise Refusal(
                f"{where}: objectives: {choices('model', name, recipe.models or ['none'])}"
            )
    for name in recipe.models:
        if name not in wanted:
            raise Refusal(f"{where}: models: {name}: no objective asks for it: leave it out")


def _load(path: Path) -> object:
    try:
        if path.stat().st_size > LARGEST:
            raise Refusal(f"{path}: too large for a recipe")
        return yaml.load(path.read_text("utf-8"), Loader=_Loader) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f" line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or "not YAML"
        raise Refusal(f"{path}{at}: not readable as YAML: {' '.join(str(said).split())}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise Refusal(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader: nothing but plain data. A key that stands there twice is refused,
    where PyYAML would let the last one win; so are aliases, of which a few lines make billions of
    values."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            said = "a recipe has no aliases (*): write it out"
            raise yaml.composer.ComposerError(None, None, said, mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            keys = [str(key.value) for key, _ in node.value]
            twice = next((key for i, key in enumerate(keys) if key in keys[:i]), keys[-1])
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice!r} stands there twice", node.start_mark
            )
        return found


def _plain(value: object) -> object:
    """Data classes and tuples as mappings and lists, without what is None or empty."""
    if is_dataclass(value):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        found = {key: _plain(each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each is not None}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
