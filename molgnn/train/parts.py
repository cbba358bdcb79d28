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
    mean, and all count the same. Where none is named they depend on the targets: those of
    ``regression_parts`` for numbers, of ``class_parts`` for classes, for both what is in both.

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
            parts = getattr(self, option)
            for part in parts:
                if part not in PARTS:
                    raise choices(f"part in model.{option}:", part, PARTS)
            if len(set(parts)) < len(parts):
                raise Refusal(f"model.{option}={list(parts)}: name each part once")
        for option in ("network_features", "features", "forest_features"):
            for block in getattr(self, option):
                if block not in BLOCKS:
                    raise choices(f"block in model.{option}:", block, BLOCKS)
        if not self.parts and not (self.regression_parts and self.class_parts):
            raise Refusal("model.parts is empty: name one at least")
        if self.trees < 1 or self.neighbours < 1:
            raise Refusal("model: trees and neighbours must be at least 1")
        if "hybrid" in self.possible and not self.network_features:
            raise Refusal("model.network_features is empty: name some, or take model=network")
        if self.embeddings and not self.networks:
            raise Refusal("model.embeddings=true: there is no network among model.parts")
        seen = {"boosting": "features", "linear": "features", "forest": "forest_features"}
        for part, option in seen.items():
            if part in self.possible and not (getattr(self, option) or self.embeddings):
                raise Refusal(f"model.{option} is empty: {part} has nothing to learn from")

    @property
    def possible(self) -> tuple[str, ...]:
        """The parts there may be, as far as is known without the targets."""
        return self.parts or tuple(dict.fromkeys(self.regression_parts + self.class_parts))

    @property
    def shallow(self) -> tuple[str, ...]:
        """The parts without a graph."""
        return tuple(part for part in self.possible if part not in NETWORKS)

    @property
    def networks(self) -> tuple[str, ...]:
        """The parts with a graph, which come first in a model."""
        return tuple(part for part in self.possible if part in NETWORKS)

    def settled(self, tasks: Sequence[Task]) -> "ModelOptions":
        """With the ``parts`` that the kinds of the tasks ask for, where none is named."""
        if self.parts:
            return replace(self, regression_parts=(), class_parts=())
        kinds = [self.regression_parts if task.kind == "regression" else self.class_parts
                 for task in tasks]  # fmt: skip
        parts = tuple(part for part in self.possible if all(part in kind for kind in kinds))
        if not parts:
            raise Refusal("no part is in both model.regression_parts and model.class_parts")
        return replace(self, parts=parts, regression_parts=(), class_parts=())

    def for_tasks(self, tasks: Sequence[Task]) -> "ModelOptions":
        """The same, but that atoms, bonds and quantiles are for networks, which then predict alone.
        Raises Refusal where there is none, also for one that is to say how far it may be off: in a
        blend the networks say it."""
        settled = self.settled(tasks)
        said = f"model.parts={list(settled.parts)} cannot predict"
        if not settled.networks and (spreads := [task for task in tasks if task.spread]):
            raise Refusal(
                f"{said} how far {spreads[0].name!r} may be off, as loss=mve and loss=evidential "
                "have it: choose a model with a network, or another loss"
            )
        beyond = [task.name for task in tasks if task.level != "molecule" or task.quantiles]
        if not beyond or not settled.shallow:
            return settled
        if not settled.networks:
            what = "atoms, bonds and quantiles are for networks: choose model=network"
            raise Refusal(f"{said} {beyond[0]!r}: {what}")
        return replace(settled, parts=settled.networks, embeddings=False)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The features to compute for each molecule, in the order in which they stand."""
        parts = set(self.possible)
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
        "parts": [],
        "regression_parts": ["hybrid", "boosting", "linear", "network"],
        "class_parts": ["hybrid", "boosting", "linear", "forest"],
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
    given = dict(model) if isinstance(model, Mapping) else {"name": model}
    name = given.pop("name", DEFAULT)
    if not isinstance(name, str) or name not in MODELS:
        raise choices("model", name, MODELS)
    return {**MODELS[name], **given}
