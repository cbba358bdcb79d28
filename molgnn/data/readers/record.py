"""What a reader yields: rows, and the table that they come from."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One record of an input file, the good one and the one that can't be read alike.

    ``file`` is the name as given, "-" for stdin; ``line`` the physical line on which the record
    starts, from 1 (the row number for Parquet, which has no lines). ``text`` is the SMILES, or the
    mol block; "" where the cell is empty. ``cells`` are the cells of ``Table.columns``, None for
    .smi. ``problem`` is "", or why the record can't be read; its text is then for people only.
    """

    file: str
    line: int
    text: str
    id: str
    cells: tuple[str, ...] | None
    problem: str


class Table(ABC):
    """The rows of one file, in order. Iterate once; memory does not grow with the file.

    ``columns`` names the cells of a row ([] for .smi). At the end ``lines`` counts the lines that
    start a record, and rows yielded + ``blank_lines`` + ``header_lines`` = ``lines``,
    and ``sha256`` is that of the file's bytes as they lie there (until then "").
    """

    def __init__(self, name: str | os.PathLike, columns: list[str]):
        self.name = os.fspath(name)
        self.columns = columns
        self.lines = self.blank_lines = self.header_lines = 0
        self.sha256 = ""

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from self._rows()
            self.sha256 = self._digest()
        finally:
            self.close()

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of the file; a table that is read to its end does so by itself."""

    @property
    @abstractmethod
    def bytes_read(self) -> int:
        """How much of the file was read so far, as it lies there; for people who wait."""

    @abstractmethod
    def _rows(self) -> Iterator[Row]: ...

    @abstractmethod
    def _digest(self) -> str: ...
