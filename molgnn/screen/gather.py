"""Gather a stream of scored chunks, shard by shard: each one is kept before the next begins."""

from collections.abc import Callable, Iterator
from itertools import chain, count, islice
from typing import TYPE_CHECKING

from molgnn.screen.keeper import Keeper
from molgnn.screen.sample import Sample
from molgnn.screen.shard import ShardKeeper, ShardState
from molgnn.screen.shards import FileShards, PackedShards
from molgnn.screen.spike.count import Counter
from molgnn.screen.stages import Ranking, Scored
from molgnn.screen.stopwatch import Stopwatch
from molgnn.screen.unfinished import Memory, Unfinished

if TYPE_CHECKING:
    from molgnn.screen.spike.read import Spikes


class Gatherer:
    """Fills a Keeper from the shards that are done in ``record``, and from the chunks of all others
    in the library's order. ``progress`` is called with the rows so far, those done included;
    ``spikes`` are molecules to be hidden among them, if there are any."""

    def __init__(
        self,
        shards: FileShards | PackedShards,
        ranking: Ranking,
        record: Unfinished | Memory,
        watch: Stopwatch,
        progress: Callable[[int], None] | None = None,
        spikes: "Spikes | None" = None,
    ):
        # Only a page shows the sample, and a packed library reads no text that nobody shows.
        hidden = None if spikes is None else len(spikes)
        self.keeper = Keeper(ranking, Sample(None if record.out else 0), hidden)
        self._spikes = spikes
        self._shards, self._record, self._watch = shards, record, watch
        self._progress, self._rows = progress, 0
        if record.resumed:
            self._count(record.resumed)

    def gather(self, chunks: Iterator[Scored]) -> Keeper:
        """Take all chunks; gives what remains of the library."""
        for number in count():
            if number in self._record.done:
                self.keeper.merge(self._record.state(number))
                continue
            own = islice(chunks, self._shards.length(number))
            if (first := next(own, None)) is None:
                return self.keeper
            self.keeper.merge(self._kept(number, chain([first], own)))

    def _kept(self, number: int, chunks: Iterator[Scored]) -> ShardState:
        """One shard, on disk for good where the record is one on disk."""
        with self._record.shard(number) as file:
            own = ShardKeeper(
                self.keeper.ranking,
                self.keeper.above,
                file.reject,
                self._shards.digest(),
                self.keeper.rows,
                Sample(self.keeper.sample.limit),
                Counter(self._spikes) if self._spikes else None,
            )
            for chunk in chunks:
                with self._watch.measure("keep"):
                    own.add(chunk)
                self._count(len(chunk.rows))
            state = own.state()
            file.end(state)
        return state

    def _count(self, rows: int) -> None:
        self._rows += rows
        if self._progress:
            self._progress(self._rows)
