"""SDF: mol blocks with properties, one record up to each ``$$$$`` line."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from molgnn.data.readers.columns import id_column, require_column
from molgnn.data.readers.delimited import TextTable
from molgnn.data.readers.lines import LONGEST, Line
from molgnn.data.readers.record import Row

# The columns are the properties of the first records: a stream can't be read twice.
_SCOUTED = 1000
_FIELD = re.compile(r">.*?<(.+)>")


class Record(NamedTuple):
    """``line`` on which it starts, its lines without ``$$$$``, and "" or why it can't be read."""

    line: int
    lines: list[str]
    problem: str

    @property
    def title(self) -> str:
        return self.lines[0].strip() if self.lines else ""

    @property
    def block(self) -> str:
        """The mol block, up to "M  END"; "" for a blank record."""
        end = len(self.lines)
        for i, line in enumerate(self.lines):
            if line.startswith("M  END"):
                end = i + 1
                break
            if line.startswith(">"):
                end = i
                break
        return "\n".join([*self.lines[:end], ""]) if any(map(str.strip, self.lines)) else ""

    @property
    def properties(self) -> dict[str, str]:
        """Name -> value of the data fields; a value of several lines keeps its line ends."""
        found, name = {}, None
        for line in self.lines:
            field = _FIELD.match(line)
            if field:
                name = field[1]
                found[name] = ""
            elif not line.strip():
                name = None
            elif name is not None:
                found[name] += ("\n" if found[name] else "") + line.rstrip()
        return found


def read_sdf(lines: Iterator[Line]) -> Iterator[Record]:
    """The records in order. One with a bad line has that line's problem; a huge one is cut."""
    start, kept, size, problem = 1, [], 0, ""
    for number, text, trouble in lines:
        problem = problem or trouble
        if text.startswith("$$$$") and not trouble:
            yield Record(start, kept, problem)
            start, kept, size, problem = number + 1, [], 0, ""
            continue
        size += len(text) + 1
        if size <= LONGEST:
            kept.append(text)
        else:
            problem = problem or f"record longer than {LONGEST >> 20} MiB"
    if problem or any(map(str.strip, kept)):
        yield Record(start, kept, problem)


class SdfTable(TextTable):
    """The id is the title line, or a property; ``smiles`` names a property to read instead of the
    mol block. Columns are the properties of the first 1,000 records."""

    def __init__(self, source, lines, smiles=None, id=None, columns=None):
        super().__init__(source, lines)
        self._records = read_sdf(lines)
        self.columns = self._scout()
        self._smiles = self._property(smiles, "name the property with SMILES, or none")
        self._id = self._property(id, "name another id property")
        if self._id is None:
            found = id_column(self.columns, None)
            self._fallback = None if found is None else self.columns[found]
        if columns is not None:
            self.columns = [self._property(name, "name one of them") for name in columns]

    def _scout(self) -> list[str]:
        names: dict[str, None] = {}
        first, size = [], 0
        for record in self._records:
            first.append(record)
            names.update(dict.fromkeys(record.properties))
            size += sum(map(len, record.lines))
            if len(first) == _SCOUTED or size > LONGEST:
                break
        self._records = chain(first, self._records)
        return list(names)

    def _property(self, name: str | None, remedy: str) -> str | None:
        if name is None:
            return None
        return self.columns[require_column(self.columns, name, self.name, remedy)]

    def _rows(self) -> Iterator[Row]:
        for record in self._records:
            self.lines += 1
            values = record.properties
            text = record.block if self._smiles is None else values.get(self._smiles, "").strip()
            cells = tuple(values.get(name, "") for name in self.columns)
            yield Row(
                self.name, record.line, text, self._name(record, values), cells, record.problem
            )

    def _name(self, record: Record, values: dict[str, str]) -> str:
        if self._id is not None:
            return values.get(self._id, "")
        return record.title or values.get(self._fallback, "")
