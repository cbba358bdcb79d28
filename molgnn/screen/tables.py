"""Tables written chunk by chunk: CSV, TSV and Parquet, text columns, figures, lists, then more."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.errors import Refusal
from molgnn.models.columns import FIGURE, FLAG, TEXT, Column
from molgnn.screen.outputs import csv_writer, number, open_text

SUFFIXES = (".csv", ".tsv", ".parquet")
_TYPES = {FIGURE: pa.float64(), TEXT: pa.string(), FLAG: pa.bool_()}


class TableSink(Protocol):
    """Where rows go: first the header, then chunks."""

    def header(
        self,
        texts: Sequence[str],
        figures: Sequence[str],
        lists: Sequence[str],
        reason: str,
        more: Sequence[tuple[str, str]] = (),
    ) -> None:
        """``more`` are names and kinds (``models.familiar``) of columns before the reason."""

    def write(
        self,
        cells: Sequence[Sequence[str]],
        values: np.ndarray,
        lists: Sequence[Sequence[np.ndarray | None]],
        reasons: list[str],
        more: Sequence[Column] = (),
    ) -> None:
        """``values`` (B, C); NaN becomes an empty cell. ``lists``: for each column B arrays, None
        for an empty cell; NaN becomes null. ``more``: columns of B values, NaN or None for an empty
        cell."""


class CsvTable:
    """Cells unchanged, figures with 7 digits, lists as JSON."""

    def __init__(self, file: TextIO, delimiter: str = ","):
        self._writer = csv_writer(file, delimiter)

    def header(self, texts, figures, lists, reason, more=()) -> None:
        self._writer.writerow([*texts, *figures, *lists, *(name for name, _ in more), reason])

    def write(self, cells, values, lists, reasons, more=()) -> None:
        listed = zip(*lists, strict=True) if lists else [()] * len(reasons)
        beside = zip(*(c.values for c in more), strict=True) if more else [()] * len(reasons)
        rows = zip(cells, values.tolist(), listed, beside, reasons, strict=True)
        for texts, figures, arrays, others, reason in rows:
            shown = [*map(cell, figures), *map(_json, arrays), *map(cell, others)]
            self._writer.writerow([*texts, *shown, reason])


class ParquetTable:
    """Text columns as strings, figures as doubles (null for NaN), lists as lists of doubles."""

    def __init__(self, path: Path):
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def header(self, texts, figures, lists, reason, more=()) -> None:
        fields = [(name, pa.string()) for name in texts]
        fields += [(name, pa.float64()) for name in figures]
        fields += [(name, pa.list_(pa.float64())) for name in lists]
        fields += [(name, _TYPES[kind]) for name, kind in more]
        schema = pa.schema([*fields, (reason, pa.string())])
        self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")

    def write(self, cells, values, lists, reasons, more=()) -> None:
        if not reasons:
            return
        columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
        columns += [pa.array(column, pa.float64(), from_pandas=True) for column in values.T]
        for arrays in lists:
            columns.append(pa.array(arrays, pa.list_(pa.float64()), from_pandas=True))
        columns += [pa.array(c.values, _TYPES[c.kind], from_pandas=True) for c in more]
        columns.append(pa.array(reasons, pa.string()))
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema))

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def cell(value: float | str | bool | None) -> str:
    """A value as text: figures with 7 digits, booleans as JSON has them, "" for NaN and None."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else number(value)


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
