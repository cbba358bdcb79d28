"""Lines to records of cells: RFC 4180 quotes, and no row lost to a stray one."""

import csv
import re
from collections import deque
from collections.abc import Iterator

from molgnn.data.readers.lines import LONGEST, Line

# A quote that opens is looked for so far ahead; if it never closes, only its own line is lost.
_LONGEST_QUOTE = 1000

# The limit is the process's own; it is only ever raised, to the length of our longest record.
csv.field_size_limit(max(csv.field_size_limit(), 2 * LONGEST))


def read_records(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """(line, cells, problem) of each record, with the line on which it starts."""
    ahead: deque[Line] = deque()
    while line := ahead.popleft() if ahead else next(lines, None):
        number, text, problem = line
        if problem or '"' not in text:
            yield number, text.split(delimiter), problem
            continue
        taken: list[Line] = []
        try:
            pulled = _pulled(line, ahead, lines, taken)
            cells = next(csv.reader(pulled, delimiter=delimiter, strict=True))
        except csv.Error:
            ahead.extendleft(reversed(taken))
            cells, problem = _alone(text, delimiter)
        yield number, cells, problem


def _pulled(line: Line, ahead: deque, lines: Iterator[Line], taken: list) -> Iterator[str]:
    """The line and, as csv asks for more of them to close a quote, the lines after it."""
    yield line[1] + "\n"
    size = len(line[1])
    while len(taken) < _LONGEST_QUOTE and size <= LONGEST:
        following = ahead.popleft() if ahead else next(lines, None)
        if following is None:
            return
        taken.append(following)
        if following[2]:
            return
        size += len(following[1])
        yield following[1] + "\n"


def _alone(text: str, delimiter: str) -> tuple[list[str], str]:
    """A line with stray quotes: read leniently if its quotes close on it, else a problem."""
    cells = next(csv.reader([text + "\n"], delimiter=delimiter))
    if cells[-1].endswith("\n"):
        return text.split(delimiter), "a quote opens and is never closed"
    return cells, ""


def sniff(text: str) -> str | None:
    """Comma, tab or semicolon, whichever the line has most of outside quotes; None for none."""
    plain = re.sub(r'"[^"]*"', "", text)
    most = max(",\t;", key=plain.count)
    return most if most in plain else None
