"""The running top k: exact, and independent of how the stream is cut into chunks."""

import numpy as np


class Top:
    """The k highest scores seen so far, best first; of equal scores the earlier row is kept.

    ``scores`` (<= k,) float64 and ``rows`` (<= k,) int64. For the lowest, feed the negatives.
    Scores that are not above ``above`` are left out: the k-th of the rows before these, say.
    """

    def __init__(self, k: int, above: float | None = None):
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        self.k, self.above = k, above
        self.scores = np.empty(0)
        self.rows = np.empty(0, dtype=np.int64)

    def add(self, scores: np.ndarray, first_row: int) -> np.ndarray:
        """Take scores (B,) of the rows from ``first_row`` on, which must come in rising order.

        Gives the positions in the batch that are now among the k, best first. Raises ValueError
        for NaN, which has no rank.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if np.isnan(scores).any():
            raise ValueError("NaN has no rank")
        better = self._candidates(scores)
        all_scores = np.concatenate([self.scores, scores[better]])
        all_rows = np.concatenate([self.rows, better + first_row])
        # What is kept stands before what comes, each in row order among equals: a stable sort
        # therefore settles every tie by row.
        order = np.argsort(-all_scores, kind="stable")[: self.k]
        self.scores, self.rows = all_scores[order], all_rows[order]
        return self.rows[self.rows >= first_row] - first_row

    def _candidates(self, scores: np.ndarray) -> np.ndarray:
        """Positions that can still enter; a score equal to the last one kept comes too late."""
        last = self.last
        return np.arange(len(scores)) if last is None else np.flatnonzero(scores > last)

    @property
    def last(self) -> float | None:
        """The score that a later row must exceed to enter; None where any row enters."""
        return float(self.scores[-1]) if len(self.scores) == self.k else self.above
