"""Strict reading of plain data: every value is checked, and a wrong one refused by file and key."""

import math
from collections.abc import Iterable, Mapping

from molgnn.errors import Refusal, choices

MOST = 10**12  # of what is counted: more than any library holds


class Section:
    """A mapping of a recipe whose keys are all known. ``where`` names the file and the key."""

    def __init__(self, data: object, where: str, known: Iterable[str]):
        self.where = where
        self.data = mapping(data, where)
        self._known = list(known)
        for key in self.data:
            if key not in self._known:
                raise Refusal(f"{where}: {choices('key', key, self._known)}")

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def fail(self, key: str, what: str) -> Refusal:
        return Refusal(f"{self.where}: {key}: {shown(self.data.get(key))} is not {what}")

    def text(self, key: str, known: Iterable[str] | None = None) -> str | None:
        """None where the key is missing; ``known`` are the choices."""
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.fail(key, "a text")
        if known is not None and value not in known:
            raise Refusal(f"{self.where}: {choices(key, value, known)}")
        return value

    def number(
        self, key: str, default: float | None = None, low=-math.inf, high=math.inf
    ) -> float | None:
        """A finite number from ``low`` to ``high``."""
        value = self.data.get(key)
        return default if value is None else float(self._number(key, value, low, high))

    def count(self, key: str, default: int | None = None, low: int = 1) -> int | None:
        """A whole number of at least ``low`` and at most ``MOST``."""
        value = self.data.get(key)
        if value is None:
            return default
        if type(value) is not int or not low <= value <= MOST:
            most = f" and at most {MOST:,}" if type(value) is int and value > MOST else ""
            raise self.fail(key, f"a whole number of at least {low}{most}")
        return value

    def flag(self, key: str) -> bool:
        value = self.data.get(key, False)
        if type(value) is not bool:
            raise self.fail(key, "true or false")
        return value

    def names(self, key: str, known: Iterable[str]) -> tuple[str, ...]:
        """A list of some of the ``known``, none of them twice."""
        value = self.data.get(key)
        value = [value] if isinstance(value, str) else ([] if value is None else value)
        if not isinstance(value, list | tuple) or len(set(map(str, value))) < len(value):
            raise self.fail(key, "a list of different names")
        for name in value:
            if name not in list(known):  # of a list anything can be asked, hashable or not
                raise Refusal(f"{self.where}: {choices(key, name, known)}")
        return tuple(value)

    def interval(self, key: str) -> tuple[float | None, float | None]:
        """``[low, high]``, of which null is no limit, but not both."""
        value = self.data.get(key)
        if not isinstance(value, list | tuple) or len(value) != 2 or list(value) == [None, None]:
            raise self.fail(key, "[lowest, highest], one of which may be null")
        low, high = (None if v is None else self._number(key, v) for v in value)
        if low is not None and high is not None and low > high:
            raise self.fail(key, "[lowest, highest]: they stand the wrong way round")
        return low, high

    def texts(self, key: str) -> dict[str, str]:
        """A mapping of names to texts."""
        found = mapping(self.data.get(key) or {}, f"{self.where}: {key}")
        for name, value in found.items():
            if not isinstance(value, str) or not value.strip():
                raise Refusal(f"{self.where}: {key}: {name}: {shown(value)} is not a text")
        return found

    def _number(self, key: str, value: object, low=-math.inf, high=math.inf) -> float:
        if type(value) not in (int, float) or not abs(value) < 1e300 or not low <= value <= high:
            limits = "" if (low, high) == (-math.inf, math.inf) else f" from {low:g} to {high:g}"
            raise self.fail(key, f"a number{limits}")
        return value


def shown(value: object) -> str:
    """A value as a refusal names it, however large it is."""
    try:
        return repr(value)[:200]
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"


def mapping(data: object, where: str) -> dict[str, object]:
    """The mapping as a dict, whose keys are texts on one line."""
    if not isinstance(data, Mapping):
        raise Refusal(f"{where}: must be a mapping of keys to values, not {shown(data)}")
    for key in data:
        if not isinstance(key, str) or not key.strip() or not key.isprintable():
            said = "is not a text on one line: put it in quotes"
            raise Refusal(f"{where}: the key {shown(key)} {said}")
    return dict(data)
