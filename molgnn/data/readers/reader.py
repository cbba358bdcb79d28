"""Open a file of molecules, whatever its format, as a table of rows."""

import os
from itertools import chain
from pathlib import Path

from molgnn.data.readers.delimited import DelimitedTable, SmiTable, looks_delimited
from molgnn.data.readers.lines import read_lines
from molgnn.data.readers.parquet import ParquetTable
from molgnn.data.readers.record import Row, Table
from molgnn.data.readers.records import sniff
from molgnn.data.readers.sdf import SdfTable
from molgnn.data.readers.stream import Source, file_sha256, is_stream
from molgnn.errors import Refusal

__all__ = ["FORMATS", "Row", "Table", "file_sha256", "format_of", "open_table"]

# Suffix -> format. "text" may be CSV or .smi: the first line says which.
FORMATS = {
    ".smi": "smi",
    ".smiles": "smi",
    ".ism": "smi",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "text",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".sdf": "sdf",
    ".sd": "sdf",
}
_PACKED = (".gz", ".zst")


def open_table(path, smiles=None, id=None, columns=None) -> Table:
    """A Table that yields the file's rows one by one, in bounded memory; "-" is stdin.

    ``smiles`` and ``id`` name columns, else they are found by name (for SDF: the mol block and the
    title). ``columns`` names the cells that rows carry, in that order, else all. Raises Refusal
    for a missing, empty or unknown file and for a missing column.
    """
    kind = format_of(path)
    if kind == "parquet":
        return ParquetTable(path, smiles, id, columns)
    source = Source(path)
    try:
        return _open_text(source, kind, smiles, id, columns)
    except Refusal:
        source.close()
        raise


def format_of(path: str | os.PathLike) -> str:
    """One of the values of FORMATS, by the name; "text" for a stream whose name does not say it.
    Refuses any other name."""
    name = os.fspath(path)
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    kind = FORMATS.get(suffixes[-1] if suffixes else "")
    if not kind and is_stream(name):
        kind = "text"
    if kind is None and not os.path.isdir(name):
        known = " ".join(FORMATS)
        raise Refusal(f"{name}: unknown kind of file: name it {known}, or one of these + .gz, .zst")
    return kind or "text"


def _open_text(source: Source, kind: str, smiles, id, columns) -> Table:
    lines = read_lines(source)
    if kind == "sdf":
        return SdfTable(source, lines, smiles, id, columns)
    first, text = [], ""
    while kind != "smi" and not text and (line := next(lines, None)):
        first.append(line)
        text = line[1] if line[1].strip(" ") else ""
    lines = chain(first, lines)
    if kind == "smi" or (kind == "text" and not looks_delimited(text, smiles)):
        if columns:
            raise Refusal(f"{source.name}: .smi has no columns but SMILES and name: give a CSV")
        return SmiTable(source, lines)
    delimiter = "\t" if kind == "tsv" else sniff(text) or ","
    return DelimitedTable(source, lines, delimiter, smiles, id, columns)
