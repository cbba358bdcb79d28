"""What a cell of a table says of a target: a number, a bound, or a list with one for each atom."""

import json
import math
import re
from collections.abc import Sequence

import numpy as np

from molgnn.data.targets import LARGEST

MISSING = frozenset(("", "nan", "na", "n/a", "#n/a", "null", "none"))
_TRUTH = {"true": 1.0, "false": 0.0}
_BOUND = re.compile(r"([<>≤≥])=?\s*(.*)", re.DOTALL)
_SIGNS = {"<": -1, "≤": -1, ">": 1, "≥": 1}
_KEYED = re.compile(r"(\d+)(?:-(\d+))?[:=](.+)")
NUMBER = "a number, a bound such as >6.2, or an empty cell for a missing label"


class NotALabel(ValueError):
    """A cell that says nothing a model can learn. ``str(error)`` is what it holds."""


def number(text: str) -> tuple[float, int]:
    """(value, bound): 0 for an exact value, 1 where the true one is at least that (``>``), -1 where
    it is at most that (``<``); NaN where it is missing. Raises NotALabel."""
    text = text.strip().casefold()
    if text in MISSING:
        return math.nan, 0
    sign = 0
    if found := _BOUND.fullmatch(text):
        sign, text = _SIGNS[found[1]], found[2]
    try:
        value = _TRUTH[text] if text in _TRUTH and not sign else float(text.replace("_", "?"))
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise NotALabel(f"is no finite number{_hint(text)}")
    if abs(value) > LARGEST:
        raise NotALabel(f"is beyond {LARGEST:g}, which no model can learn")
    return value, sign


def _hint(text: str) -> str:
    """What was meant, where that is plain."""
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return " (write a decimal point, not a comma)"
    if text.startswith("[") or re.fullmatch(r"(\S*:\S+\s*)+", text):
        return " (lists are for data.atom_targets and data.bond_targets)"
    return ""


def listed(text: str, count: int, pairs: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """(count, 2) value and bound, as ``number`` gives them, for each of ``count`` atoms or bonds.

    The text is a list (JSON, or parted by commas, semicolons or white space, as RDKit writes its
    ``atom.dprop`` properties), or ``key:value`` parted alike, or a line ``key value`` for each. A
    key counts from 1, as a mol block does; a bond's may be its two atoms, ``3-4``: ``pairs`` are
    the ends of the bonds, from 0. What is not named is missing. Raises NotALabel.
    """
    if text.strip().casefold() in MISSING:
        return np.tile([math.nan, 0.0], (count, 1))
    items, keys = _items(text.strip(), count)
    if keys is None:
        if len(items) != count:
            raise NotALabel(f"holds {len(items)} values where {count} are written")
        return np.array([number(item) for item in items], dtype=float).reshape(count, 2)
    found = np.tile([math.nan, 0.0], (count, 1))
    seen = set()
    for key, item in zip(keys, items, strict=True):
        place = _place(key, count, pairs)
        if place in seen:
            raise NotALabel(f"names {key} twice")
        seen.add(place)
        found[place] = number(item)
    return found


def _items(text: str, count: int) -> tuple[list[str], list[str] | None]:
    """The values, and their keys where they have some."""
    if text[0] == "[" and text[-1] == "]":
        return _json(text), None
    lines = [line.split() for line in text.splitlines() if line.strip()]
    paired = all(len(line) == 2 and line[0].isdecimal() for line in lines)
    if len(lines) == 1 and paired and lines[0][1].isdecimal():
        paired = False  # two whole numbers on one line are rather a list
    if paired and 2 * len(lines) != count:
        return [line[1] for line in lines], [line[0] for line in lines]
    if paired:
        raise NotALabel("may be a list or numbered lines: write 1:0.5 for a numbered value")
    tokens = re.split(r"[,;]\s*|\s+", text)
    if re.fullmatch(r"\[.*\]", tokens[0]):  # RDKit: the first token may say what is missing
        mark = tokens[0][1:-1]
        tokens = ["" if token == mark else token for token in tokens[1:]]
    found = [_KEYED.fullmatch(token) for token in tokens]
    if not any(found):
        return tokens, None
    if not all(found):
        raise NotALabel("has some values with a key and some without")
    keys = [f"{match[1]}-{match[2]}" if match[2] else match[1] for match in found]
    return [match[3] for match in found], keys


def _json(text: str) -> list[str]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or a number of thousands of digits
        raise NotALabel("is no list") from None
    if any(isinstance(item, (list, dict)) for item in items):
        raise NotALabel("is a list of lists")
    return ["" if item is None else str(item) for item in items]


def _place(key: str, count: int, pairs: Sequence[tuple[int, int]]) -> int:
    """Which atom or bond a key means, from 0."""
    begin, dash, end = key.partition("-")
    if dash:
        wanted = {int(begin) - 1, int(end) - 1}
        place = next((i for i, pair in enumerate(pairs) if set(pair) == wanted), count)
    else:
        place = int(begin) - 1
    if not 0 <= place < count:
        raise NotALabel(f"names {key}, which is not among the {count} written, counted from 1")
    return place
