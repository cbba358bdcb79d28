"""One shard of a screen: what is kept of its rows as they pass, and the state that remains of them.

A shard's state depends on its rows and the model alone, not on the chunks in which they came, on
who scored them or when; the result of a screen is made of the states of its shards in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from molgnn.screen.digest import RowDigest
from molgnn.screen.histogram import Histogram
from molgnn.screen.sample import Drawn, Sample, keys
from molgnn.screen.spike.count import Counter, Counts
from molgnn.screen.stages import Hit, Ranking, Scored
from molgnn.screen.tally import Tally
from molgnn.screen.top import Top

if TYPE_CHECKING:
    from molgnn.data.readers.record import Row


@dataclass(frozen=True)
class ShardState:
    """What a screen needs of a shard once its rows have gone by.

    ``candidates`` are its rows that can be among the best of the library, in the library's order,
    ``sample`` those that can be in the library's sample;
    ``digests`` maps a file to the hash of the rows that came from it (empty: nobody hashed them),
    and ``spiked`` says how many rows beat each hidden molecule, None where there are none.
    """

    rows: int
    scored: int
    reasons: Tally
    histogram: Histogram
    candidates: list[Hit]
    digests: dict[str, str]
    sample: list[Drawn]
    spiked: Counts | None = None


class ShardKeeper:
    """Takes the chunks of one shard in order; holds its scores and its candidates.

    ``above`` is the merit that the rows of earlier shards ask for (None: any will do), ``start``
    their number, ``sample`` takes what may be in the library's sample, ``hidden`` counts those who
    beat the hidden molecules.
    ``reject(row, reason)`` is called for each refused row in the library's order, and nothing of it
    is held but the tally of reasons.
    """

    def __init__(
        self,
        ranking: Ranking,
        above: float | None,
        reject: "Callable[[Row, str], None]",
        digest: RowDigest | None,
        start: int,
        sample: Sample,
        hidden: Counter | None = None,
    ):
        self._ranking, self._reject, self._digest = ranking, reject, digest
        self._start, self._sample, self._hidden = start, sample, hidden
        self._best = Top(ranking.pool, above)
        self._hits: dict[int, Hit] = {}
        self._scores: list[np.ndarray] = []
        self._reasons = Tally()
        self._rows = self._scored = 0

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self._rows

    def add(self, chunk: Scored) -> None:
        """Take the next chunk of the shard."""
        for position in sorted(chunk.reasons):
            self._reasons.add(chunk.reasons[position])
            self._reject(chunk.rows[position], chunk.reasons[position])
        merits = self._ranking.merits(chunk.mean)
        for i in self._best.add(merits, self._scored):
            row = chunk.rows[chunk.positions[i]]
            self._hits[self._scored + int(i)] = Hit(row, chunk.mean[i], chunk.std[i])
        self._hits = {int(n): self._hits[int(n)] for n in self._best.rows}
        self._draw(chunk)
        if self._hidden:
            self._hidden.add(chunk, merits)
        self._scores.append(chunk.mean[:, self._ranking.column])
        if self._digest:
            self._digest.add(chunk.rows)
        self._rows += len(chunk.rows)
        self._scored += len(chunk.positions)

    def _draw(self, chunk: Scored) -> None:
        own = keys(self._start + self._rows + np.asarray(chunk.positions))
        scores = chunk.mean[:, self._ranking.column]
        self._sample.add(
            Drawn(int(own[i]), chunk.rows[chunk.positions[i]].text, float(scores[i]))
            for i in self._sample.wanted(own)
        )

    def state(self) -> ShardState:
        """What remains, once the shard's last chunk is in."""
        histogram, scores = Histogram(), np.concatenate(self._scores)
        histogram.add(scores)  # in one go: see there
        merits = -scores if self._ranking.minimize else scores
        return ShardState(
            self._rows,
            self._scored,
            self._reasons,
            histogram,
            [self._hits[number] for number in sorted(self._hits)],
            self._digest.by_file() if self._digest else {},
            self._sample.rows,
            self._hidden.counts(merits) if self._hidden else None,
        )
