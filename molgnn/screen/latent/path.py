"""The straight line between two molecules' vectors, and which molecules are near it."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from molgnn.screen.latent.grid import Cell, Drawing
from molgnn.screen.latent.molecules import Molecules
from molgnn.screen.latent.nearest import nearest_rows


@dataclass(frozen=True, eq=False)
class LatentPath:
    """From the molecule ``start`` to ``end``, ``length`` apart. ``steps``: for each point ``at``
    (0 at the start, 1 at the end) the library's nearest molecule and its ``distance``."""

    start: str
    end: str
    length: float
    steps: pd.DataFrame = field(repr=False)

    @property
    def stops(self) -> pd.DataFrame:
        """Each molecule once: first and last point at which it is the nearest, its least distance.

        The points that are nearest to one molecule are convex, so they follow each other.
        """
        run = (self.steps["row"] != self.steps["row"].shift()).cumsum()
        found = self.steps.groupby(run, sort=False).agg(
            first=("at", "first"),
            last=("at", "last"),
            distance=("distance", "min"),
            smiles=("smiles", "first"),
            id=("id", "first"),
        )
        return found.reset_index(drop=True)

    def drawing(self) -> Drawing:
        """The two molecules, and between them the stops."""
        stops = [
            Cell(stop.smiles, [stop.id, _range(stop.first, stop.last), f"{stop.distance:.2f} away"])
            for stop in self.stops.itertuples()
        ]
        ends = [Cell(self.start, ["from"]), Cell(self.end, ["to"])]
        return Drawing([ends[0], *stops, ends[1]])

    def _repr_html_(self) -> str:
        return self.drawing()._repr_html_()


def path_between(
    molecules: Molecules, start: str, end: str, vectors: np.ndarray, steps: int
) -> LatentPath:
    """z(t) = (1 - t) z_start + t z_end at evenly spaced t; ``vectors`` (2, D) are those of both."""
    at = np.linspace(0, 1, steps)
    first, last = vectors.astype(np.float64)
    points = first + at[:, None] * (last - first)
    distances, rows = nearest_rows(molecules.vectors, points, 1)
    table = {"at": at, "distance": distances[:, 0], "row": rows[:, 0]}
    found = pd.concat([pd.DataFrame(table), molecules.table(rows[:, 0])], axis=1)
    return LatentPath(start, end, float(np.linalg.norm(last - first)), found)


def _range(first: float, last: float) -> str:
    return f"at {first:.2f}" if first == last else f"at {first:.2f} to {last:.2f}"
