"""Score a chunk of graphs: what the stages of a screen hand on to each other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.workers import Featurized

if TYPE_CHECKING:
    from molgnn.data.reader import Row
    from molgnn.models.ensemble import Predictor

NOT_FINITE = "model gave no finite score"


@dataclass(frozen=True)
class Ranking:
    """What is best: the ``top`` rows by one of the model's columns, or, where ``minimize``, those
    with its lowest values. ``pool`` >= ``top`` rows stay candidates to the end."""

    top: int
    pool: int
    column: int
    minimize: bool

    def merits(self, mean: np.ndarray) -> np.ndarray:
        """mean (B, C) -> (B,): the more the better."""
        score = mean[:, self.column]
        return -score if self.minimize else score


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk of rows with the C columns of its B scored molecules: ``mean`` and ``std`` (B, C).

    ``positions`` (B,) says which row each is; ``reasons`` covers the other rows.
    """

    rows: "list[Row]"
    positions: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    reasons: dict[int, str]


def scored(model: "Predictor", chunk: Featurized, columns: list[int]) -> Scored:
    """Predict a chunk. A molecule without a finite value in one of ``columns`` is refused."""
    if len(chunk.graphs) == 0:
        empty = np.empty((0, len(model.columns)))
        return Scored(chunk.rows, chunk.positions, empty, empty, chunk.reasons)
    mean, std = (np.asarray(a, dtype=np.float64) for a in model.predict_graphs(chunk.graphs))
    # Models compute in single precision: what exceeds it is as little a score as NaN is.
    good = (np.abs(mean[:, columns]) <= np.finfo(np.float32).max).all(axis=1)
    reasons = chunk.reasons | {int(row): NOT_FINITE for row in chunk.positions[~good]}
    return Scored(chunk.rows, chunk.positions[good], mean[good], std[good], reasons)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row among the best, with the model's columns (C,) for it."""

    row: "Row"
    mean: np.ndarray
    std: np.ndarray
