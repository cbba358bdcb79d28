"""How many rows of a library beat each hidden molecule: exact counts, shard by shard.

All that ROC-AUC, BEDROC, enrichment and ranks need of a library are these counts, so that its
scores need not be held, and the counts of shards add up to those of the library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from molgnn.screen.spike.copies import Copies

if TYPE_CHECKING:
    from molgnn.screen.spike.read import Spikes
    from molgnn.screen.stages import Scored

_FIELDS = ("better", "equal", "copies")


@dataclass(frozen=True)
class Counts:
    """For S hidden molecules the rows with a ``better`` score, with an ``equal`` one, and those
    that are the molecule itself, each (S,) int64."""

    better: np.ndarray
    equal: np.ndarray
    copies: np.ndarray

    @classmethod
    def none(cls, size: int) -> "Counts":
        return cls(*(np.zeros(size, dtype=np.int64) for _ in _FIELDS))

    def __add__(self, later: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(later, name) for name in _FIELDS))

    def plain(self) -> dict:
        """For a shard's file."""
        return {name: getattr(self, name).tolist() for name in _FIELDS}

    @classmethod
    def of_plain(cls, data: Mapping) -> "Counts":
        """Raises KeyError or ValueError for what ``plain`` did not give."""
        found = [np.array(data[name], dtype=np.int64) for name in _FIELDS]
        if len({each.shape for each in found}) > 1 or found[0].ndim != 1:
            raise ValueError("counts of different lengths")
        return cls(*found)


class Counter:
    """Takes the chunks of one shard; ``counts`` are then those of its rows."""

    def __init__(self, spikes: "Spikes"):
        self._merits = spikes.merits
        self._copies = Copies(spikes)

    def add(self, chunk: "Scored", merits: np.ndarray) -> None:
        """``merits`` (B,) of the chunk's molecules."""
        self._copies.add(chunk, merits)

    def counts(self, merits: np.ndarray) -> Counts:
        """``merits`` (n,) of all molecules of the shard."""
        merits = np.sort(merits)
        left, right = (np.searchsorted(merits, self._merits, side) for side in ("left", "right"))
        return Counts(len(merits) - right, right - left, self._copies.counts)
