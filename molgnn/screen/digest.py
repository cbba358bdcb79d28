"""Hashes of the rows of a shard: whether a library still says what it said when it was scored."""

import hashlib
import json
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molgnn.data.readers.record import Row


class RowDigest:
    """A hash for each file that the rows come from, over their lines, texts, ids and problems; it
    does not depend on the chunks in which they come."""

    def __init__(self):
        self._hashes: dict[str, hashlib.blake2b] = {}

    def add(self, rows: "Iterable[Row]") -> None:
        """Take the next rows of the library."""
        for file, own in groupby(rows, attrgetter("file")):
            digest = self._hashes.setdefault(file, hashlib.blake2b(digest_size=16))
            facts = [(row.line, row.text, row.id, row.problem) for row in own]
            # As JSON no two lists of rows look alike; without its brackets, chunks join up.
            digest.update(json.dumps(facts)[1:-1].encode() + b", ")

    def by_file(self) -> dict[str, str]:
        """File -> hash, in the order of the library."""
        return {file: digest.hexdigest() for file, digest in self._hashes.items()}
