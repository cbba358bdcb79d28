"""Which molecules a library held before: sorted runs of 16-byte keys on disk, mapped into memory.

A run covers some shards in a row. As in a log-structured tree two runs of like size become one, so
that n shards have at most log2(n) + 1 runs. Disk: 16 bytes a molecule, up to twice that during a
merge. Memory: one shard's keys and one block; the system may drop mapped pages at any time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molgnn.data.packed.durable import durable
from molgnn.data.packed.packing import KEY

_BLOCK = 1 << 20  # keys merged at a time: 16 MB of each run


@dataclass(frozen=True, slots=True)
class _Run:
    """The sorted keys of the shards first to last."""

    first: int
    last: int
    path: Path

    @property
    def keys(self) -> np.ndarray:
        if self.path.stat().st_size == 0:  # which cannot be mapped
            return np.empty(0, dtype=KEY)
        return np.memmap(self.path, dtype=KEY, mode="r")


class Seen:
    """The keys of the first ``shards`` shards, kept in ``folder``; files of later ones are dropped.

    Raises FileNotFoundError where the files do not cover these shards.
    """

    def __init__(self, folder: Path, shards: int):
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._runs = _cover(folder, shards)
        for path in set(folder.iterdir()) - {run.path for run in self._runs}:
            path.unlink()

    def unseen(self, keys: np.ndarray) -> np.ndarray:
        """(B,) bool: true where a key (B,) is in no earlier shard nor before among the keys."""
        distinct, first = np.unique(keys, return_index=True)
        known = np.zeros(len(distinct), dtype=bool)
        for run in self._runs:
            there = run.keys
            at = np.minimum(np.searchsorted(there, distinct), max(len(there) - 1, 0))
            known |= there[at] == distinct if len(there) else False
        fresh = np.zeros(len(keys), dtype=bool)
        fresh[first[~known]] = True
        return fresh

    def add(self, shard: int, keys: np.ndarray) -> None:
        """Keep the new keys of the next shard. To be called before that shard has its name, after
        all earlier ones have theirs: what was merged then never has to be taken apart."""
        while len(self._runs) > 1 and _alike(*self._runs[-2:]):
            self._merge_last()
        self._write(shard, shard, [np.sort(keys)])

    def _merge_last(self) -> None:
        one, two = self._runs[-2:]
        del self._runs[-2:]
        self._write(one.first, two.last, _merged(one.keys, two.keys))
        one.path.unlink()
        two.path.unlink()

    def _write(self, first: int, last: int, blocks) -> None:
        path = self._folder / f"{first}-{last}"
        with durable(path) as partial, open(partial, "wb") as file:
            for block in blocks:
                file.write(block.tobytes())
        self._runs.append(_Run(first, last, path))


def _alike(one: _Run, two: _Run) -> bool:
    return one.last - one.first <= two.last - two.first


def _cover(folder: Path, shards: int) -> list[_Run]:
    """The widest runs that together hold shards 0 to shards - 1, each once."""
    there = [tuple(map(int, p.name.split("-"))) for p in folder.glob("[0-9]*-*[0-9]")]
    runs, at = [], 0
    while at < shards:
        last = max((b for a, b in there if a == at and b < shards), default=None)
        if last is None:
            raise FileNotFoundError(f"{folder}: no keys of shard {at}")
        runs.append(_Run(at, last, folder / f"{at}-{last}"))
        at = last + 1
    return runs


def _merged(one: np.ndarray, two: np.ndarray) -> Iterator[np.ndarray]:
    """Two sorted arrays as one, block by block. Keys are hashes, so a block of one stands against
    about as large a share of the other."""
    at = 0
    for start in range(0, len(one), _BLOCK):
        block = one[start : start + _BLOCK]
        stop = int(np.searchsorted(two, block[-1], side="right"))
        yield np.sort(np.concatenate([block, two[at:stop]]))
        at = stop
    for start in range(at, len(two), _BLOCK):
        yield two[start : start + _BLOCK]
