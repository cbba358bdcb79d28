"""Tables written chunk by chunk: CSV, TSV and Parquet, text columns, then figures, then lists."""

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

    def header(
        self, texts: Sequence[str], figures: Sequence[str], lists: Sequence[str], reason: str
    ) -> None: ...

    def write(
        self,
        cells: Sequence[Sequence[str]],
        values: np.ndarray,
        lists: Sequence[Sequence[np.ndarray | None]],
        reasons: list[str],
    ) -> None:
        """``values`` (B, C); NaN becomes an empty cell. ``lists``: for each column B arrays, None
        for an empty cell; NaN becomes null."""


class CsvTable:
    """Cells unchanged, figures with 7 digits, lists as JSON."""

    def __init__(self, file: TextIO, delimiter: str = ","):
        self._writer = csv_writer(file, delimiter)

    def header(self, texts, figures, lists, reason) -> None:
        self._writer.writerow([*texts, *figures, *lists, reason])

    def write(self, cells, values, lists, reasons) -> None:
        listed = zip(*lists, strict=True) if lists else [()] * len(reasons)
        rows = zip(cells, values.tolist(), listed, reasons, strict=True)
        for texts, figures, arrays, reason in rows:
            shown = ["" if v != v else number(v) for v in figures]
            self._writer.writerow([*texts, *shown, *map(_json, arrays), reason])


class ParquetTable:
    """Text columns as strings, figures as doubles (null for NaN), lists as lists of doubles."""

    def __init__(self, path: Path):
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def header(self, texts, figures, lists, reason) -> None:
        fields = [(name, pa.string()) for name in texts]
        fields += [(name, pa.float64()) for name in figures]
        fields += [(name, pa.list_(pa.float64())) for name in lists]
        schema = pa.schema([*fields, (reason, pa.string())])
        self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")

    def write(self, cells, values, lists, reasons) -> None:
        if not reasons:
            return
        columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
        columns += [pa.array(column, pa.float64(), from_pandas=True) for column in values.T]
        for arrays in lists:
            columns.append(pa.array(arrays, pa.list_(pa.float64()), from_pandas=True))
        columns.append(pa.array(reasons, pa.string()))
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema))

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def _json(array: np.ndarray | None) -> str:
    if array is None:
        return ""
    return f"[{', '.join('null' if v != v else number(v) for v in array.tolist())}]"


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
