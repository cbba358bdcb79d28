"""Batches of a library in an order that seed and epoch decide alone, in bounded memory.

Record batches are shuffled, a window of some is read at a time, and its molecules are shuffled
among them. So the batches from any step on can be told without reading those before.
"""

from collections.abc import Iterator

import numpy as np

from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import batch_rows
from molgnn.errors import Refusal
from molgnn.train.pretrain.prepared import Prepared

FEWEST = 20  # molecules: a tenth of them is held out, and one alone has no variance
_HELD_OF = 8  # record batches
WINDOW = 65536  # molecules in memory, about: 60 MB with RDKit's descriptors, 0.6 GB with morgan


def held_out(counts: np.ndarray, most: int) -> np.ndarray:
    """How many of each record batch's molecules are held out for validation (P,): a tenth of all,
    but ``most`` at most, of a few batches drawn at random, the same for every seed."""
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(counts))[:_HELD_OF]
    within = counts[chosen]
    total = min(most, counts.sum() // 10, within.sum() // 2)
    held = np.zeros_like(counts)
    held[chosen] = np.diff(within.cumsum() * total // max(1, within.sum()), prepend=0)
    return held


def windows(counts: np.ndarray, seed: int, epoch: int) -> list[np.ndarray]:
    """Numbers of record batches, shuffled, in groups of about ``WINDOW`` molecules."""
    order = np.random.default_rng([seed, epoch]).permutation(np.flatnonzero(counts))
    ends = np.cumsum(counts[order])
    group = (ends - counts[order]) // WINDOW
    return np.split(order, np.flatnonzero(np.diff(group)) + 1)


def steps_of(counts: np.ndarray, seed: int, epoch: int, batch_size: int) -> list[int]:
    """How many batches each window gives."""
    sizes = [int(counts[window].sum()) for window in windows(counts, seed, epoch)]
    return [-(-size // batch_size) for size in sizes]


class Stream:
    """The molecules of ``prepared`` to learn from, without those ``held`` out."""

    def __init__(self, prepared: Prepared, valid: int, batch_size: int, seed: int):
        self.prepared, self.batch_size, self.seed = prepared, batch_size, seed
        if len(prepared) < FEWEST:
            left = f"{len(prepared)} molecules of it are left to learn from"
            raise Refusal(f"the library: {left}: give {FEWEST} at least")
        self.held = held_out(prepared.counts, valid)
        self.counts = prepared.counts - self.held

    def __len__(self) -> int:
        return int(self.counts.sum())

    def valid(self) -> PackedGraphs:
        return PackedGraphs.concat(
            [self._split(number)[1] for number in np.flatnonzero(self.held).tolist()]
        )

    def steps(self, epoch: int) -> int:
        return sum(steps_of(self.counts, self.seed, epoch, self.batch_size))

    def batches(self, epoch: int, skip: int = 0) -> Iterator[PackedGraphs]:
        """The epoch's batches, but for the first ``skip``, whose windows are not read."""
        steps = steps_of(self.counts, self.seed, epoch, self.batch_size)
        for number, window in enumerate(windows(self.counts, self.seed, epoch)):
            if skip >= steps[number]:
                skip -= steps[number]
                continue
            graphs = PackedGraphs.concat([self._part(part) for part in window.tolist()])
            rng = np.random.default_rng([self.seed, epoch, number])
            for rows in list(batch_rows(len(graphs), self.batch_size, rng))[skip:]:
                yield graphs.select(rows)
            skip = 0

    def first(self, most: int) -> PackedGraphs:
        """Some molecules to learn scales and frequencies from."""
        found: list[PackedGraphs] = []
        for part in np.random.default_rng(self.seed).permutation(np.flatnonzero(self.counts)):
            found.append(self._part(int(part)))
            if sum(map(len, found)) >= most:
                break
        graphs = PackedGraphs.concat(found)
        return graphs.part(0, min(most, len(graphs)))

    def _part(self, number: int) -> PackedGraphs:
        return self._split(number)[0] if self.held[number] else self.prepared.part(number)

    def _split(self, number: int) -> tuple[PackedGraphs, PackedGraphs]:
        """A record batch's molecules to learn from, and those held out: files are often sorted,
        so any of them."""
        graphs = self.prepared.part(number)
        held = np.zeros(len(graphs), dtype=bool)
        order = np.random.default_rng([0, number]).permutation(len(graphs))
        held[order[: self.held[number]]] = True
        return graphs.select(np.flatnonzero(~held)), graphs.select(np.flatnonzero(held))
