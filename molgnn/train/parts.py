"""The parts of a model: a network, models without a graph, or several of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from molgnn.chem.descriptors import BLOCKS
from molgnn.data.targets import Task
from molgnn.errors import Refusal, choices

NETWORKS = ("network", "hybrid")  # the graph alone, and with features beside it
PARTS = (*NETWORKS, "boosting", "linear", "forest", "neighbours", "mean")


@dataclass(frozen=True)
class ModelOptions:
    """What predicts: ``parts`` are network, hybrid, boosting, linear, forest, neighbours or
    mean, and all count the same. ``regression_parts`` come to
    them where no target is a class, ``class_parts`` where every one is.

    ``network_features`` stand beside the hybrid network's graph; ``features`` are what boosting
    and the linear model see, ``forest_features`` what the forest sees, and with ``embeddings`` they
    see the networks' molecule vectors too. All name blocks of ``chem.descriptors``. ``trees`` are
    those of the forest, ``neighbours`` those that count.
    """

    parts: tuple[str, ...] = ("network",)
    regression_parts: tuple[str, ...] = ()
    class_parts: tuple[str, ...] = ()
    network_features: tuple[str, ...] = ("rdkit2d",)
    features: tuple[str, ...] = ("morgan", "avalon", "erg", "rdkit2d")
    forest_features: tuple[str, ...] = ("morgan", "rdkit2d")
    embeddings: bool = False
    trees: int = 500
    neighbours: int = 5

    def __post_init__(self):
        for option in ("parts", "regression_parts", "class_parts"):
            for part in getattr(self, option):
                if part not in PARTS:
                    raise choices(f"part in model.{option}:", part, PARTS)
        for option in ("network_features", "features", "forest_features"):
            for block in getattr(self, option):
                if block not in BLOCKS:
                    raise choices(f"block in model.{option}:", block, BLOCKS)
        for further in (self.regression_parts, self.class_parts):
            together = [*self.parts, *further]
            if not self.parts or len(set(together)) < len(together):
                raise Refusal(f"model.parts={together}: name each part once, and at least one")
        everything = {*self.parts, *self.regression_parts, *self.class_parts}
        if self.trees < 1 or self.neighbours < 1:
            raise Refusal("model: trees and neighbours must be at least 1")
        if "hybrid" in everything and not self.network_features:
            raise Refusal("model.network_features is empty: name some, or take model=network")
        if self.embeddings and not self.networks:
            raise Refusal("model.embeddings=true: there is no network among model.parts")
        seen = {"boosting": "features", "linear": "features", "forest": "forest_features"}
        for part, option in seen.items():
            if part in everything and not (getattr(self, option) or self.embeddings):
                raise Refusal(f"model.{option} is empty: {part} has nothing to learn from")

    @property
    def shallow(self) -> tuple[str, ...]:
        """The parts without a graph."""
        return tuple(part for part in self.parts if part not in NETWORKS)

    @property
    def networks(self) -> tuple[str, ...]:
        """The parts with a graph, which come first in a model."""
        return tuple(part for part in self.parts if part in NETWORKS)

    def for_tasks(self, tasks: Sequence[Task]) -> "ModelOptions":
        """The parts for the tasks, those of their kind among them. Atoms, bonds and quantiles are
        for networks, which then predict alone. Raises Refusal where there is none."""
        kinds = {task.kind == "regression" for task in tasks}
        further = {(True,): self.regression_parts, (False,): self.class_parts}
        parts = (*self.parts, *further.get(tuple(kinds), ()))
        settled = replace(self, parts=parts, regression_parts=(), class_parts=())
        beyond = [task.name for task in tasks if task.level != "molecule" or task.quantiles]
        if not beyond or not settled.shallow:
            return settled
        if not settled.networks:
            what = "atoms, bonds and quantiles are for networks: choose model=network"
            raise Refusal(f"model.parts={list(parts)} cannot predict {beyond[0]!r}: {what}")
        return replace(settled, parts=settled.networks, embeddings=False)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The features to compute for each molecule, in the order in which they stand."""
        parts = {*self.parts, *self.regression_parts, *self.class_parts}
        used = set(self.network_features) if "hybrid" in parts else set()
        used |= set(self.features) if parts & {"boosting", "linear"} else set()
        used |= set(self.forest_features) if "forest" in parts else set()
        used |= {"morgan"} if "neighbours" in parts else set()
        return tuple(block for block in BLOCKS if block in used)


DEFAULT = "blend"
# The choices of conf/model.
MODELS: dict[str, Mapping] = {
    "network": {},
    "hybrid": {"parts": ["hybrid"]},
    "blend": {
        "parts": ["hybrid", "boosting", "linear"],
        "regression_parts": ["network"],
        "class_parts": ["forest"],
    },
    "boosting": {"parts": ["boosting"]},
    "linear": {"parts": ["linear"]},
    "forest": {"parts": ["forest"]},
    "neighbours": {"parts": ["neighbours"]},
    "mean": {"parts": ["mean"]},
}


def default_model() -> ModelOptions:
    return ModelOptions(**{option: tuple(parts) for option, parts in MODELS[DEFAULT].items()})


def model_options(model: str | Mapping) -> dict:
    """A model by its name, or a mapping with a name and further options of ``ModelOptions``, as
    plain options. Raises Refusal for another name."""
    given = {"name": model} if isinstance(model, str) else dict(model)
    name = given.pop("name", DEFAULT)
    if name not in MODELS:
        raise choices("model", name, MODELS)
    return {**MODELS[name], **given}
