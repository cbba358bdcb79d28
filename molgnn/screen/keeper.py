"""What remains of a whole library: the states of its shards, merged in order."""

import numpy as np

from molgnn.screen.histogram import Histogram
from molgnn.screen.sample import Sample
from molgnn.screen.shard import ShardState
from molgnn.screen.spike.count import Counts
from molgnn.screen.stages import Hit, Ranking
from molgnn.screen.tally import Tally
from molgnn.screen.top import Top


class Keeper:
    """The best rows so far, the ``sample`` of all, and their counts; ``spiked`` are those that
    ``hidden`` molecules need, None without. It makes no difference to a bit of it whether a shard's
    state comes from memory or from disk."""

    def __init__(self, ranking: Ranking, sample: Sample, hidden: int | None = None):
        self.ranking = ranking
        self.shards = self.rows = self.scored = 0
        self.reasons, self.histogram = Tally(), Histogram()
        self.sample = sample
        self.spiked = None if hidden is None else Counts.none(hidden)
        self._best = Top(ranking.pool)
        self._candidates: dict[int, Hit] = {}
        self._seen = 0

    @property
    def invalid(self) -> int:
        return self.rows - self.scored

    @property
    def above(self) -> float | None:
        """The merit that a row of a later shard must exceed; None where any row is a candidate."""
        return self._best.last

    def merge(self, shard: ShardState) -> None:
        """Take the next shard of the library."""
        self.reasons.merge(shard.reasons)
        self.histogram.merge(shard.histogram)
        self.sample.add(shard.sample)
        if shard.spiked is not None:
            self.spiked += shard.spiked
        if shard.candidates:
            self._merge_candidates(shard.candidates)
        self.shards += 1
        self.rows += shard.rows
        self.scored += shard.scored

    def _merge_candidates(self, hits: list[Hit]) -> None:
        """Numbered as they come, which is the library's order and settles ties."""
        merits = self.ranking.merits(np.stack([hit.mean for hit in hits]))
        for i in self._best.add(merits, self._seen):
            self._candidates[self._seen + int(i)] = hits[i]
        self._candidates = {int(n): self._candidates[int(n)] for n in self._best.rows}
        self._seen += len(hits)

    def candidates(self) -> list[Hit]:
        """The pool, in the library's order."""
        return [self._candidates[number] for number in sorted(self._candidates)]
