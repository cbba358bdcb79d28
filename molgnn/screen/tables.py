"""Tables written chunk by chunk: CSV, TSV and Parquet, text columns and then figures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.errors import Refusal
from molgnn.screen.outputs import csv_writer, number, open_text

SUFFIXES = (".csv", ".tsv", ".parquet")


class TableSink(Protocol):
    """Where rows go: first the header, then chunks."""

    def header(self, texts: Sequence[str], figures: Sequence[str], reason: str) -> None: ...

    def write(self, cells: Sequence[Sequence[str]], values: np.ndarray, reasons: list[str]) -> None:
        """``values`` (B, C); NaN becomes an empty cell."""


class CsvTable:
    """Cells unchanged, figures with 7 digits."""

    def __init__(self, file: TextIO, delimiter: str = ","):
        self._writer = csv_writer(file, delimiter)

    def header(self, texts, figures, reason) -> None:
        self._writer.writerow([*texts, *figures, reason])

    def write(self, cells, values, reasons) -> None:
        for texts, figures, reason in zip(cells, values.tolist(), reasons, strict=True):
            shown = ["" if v != v else number(v) for v in figures]
            self._writer.writerow([*texts, *shown, reason])


class ParquetTable:
    """Text columns as strings, figures as doubles (null for NaN)."""

    def __init__(self, path: Path):
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def header(self, texts, figures, reason) -> None:
        fields = [(name, pa.string()) for name in texts]
        fields += [(name, pa.float64()) for name in figures]
        schema = pa.schema([*fields, (reason, pa.string())])
        self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")

    def write(self, cells, values, reasons) -> None:
        if not reasons:
            return
        columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
        columns += [pa.array(column, pa.float64(), from_pandas=True) for column in values.T]
        columns.append(pa.array(reasons, pa.string()))
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema))

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def check_suffix(path: Path) -> None:
    """Refuse a name that says no kind of table."""
    if path.suffix.lower() not in SUFFIXES:
        raise Refusal(f"{path}: --out must end in {', '.join(SUFFIXES)} (or be - for stdout)")


@contextmanager
def open_output(path: Path, suffix: str) -> Iterator[TableSink]:
    """A sink that writes ``path`` as the kind of table that ``suffix`` says."""
    if suffix == ".parquet":
        table = ParquetTable(path)
        try:
            yield table
        finally:
            table.close()
    else:
        with open_text(path) as file:
            yield CsvTable(file, "\t" if suffix == ".tsv" else ",")
