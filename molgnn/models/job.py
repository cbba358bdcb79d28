"""A model at work in a worker process: texts in, predictions out, and little else between them."""

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from molgnn.chem.graph import PackedGraphs, featurize, route
from molgnn.chem.trace import featurize_traced
from molgnn.models.known import Near

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


class Predicted(NamedTuple):
    """What a chunk of rows gave: ``mean`` and ``std`` (B, O) of its molecules, which row each is
    (``positions``, (B,)), why the others are none, the seconds that each step took, and the way of
    featurising (``chem.graph.route``; "" for graphs). ``lists``: see ``models.lists.Listed``;
    ``near``: the nearest training molecules, where they were asked for."""

    mean: np.ndarray
    std: np.ndarray
    positions: np.ndarray
    reasons: dict[int, str]
    featurize_seconds: float
    score_seconds: float
    route: str
    lists: Sequence[list[np.ndarray]] = ()
    near: Near | None = None


@dataclass(frozen=True)
class ScoringJob:
    """Called once in each worker; gives the function that works there on texts, or on graphs."""

    model: bytes  # pickled by this process for its own workers; nothing from a file comes this way
    precision: str
    lists: bool = False
    domain: bool | str = False  # see ``Predictor.predict``; of texts, not of graphs

    @classmethod
    def of(cls, model: "Predictor", precision: str, lists=False, domain=False) -> "ScoringJob":
        if domain:  # read once, here, and refused before any work where it cannot be
            model.near([], domain == "vectors")
        return cls(pickle.dumps(model), precision, lists, domain)

    def __call__(self) -> Callable[[Sequence[str] | PackedGraphs], Predicted]:
        model = pickle.loads(self.model)
        if self.lists:
            return lambda work: predicted_lists(model, work, self.domain)
        return lambda work: predicted(model, work, self.precision, self.domain)


def predicted(
    model: "Predictor",
    work: Sequence[str] | PackedGraphs,
    precision: str = "fp32",
    domain: bool | str = False,
) -> Predicted:
    """Featurise texts (or take graphs as they are) and predict; ``domain`` is for texts."""
    start = time.perf_counter()
    if isinstance(work, PackedGraphs):
        graphs, positions, reasons, way = work, np.arange(len(work)), {}, ""
    else:
        graphs, positions, reasons = featurize(work, model.recipe, model.blocks)
        way = route()
    middle = time.perf_counter()
    mean, std = model.predict_graphs(graphs, precision)
    end = time.perf_counter()
    near = _near(model, work, positions, domain)
    seconds = middle - start, end - middle
    return Predicted(mean, std, positions, reasons, *seconds, way, near=near)


def _near(model: "Predictor", texts, positions: np.ndarray, domain: bool | str) -> Near | None:
    return model.near([texts[i] for i in positions], domain == "vectors") if domain else None


def predicted_lists(
    model: "Predictor", texts: Sequence[str], domain: bool | str = False
) -> Predicted:
    """Featurise texts and predict molecules, atoms and bonds, in fp32."""
    start = time.perf_counter()
    graphs, positions, reasons, traces = featurize_traced(texts, model.recipe, model.blocks)
    middle = time.perf_counter()
    mean, std, lists = model.predict_lists(graphs, traces)
    end = time.perf_counter()
    near = _near(model, texts, positions, domain)
    seconds = middle - start, end - middle
    return Predicted(mean, std, positions, reasons, *seconds, "plain", lists, near)
