"""Parquet: rows in batches through pyarrow, so that memory does not grow with the file."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from molgnn.data.readers.columns import (
    NAME_THE_SMILES,
    id_column,
    missing,
    require_column,
    smiles_column,
)
from molgnn.data.readers.record import Row, Table
from molgnn.data.readers.stream import Source, file_sha256, is_stream, open_file
from molgnn.errors import Refusal

_BATCH = 4096
_DAMAGED = (pyarrow.ArrowException, OSError)


class ParquetTable(Table):
    """Cells become text as Python writes them, null becomes "". ``line`` is the row number."""

    def __init__(self, path: str | os.PathLike, smiles=None, id=None, columns=None):
        super().__init__(path, [])
        self._data = _seekable(self.name)
        try:
            self._file = pyarrow.parquet.ParquetFile(self._data)
        except _DAMAGED as error:
            self.close()
            raise Refusal(f"{self.name}: not a readable Parquet file: {_brief(error)}") from None
        self._choose(self._file.schema_arrow.names, smiles, id, columns)

    def _choose(self, names: list[str], smiles, id, columns) -> None:
        found = smiles_column(names)
        if smiles is not None:
            found = require_column(names, smiles, self.name, NAME_THE_SMILES)
        if found is None:
            raise missing(names, "no SMILES column", self.name, NAME_THE_SMILES)
        label = id_column(names, found)
        if id is not None:
            label = require_column(names, id, self.name, "name another id column")
        self._smiles, self._id = names[found], None if label is None else names[label]
        if columns is not None:
            picks = (require_column(names, c, self.name, "name one of them") for c in columns)
            names = [names[i] for i in picks]
        self.columns = names

    def _rows(self) -> Iterator[Row]:
        try:
            for batch in self._batches():
                yield from self._batch_rows(batch)
        except _DAMAGED as error:
            self.lines += 1
            blank = ("",) * len(self.columns)
            problem = f"the file is damaged ({_brief(error)})"
            yield Row(self.name, self.lines, "", "", blank, problem)

    def _batches(self):
        wanted = dict.fromkeys([self._smiles, *self.columns])
        if self._id is not None:
            wanted[self._id] = None
        return self._file.iter_batches(batch_size=_BATCH, columns=list(wanted))

    def _batch_rows(self, batch: pyarrow.RecordBatch) -> Iterator[Row]:
        text = {name: list(map(_cell, batch[name].to_pylist())) for name in batch.schema.names}
        names = text[self._id] if self._id is not None else [""] * len(batch)
        cells = list(zip(*(text[c] for c in self.columns), strict=True)) or [()] * len(batch)
        for smiles, name, row in zip(text[self._smiles], names, cells, strict=True):
            self.lines += 1
            yield Row(self.name, self.lines, smiles.strip(), name, row, "")

    def close(self) -> None:
        self._data.close()

    @property
    def bytes_read(self) -> int:
        """By the rows, as a Parquet file is not read from its start to its end."""
        return os.path.getsize(self.name) * self.lines // max(1, self._file.metadata.num_rows)

    def _digest(self) -> str:
        return file_sha256(self.name)


def _seekable(name: str):
    """Parquet is read from its end: a packed file is unpacked to a nameless temporary one."""
    if is_stream(name):
        raise Refusal(f"{name}: Parquet is read from its end, which a pipe lacks: name a file")
    if Path(name).suffix.lower() not in (".gz", ".zst"):
        return open_file(name)
    source = Source(name)
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the table closes it
    for block in source:
        unpacked.write(block)
    source.close()
    if source.broken:
        unpacked.close()
        raise Refusal(f"{name}: {source.broken}: Parquet can't be read from a part")
    return unpacked


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return json.dumps(value, default=str)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
