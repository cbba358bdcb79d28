"""The file of a finished shard: JSON lines, a line a row that matters, its counts last.

JSON, in ASCII, since any text comes back from it as it was, and any float to the bit; and nothing
can run that is read from it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from molgnn.data.readers.record import Row
from molgnn.data.readers.rejects import Reject
from molgnn.screen.histogram import Histogram
from molgnn.screen.sample import Drawn
from molgnn.screen.shard import ShardState
from molgnn.screen.spike.count import Counts
from molgnn.screen.stages import Hit
from molgnn.screen.tally import Tally

PATTERN = "shard-*.jsonl"
_REJECT = '{"reject": '


def shard_name(number: int) -> str:
    return f"shard-{number:06d}.jsonl"


def open_lines(path: Path) -> TextIO:
    """A file for JSON lines."""
    return open(path, "w", encoding="ascii", newline="\n")


class ShardFile:
    """Writes one shard: its refused rows as they come, the rest at its end."""

    def __init__(self, file: TextIO, number: int):
        self._file, self._number, self.rows = file, number, 0

    def reject(self, row: Row, reason: str) -> None:
        self._line({"reject": [row.file, row.line, row.text, reason]})

    def end(self, state: ShardState) -> None:
        """The last line says that the file is whole, so it stands at the end."""
        self.rows = state.rows
        for hit in state.candidates:
            row = [hit.row.file, hit.row.line, hit.row.text, hit.row.id]
            self._line({"candidate": [*row, hit.mean.tolist(), hit.std.tolist()]})
        for drawn in state.sample:
            self._line({"drawn": drawn})
        facts = {"number": self._number, "rows": state.rows, "scored": state.scored}
        facts |= {"reasons": state.reasons.counts, "histogram": state.histogram.state()}
        facts |= {"spiked": state.spiked and state.spiked.plain()}
        self._line({"shard": facts | {"digests": state.digests}})

    def _line(self, data: dict) -> None:
        self._file.write(json.dumps(data) + "\n")


def read_state(path: Path, number: int) -> ShardState:
    """What ``end`` wrote; raises ValueError for a file that is not whole or is another shard's."""
    candidates, sample, facts, refused = [], [], None, 0
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith(_REJECT):
                refused += len(json.loads(line)["reject"]) == 4
            else:
                data = json.loads(line)
                facts = data.get("shard")
                candidates += [_hit(data["candidate"])] if "candidate" in data else []
                sample += [Drawn(*data["drawn"])] if "drawn" in data else []
    if facts is None or facts["number"] != number or refused != facts["rows"] - facts["scored"]:
        raise ValueError(f"{path}: not the whole of shard {number}")
    spiked = facts.get("spiked")
    return ShardState(
        facts["rows"],
        facts["scored"],
        Tally(facts["reasons"]),
        Histogram.of_state(facts["histogram"]),
        candidates,
        facts["digests"],
        sample,
        spiked and Counts.of_plain(spiked),
    )


def read_rejects(path: Path) -> Iterator[Reject]:
    """The refused rows, one by one."""
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith(_REJECT):
                yield Reject(*json.loads(line)["reject"])


def _hit(data: list) -> Hit:
    *row, mean, std = data
    return Hit(Row(*row, None, ""), np.array(mean, np.float64), np.array(std, np.float64))
