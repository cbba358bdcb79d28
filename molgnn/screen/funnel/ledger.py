"""Who is left of a pool after each step, and why all others are not."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from molgnn.screen.funnel.examine import Dropped


def is_sound(facts: object) -> bool:
    """Whether these are the facts of a funnel, as a manifest holds them; None: there was none."""
    if facts is None:
        return True
    try:
        steps, columns = facts["steps"], facts["columns"]
        counts = [step[key] for step in steps for key in ("before", "after")]
        texts = [step[key] for step in steps for key in ("name", "title")]
        texts += [each[key] for each in columns.values() for key in ("step", "title", "kind")]
        told = {facts[f"{key}_column"] for key in ("alerts", "atoms", "cluster", "combined")}
        known = told <= {None, *columns} and isinstance(facts["objective_columns"], list)
    except (TypeError, KeyError, AttributeError):
        return False
    plain = all(isinstance(text, str) for text in texts)
    return known and plain and all(type(count) is int for count in counts)


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
