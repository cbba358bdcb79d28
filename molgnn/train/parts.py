"""The parts of a model: a network, models without a graph, or several of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from molgnn.chem.descriptors import BLOCKS
from molgnn.data.targets import Task
from molgnn.errors import Refusal, choices

PARTS = ("network", "boosting", "forest", "neighbours", "mean")


@dataclass(frozen=True)
class ModelOptions:
    """What predicts: ``parts`` are network, boosting, forest, neighbours or mean; the mean over
    several counts them as validation says (``train.shares``). ``class_parts`` come to them where
    every target is a class.

    ``network_features`` stand beside the graph; ``features`` are what boosting and forest see, and
    with ``embeddings`` also the network's molecule vectors. Both name blocks of
    ``chem.descriptors``. ``trees`` are those of the forest, ``neighbours`` those that count.
    """

    parts: tuple[str, ...] = ("network",)
    class_parts: tuple[str, ...] = ()
    network_features: tuple[str, ...] = ()
    features: tuple[str, ...] = ("morgan", "avalon", "erg", "rdkit2d")
    embeddings: bool = False
    trees: int = 500
    neighbours: int = 5

    def __post_init__(self):
        for option in ("parts", "class_parts"):
            for part in getattr(self, option):
                if part not in PARTS:
                    raise choices(f"part in model.{option}:", part, PARTS)
        for option in ("network_features", "features"):
            for block in getattr(self, option):
                if block not in BLOCKS:
                    raise choices(f"block in model.{option}:", block, BLOCKS)
        everything = [*self.parts, *self.class_parts]
        if not self.parts or len(set(everything)) < len(everything):
            raise Refusal(f"model.parts={everything}: name each part once, and at least one")
        if self.trees < 1 or self.neighbours < 1:
            raise Refusal("model: trees and neighbours must be at least 1")
        if self.embeddings and "network" not in self.parts:
            raise Refusal("model.embeddings=true: there is no network among model.parts")
        grown = {"boosting", "forest"} & set(everything)
        if grown and not (self.features or self.embeddings):
            raise Refusal(f"model.features is empty: {min(grown)} has nothing to learn from")

    @property
    def shallow(self) -> tuple[str, ...]:
        """The parts without a graph."""
        return tuple(part for part in self.parts if part != "network")

    def for_tasks(self, tasks: Sequence[Task]) -> "ModelOptions":
        """The parts that can predict the tasks: ``class_parts`` only classes, and models without a
        graph neither atoms and bonds nor quantiles, which the network then predicts alone. Raises
        Refusal where there is none."""
        classes = all(task.kind != "regression" for task in tasks)
        parts = (*self.parts, *(self.class_parts if classes else ()))
        beyond = [task.name for task in tasks if task.level != "molecule" or task.quantiles]
        if not beyond or parts == ("network",):
            return replace(self, parts=parts, class_parts=())
        if "network" not in parts:
            what = "atoms, bonds and quantiles are for networks: choose model=network"
            raise Refusal(f"model.parts={list(parts)} cannot predict {beyond[0]!r}: {what}")
        return replace(self, parts=("network",), class_parts=(), embeddings=False)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The features to compute for each molecule, in the order in which they stand."""
        parts = {*self.parts, *self.class_parts}
        used = set(self.network_features) if "network" in parts else set()
        used |= set(self.features) if {"boosting", "forest"} & parts else set()
        used |= {"morgan"} if "neighbours" in parts else set()
        return tuple(block for block in BLOCKS if block in used)


# The choices of conf/model.
MODELS: dict[str, Mapping] = {
    "network": {},
    "hybrid": {"network_features": ["rdkit2d"]},
    "blend": {
        "network_features": ["rdkit2d"],
        "parts": ["network", "boosting"],
        "class_parts": ["forest"],
    },
    "boosting": {"parts": ["boosting"]},
    "forest": {"parts": ["forest"]},
    "neighbours": {"parts": ["neighbours"]},
    "mean": {"parts": ["mean"]},
}


def model_options(model: str | Mapping) -> dict:
    """A model by its name, or a mapping with a name and further options of ``ModelOptions``, as
    plain options. Raises Refusal for another name."""
    given = {"name": model} if isinstance(model, str) else dict(model)
    name = given.pop("name", "network")
    if name not in MODELS:
        raise choices("model", name, MODELS)
    return {**MODELS[name], **given}
