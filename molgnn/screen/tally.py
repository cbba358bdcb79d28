"""Why rows were refused: counts by kind of reason, in bounded memory."""

import re
from collections import Counter
from collections.abc import Mapping

MAX_KINDS = 1000


class Tally:
    """Counts of reasons. Numbers in a reason are left out, so that "atom 3" and "atom 17" are one
    kind; kinds beyond the first ``MAX_KINDS`` are counted together."""

    def __init__(self, counts: Mapping[str, int] | None = None):
        self.counts: Counter[str] = Counter(counts or {})

    def add(self, reason: str) -> None:
        self._count(re.sub(r"\d+(\s+\d+)*", "…", reason), 1)

    def merge(self, later: "Tally") -> None:
        """Take the counts of the rows that follow."""
        for kind, count in later.counts.items():
            self._count(kind, count)

    def _count(self, kind: str, count: int) -> None:
        if kind not in self.counts and len(self.counts) >= MAX_KINDS:
            kind = "other reasons"
        self.counts[kind] += count

    def most(self, n: int) -> list[dict]:
        """The n most frequent kinds as plain data, ties in order of appearance."""
        return [{"reason": kind, "count": count} for kind, count in self.counts.most_common(n)]
