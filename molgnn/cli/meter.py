"""How fast work goes, and when it will be done: figures for people who wait."""

import time
from collections.abc import Callable


class Meter:
    """Call it with the rows done so far; ``show(meter)`` is called then, at most once in ``every``
    seconds (and never in the first ones).

    Rate and time left are those of the work since the first call: neither what an earlier run had
    done, nor the time in which it was skipped or workers started, says how fast it goes.
    ``fraction()`` is the share of the whole that was taken up so far, None where nobody knows.
    """

    def __init__(
        self,
        show: Callable[["Meter"], None],
        fraction: Callable[[], float | None] | None = None,
        every: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._show, self._fraction, self._every, self._clock = show, fraction, every, clock
        self._shown = clock()
        self._begun = self._done = 0
        self._base: tuple[float, int, float] | None = None  # seconds, rows, fraction

    def begun(self, rows: int) -> None:
        """So many rows were done before the work began."""
        self._begun = rows

    def __call__(self, done: int) -> None:
        self._done, now = done, self._clock()
        if self._base is None and done > self._begun:
            self._base = (now, done, self._share() or 0.0)
        if now - self._shown >= self._every:
            self._shown = now
            self._show(self)

    def rate(self) -> float | None:
        """Rows a second; None before there are two calls to tell it from."""
        if self._base is None or self._clock() <= self._base[0] or self._done == self._base[1]:
            return None
        return (self._done - self._base[1]) / (self._clock() - self._base[0])

    def left(self) -> float | None:
        """Seconds; None where nobody can know."""
        share = self._share()
        if share is None or self._base is None or share <= self._base[2]:
            return None
        return (1 - share) * (self._clock() - self._base[0]) / (share - self._base[2])

    def text(self) -> str:
        """Rows, rate and time left, as far as they are known."""
        parts, rate, left = [f"{self._done:,} rows"], self.rate(), self.left()
        if rate is not None:
            parts.append(f"{rate:,.0f}/s")
        if left is not None:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    def _share(self) -> float | None:
        return self._fraction() if self._fraction else None


def duration(seconds: float) -> str:
    """As people say it: 42 s, 7 min, 3 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
