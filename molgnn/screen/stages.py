"""The last two stages of a screen: score a chunk of graphs, keep what is worth keeping."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.workers import Featurized
from molgnn.screen.histogram import Histogram
from molgnn.screen.tally import Tally
from molgnn.screen.top import Top

if TYPE_CHECKING:
    from molgnn.data.reader import Row
    from molgnn.models.ensemble import Predictor

NOT_FINITE = "model gave no finite score"


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


@dataclass
class Keeper:
    """What remains of the stream: the best rows, the refused ones, and the counts of all.

    ``reject(row, reason)`` is called for each refused row in the library's order, and nothing of it
    is held but the tally of reasons.
    """

    top: int
    column: int
    minimize: bool
    reject: "Callable[[Row, str], None]"
    rows: int = 0
    scored: int = 0
    reasons: Tally = field(default_factory=Tally)
    histogram: Histogram = field(default_factory=Histogram)

    def __post_init__(self):
        self._best = Top(self.top)
        self._hits: dict[int, Hit] = {}

    @property
    def invalid(self) -> int:
        return self.rows - self.scored

    def add(self, chunk: Scored) -> None:
        """Take the next chunk of the library."""
        for position in sorted(chunk.reasons):
            self.reasons.add(chunk.reasons[position])
            self.reject(chunk.rows[position], chunk.reasons[position])
        score = chunk.mean[:, self.column]
        self.histogram.add(score)
        for i in self._best.add(-score if self.minimize else score, self.scored):
            row = chunk.rows[chunk.positions[i]]
            self._hits[self.scored + int(i)] = Hit(row, chunk.mean[i], chunk.std[i])
        self._hits = {int(n): self._hits[int(n)] for n in self._best.rows}
        self.rows += len(chunk.rows)
        self.scored += len(chunk.positions)

    @property
    def cut(self) -> float | None:
        """The score of the last hit; None where every scored molecule is one."""
        if self.scored <= self.top:
            return None
        last = float(self._best.scores[-1])
        return -last if self.minimize else last

    def hits(self) -> list[Hit]:
        """Best first."""
        return list(self._hits.values())
