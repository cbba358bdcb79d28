"""A random part of a library: the same rows, whoever screens it, in whatever chunks and runs."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

SIZE = 600  # rows: enough for a picture of the library, and a second of work


class Drawn(NamedTuple):
    """A row of the sample: the key that drew it, its text as it was read, its score."""

    key: int
    text: str
    score: float


def keys(numbers: np.ndarray) -> np.ndarray:
    """A random number for each row of the library: numbers (B,) -> (B,) uint64, by splitmix64
    (Steele et al. 2014, doi:10.1145/2660193.2660195). The rows with the smallest ones are a sample
    without replacement, in which each row is as likely as any other."""
    z = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Sample:
    """The ``size`` rows with the smallest keys of all that came by. Rows with a key of ``limit`` or
    more are passed over: earlier ones have filled the sample with smaller."""

    def __init__(self, limit: int | None = None, size: int = SIZE):
        self._limit, self._size = limit, size
        self._rows: list[Drawn] = []

    @property
    def limit(self) -> int | None:
        """The key that a further row must be below; None where any will do."""
        return self._limit

    @property
    def rows(self) -> list[Drawn]:
        """By key, which is a random order."""
        return list(self._rows)

    def wanted(self, keys: np.ndarray) -> np.ndarray:
        """Positions in keys (B,) of those that may be drawn."""
        if self._limit is None:
            return np.arange(len(keys))
        return np.flatnonzero(keys < np.uint64(self._limit))

    def add(self, rows: Iterable[Drawn]) -> None:
        """Take rows; those beyond ``size`` go."""
        self._rows = sorted([*self._rows, *rows])[: self._size]
        if len(self._rows) == self._size:
            last = self._rows[-1].key
            self._limit = last if self._limit is None else min(last, self._limit)
