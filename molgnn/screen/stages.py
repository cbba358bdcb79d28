"""Score a chunk of graphs: what the stages of a screen hand on to each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from molgnn.data.readers.reader import Row
    from molgnn.models.known import Near

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

    ``positions`` (B,) says which row each is; ``reasons`` covers the other rows. ``lists``: for
    each column of atoms or bonds one array a molecule, and ``near`` the nearest training molecules,
    where they were asked for.
    """

    rows: "list[Row]"
    positions: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    reasons: dict[int, str]
    lists: Sequence[list[np.ndarray]] = ()
    near: "Near | None" = None


def scored(
    rows: "list[Row]",
    positions: np.ndarray,
    reasons: dict[int, str],
    mean: np.ndarray,
    std: np.ndarray,
    columns: Sequence[int],
    lists: Sequence[list[np.ndarray]] = (),
    near: "Near | None" = None,
) -> Scored:
    """A chunk with its predictions. A molecule without a finite value in one of ``columns`` is
    refused."""
    mean, std = (np.asarray(values, dtype=np.float64) for values in (mean, std))
    # Models compute in single precision: what exceeds it is as little a score as NaN is.
    good = (np.abs(mean[:, columns]) <= np.finfo(np.float32).max).all(axis=1)
    reasons = reasons | {int(row): NOT_FINITE for row in positions[~good]}
    kept = [[each[i] for i in np.flatnonzero(good)] for each in lists]
    near = near and near.select(good)
    return Scored(rows, positions[good], mean[good], std[good], reasons, kept, near)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row among the best, with the model's columns (C,) for it."""

    row: "Row"
    mean: np.ndarray
    std: np.ndarray
