"""CSV, TSV and .smi: text files with a record a line."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.data.readers.columns import (
    NAME_THE_SMILES,
    find_column,
    id_column,
    missing,
    require_column,
    smiles_column,
)
from molgnn.data.readers.lines import SHOWN, Line
from molgnn.data.readers.record import Row, Table
from molgnn.data.readers.records import read_records, sniff
from molgnn.data.readers.stream import Source
from molgnn.errors import Refusal

_HEADERLESS_ATOMS = 6
_CXSMILES = re.compile(r"^\|[^|]*\|\s*|\s+\|[^|]*\|$")
_SMI_HEADERS = ("smiles", "canonical_smiles", "isomeric_smiles")


class TextTable(Table):
    """A table over the lines of a Source."""

    def __init__(self, source: Source, lines: Iterator[Line]):
        super().__init__(source.name, [])
        self._source, self._lines = source, lines

    def close(self) -> None:
        self._source.close()

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def _digest(self) -> str:
        return self._source.sha256()


class SmiTable(TextTable):
    """``SMILES name`` lines: the first token, and the rest. A CXSMILES block is left out."""

    def _rows(self) -> Iterator[Row]:
        for number, text, problem in self._lines:
            self.lines += 1
            parts = text.split(None, 1)
            if not parts and not problem:
                self.blank_lines += 1
            elif self._is_header(parts, problem):
                self.header_lines += 1
            else:
                smiles, name = [*parts, "", ""][:2]
                name = _CXSMILES.sub("", name.strip())
                yield Row(self.name, number, smiles, name, None, problem)

    def _is_header(self, parts: list[str], problem: str) -> bool:
        first = self.lines - self.blank_lines == 1
        return first and not problem and parts[0].lower() in _SMI_HEADERS


class DelimitedTable(TextTable):
    """A header, then records of as many cells; RFC 4180 quotes, which may span lines.

    A file without a header (no known name, and its first cell is a molecule of six heavy atoms or
    more) has columns "1", "2" and so on. ``columns`` picks the cells that a row carries.
    """

    def __init__(self, source, lines, delimiter, smiles=None, id=None, columns=None):
        super().__init__(source, lines)
        self._delimiter = delimiter
        self._records = read_records(lines, delimiter)
        header = self._header(smiles)
        self._width = len(header)
        self._smiles = self._smiles_position(header, smiles)
        self._id = id_column(header, self._smiles)
        if id is not None:
            self._id = require_column(header, id, self.name, "name another id column")
        self._picked = None
        if columns is not None:
            pick = (require_column(header, c, self.name, "name one of them") for c in columns)
            self._picked = list(pick)
        self.columns = header if columns is None else [header[i] for i in self._picked]

    def _header(self, smiles: str | None) -> list[str]:
        for record in self._records:
            number, cells, problem = record
            names = [name.strip() for name in cells]
            known = _names_smiles(names, smiles)
            if problem and not known:
                raise Refusal(f"{self.name}: line {number}: {problem}: is this a text file?")
            if names != [""] and not known and _is_molecule(names[0]):
                self._records = chain([record], self._records)
                return [str(i) for i in range(1, len(names) + 1)]
            self.lines += 1
            if names != [""]:
                self.header_lines += 1
                return names
            self.blank_lines += 1
        raise Refusal(f"{self.name}: the file holds only blank lines: nothing to read")

    def _smiles_position(self, header: list[str], wanted: str | None) -> int:
        if wanted is not None:
            return require_column(header, wanted, self.name, NAME_THE_SMILES)
        found = smiles_column(header) if self.header_lines else 0
        if found is None:
            raise missing(header, "no SMILES column", self.name, NAME_THE_SMILES)
        return found

    def _rows(self) -> Iterator[Row]:
        for number, cells, problem in self._records:
            self.lines += 1
            if len(cells) == 1 and not problem and not cells[0].strip():
                self.blank_lines += 1
                continue
            if len(cells) != self._width:
                problem = problem or f"{len(cells)} cells where the header has {self._width}"
            yield self._row(number, cells, problem)

    def _row(self, number: int, cells: list[str], problem: str) -> Row:
        whole = cells
        if problem:
            cells = (cells + [""] * self._width)[: self._width]
        text = cells[self._smiles].strip()
        if problem and not text:
            text = self._delimiter.join(whole)[:SHOWN]
        name = "" if self._id is None else cells[self._id].strip()
        picked = cells if self._picked is None else [cells[i] for i in self._picked]
        return Row(self.name, number, text, name, tuple(picked), problem)


def looks_delimited(text: str, smiles: str | None) -> bool:
    """Whether the first line of a file of unknown kind is one of CSV rather than one of .smi."""
    delimiter = sniff(text)
    if delimiter is None:
        return smiles is not None
    cells = next(csv.reader([text], delimiter=delimiter))
    return _names_smiles(cells, smiles) or not _is_molecule(text.split()[0], 1)


def _names_smiles(names: Sequence[str], wanted: str | None) -> bool:
    if wanted is not None:
        return find_column(names, wanted) is not None
    return smiles_column(names) is not None


def _is_molecule(text: str, atoms: int = _HEADERLESS_ATOMS) -> bool:
    try:
        return len(text) < 10_000 and parse(text, "none").GetNumHeavyAtoms() >= atoms
    except InvalidMolecule:
        return False
