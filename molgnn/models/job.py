"""A model at work in a worker process: texts in, predictions out, and little else between them."""

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from molgnn.chem.graph import PackedGraphs, featurize, route

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


class Predicted(NamedTuple):
    """What a chunk of rows gave: ``mean`` and ``std`` (B, O) of its molecules, which row each is
    (``positions``, (B,)), why the others are none, the seconds that each step took, and the way of
    featurising (``chem.graph.route``; "" for graphs)."""

    mean: np.ndarray
    std: np.ndarray
    positions: np.ndarray
    reasons: dict[int, str]
    featurize_seconds: float
    score_seconds: float
    route: str


@dataclass(frozen=True)
class ScoringJob:
    """Called once in each worker; gives the function that works there on texts, or on graphs."""

    model: bytes  # pickled by this process for its own workers; nothing from a file comes this way
    precision: str

    @classmethod
    def of(cls, model: "Predictor", precision: str) -> "ScoringJob":
        return cls(pickle.dumps(model), precision)

    def __call__(self) -> Callable[[Sequence[str] | PackedGraphs], Predicted]:
        model = pickle.loads(self.model)
        return lambda work: predicted(model, work, self.precision)


def predicted(
    model: "Predictor", work: Sequence[str] | PackedGraphs, precision: str = "fp32"
) -> Predicted:
    """Featurise texts (or take graphs as they are) and predict."""
    start = time.perf_counter()
    if isinstance(work, PackedGraphs):
        graphs, positions, reasons, way = work, np.arange(len(work)), {}, ""
    else:
        graphs, positions, reasons = featurize(work, model.recipe)
        way = route()
    middle = time.perf_counter()
    mean, std = model.predict_graphs(graphs, precision)
    end = time.perf_counter()
    return Predicted(mean, std, positions, reasons, middle - start, end - middle, way)
