"""The parts of a recipe: what each step of the funnel is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

UP, DOWN, TARGET = "up", "down", "target"
SUM, DESIRABILITY, PARETO = "sum", "desirability", "pareto"
POOL = 10_000


@dataclass(frozen=True)
class Pool:
    """The ``size`` best molecules of the library by the model, or those of them that score at
    least, or at most, so much."""

    size: int = POOL
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Objective:
    """A column of ``model`` (None: the model that screens) and which of its values are good.

    ``low``, ``high``, ``target`` and ``shape`` are those of ``objectives.desirability``; who is
    beyond ``at_least`` or ``at_most`` is dropped.
    """

    name: str
    aim: str
    model: str | None = None
    column: str | None = None
    weight: float = 1.0
    low: float | None = None
    high: float | None = None
    target: float | None = None
    shape: float = 1.0
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Objectives:
    """How the objectives become one order. ``ranks``: Pareto ranks beyond it are dropped."""

    combine: str
    of: tuple[Objective, ...]
    ranks: int | None = None


@dataclass(frozen=True)
class Properties:
    """Ranges by property; rule sets, each with the number of its ranges that may be missed."""

    ranges: Mapping[str, tuple[float | None, float | None]]
    sets: Mapping[str, int]


@dataclass(frozen=True)
class Alerts:
    """Catalogs whose alerts ``drop`` a molecule, or are told of it; one's own SMARTS by name."""

    drop: tuple[str, ...]
    flag: tuple[str, ...]
    smarts: Mapping[str, str]


@dataclass(frozen=True)
class Actives:
    """Training molecules of class 1; of a regression task those with labels beyond a threshold, or
    the ``best`` share of them (0 to 1)."""

    task: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    best: float | None = None


@dataclass(frozen=True)
class Novelty:
    """Largest Tanimoto similarity that is still novel, and to whom."""

    at_most: float
    actives: Actives | None = None
    training: bool = False
    file: str | None = None


@dataclass(frozen=True)
class Clusters:
    """Butina clusters at a Tanimoto similarity, of each of which ``most`` molecules stay (None:
    all, and the clusters are only told)."""

    similarity: float
    most: int | None = None


@dataclass(frozen=True)
class Diversity:
    """Clusters; molecules a Murcko scaffold; among how many of the best MaxMin picks the hits."""

    clusters: Clusters | None = None
    scaffold: int | None = None
    maxmin: int | None = field(default=None)
