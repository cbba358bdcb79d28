"""A model at work in a worker process: texts in, predictions out, and little else between them."""

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from molgnn.chem.graph import PackedGraphs, featurize, route
from molgnn.chem.trace import featurize_traced

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


class Predicted(NamedTuple):
    """What a chunk of rows gave: ``mean`` and ``std`` (B, O) of its molecules, which row each is
    (``positions``, (B,)), why the others are none, the seconds that each step took, and the way of
    featurising (``chem.graph.route``; "" for graphs). ``lists``: see ``models.lists.Listed``."""

    mean: np.ndarray
    std: np.ndarray
    positions: np.ndarray
    reasons: dict[int, str]
    featurize_seconds: float
    score_seconds: float
    route: str
    lists: Sequence[list[np.ndarray]] = ()


@dataclass(frozen=True)
class ScoringJob:
    """Called once in each worker; gives the function that works there on texts, or on graphs."""

    model: bytes  # pickled by this process for its own workers; nothing from a file comes this way
    precision: str
    lists: bool = False

    @classmethod
    def of(cls, model: "Predictor", precision: str, lists: bool = False) -> "ScoringJob":
        return cls(pickle.dumps(model), precision, lists)

    def __call__(self) -> Callable[[Sequence[str] | PackedGraphs], Predicted]:
        model = pickle.loads(self.model)
        if self.lists:
            return lambda work: predicted_lists(model, work)
        return lambda work: predicted(model, work, self.precision)


def predicted(
    model: "Predictor", work: Sequence[str] | PackedGraphs, precision: str = "fp32"
) -> Predicted:
    """Featurise texts (or take graphs as they are) and predict."""
    start = time.perf_counter()
    if isinstance(work, PackedGraphs):
        graphs, positions, reasons, way = work, np.arange(len(work)), {}, ""
    else:
        graphs, positions, reasons = featurize(work, model.recipe, model.blocks)
        way = route()
    middle = time.perf_counter()
    mean, std = model.predict_graphs(graphs, precision)
    end = time.perf_counter()
    return Predicted(mean, std, positions, reasons, middle - start, end - middle, way)


def predicted_lists(model: "Predictor", texts: Sequence[str]) -> Predicted:
    """Featurise texts and predict molecules, atoms and bonds, in fp32."""
    start = time.perf_counter()
    graphs, positions, reasons, traces = featurize_traced(texts, model.recipe, model.blocks)
    middle = time.perf_counter()
    mean, std, lists = model.predict_lists(graphs, traces)
    end = time.perf_counter()
    return Predicted(mean, std, positions, reasons, middle - start, end - middle, "plain", lists)
