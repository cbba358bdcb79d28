"""Where the time of a stream goes, stage by stage."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds of each stage, added up over the chunks."""

    def __init__(self):
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._start = time.perf_counter()

    @property
    def total(self) -> float:
        """Seconds since the watch was made."""
        return time.perf_counter() - self._start

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start

    def each(self, stage: str, items: Iterable) -> Iterator:
        """The same items; the time spent on waiting for them counts for the stage."""
        iterator = iter(items)
        while True:
            with self.measure(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item


def rate(count: int, seconds: float) -> float:
    """How many a second, 0 where no time was measured."""
    return round(count / seconds, 1) if seconds > 0 else 0.0
