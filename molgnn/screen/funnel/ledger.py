"""Who is left of a pool after each step, and why all others are not."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from molgnn.screen.funnel.examine import Dropped


class Ledger:
    """The molecules of a pool, by their number in the library's order; each is dropped once."""

    def __init__(self, count: int):
        self.alive = np.ones(count, dtype=bool)
        self.why: dict[int, Dropped] = {}
        self.steps: list[dict] = []

    @property
    def left(self) -> np.ndarray:
        """The numbers of those who are left, rising."""
        return np.flatnonzero(self.alive)

    def begin(self, name: str, title: str, before: int) -> None:
        """The first step, which made the pool out of ``before`` molecules."""
        self._add(name, title, before, len(self.alive), Counter())

    def drop(self, name: str, title: str, dropped: Mapping[int, Dropped]) -> None:
        """A step. A molecule may be counted under several kinds of reason, but is dropped once."""
        before, kinds = int(self.alive.sum()), Counter()
        for i in sorted(dropped):
            if not self.alive[i]:
                raise ValueError(f"molecule {i} was dropped before")
            self.alive[i], self.why[i] = False, dropped[i]
            kinds.update(dropped[i].kinds)
        self._add(name, title, before, before - len(dropped), kinds)

    def _add(self, name: str, title: str, before: int, after: int, kinds: Counter) -> None:
        facts = {"name": name, "title": title, "before": before, "after": after}
        self.steps.append(facts | {"dropped_by_reason": dict(kinds.most_common())})
