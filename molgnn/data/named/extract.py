"""From a published file to our own table: ``smiles, name, <tasks>``, one row a record."""

import csv
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from molgnn.chem.smiles import InvalidMolecule, canonical, parse
from molgnn.data.named.catalogue import Entry
from molgnn.data.readers.sdf import read_sdf
from molgnn.errors import Refusal

_DAMAGED = (OSError, EOFError, LookupError, csv.Error)
_DAMAGED += (zlib.error, zipfile.BadZipFile, tarfile.TarError)


def extract(entry: Entry, published: Path, out: Path) -> int:
    """Write the entry's table to ``out``; returns the number of rows.

    Only the named members of an archive are read; nothing is unpacked by the archive's own paths.
    Raises Refusal where the file is not what the entry says.
    """
    try:
        with open(out, "w", encoding="utf-8", newline="") as file:
            return _write(csv.writer(file, lineterminator="\n"), entry, _records(entry, published))
    except _DAMAGED as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise Refusal(f"{published}: can't be read as {entry.name}: {what}") from None


def _write(table, entry: Entry, records: Iterator[dict[str, str]]) -> int:
    count, names = 0, []
    for count, record in enumerate(records, 1):
        if count == 1:
            tasks = _source_columns(entry, record)
            label = [entry.id] if entry.id in record else []
            names = [entry.smiles, *label, *tasks]
            table.writerow(["smiles", *["name" for _ in label], *(entry.tasks or tasks)])
        table.writerow([record[name] or "" for name in names])
    if count == 0:
        raise LookupError("no records")
    return count


def _source_columns(entry: Entry, record: dict[str, str]) -> tuple[str, ...]:
    """The published names of the tasks; a LookupError where one of the columns is not there."""
    tasks = entry.columns or entry.tasks
    absent = [name for name in (entry.smiles, *tasks) if name not in record]
    if absent:
        raise LookupError(f"it has no column {absent[0]!r}")
    return tasks or tuple(name for name in record if name != entry.smiles)


def _records(entry: Entry, published: Path) -> Iterator[dict[str, str]]:
    """Column -> cell, record by record; the SMILES is under ``entry.smiles``."""
    if len(entry.members) == 2:
        yield from _structures_and_properties(entry, published)
    else:
        with _text(published, *entry.members) as lines:
            yield from csv.DictReader(lines)


def _structures_and_properties(entry: Entry, published: Path) -> Iterator[dict[str, str]]:
    """An SDF and a CSV in one archive, record by record the same molecules."""
    structures, properties = entry.members
    with _text(published, structures) as sdf, _text(published, properties) as lines:
        numbered = ((n, line.rstrip("\r\n"), "") for n, line in enumerate(sdf, 1))
        try:
            for block, row in zip(read_sdf(numbered), csv.DictReader(lines), strict=True):
                yield {**row, entry.smiles: _smiles(block.block) or block.title}
        except ValueError:
            raise LookupError(f"{structures} and {properties} differ in length") from None


def _smiles(block: str) -> str:
    """Canonical SMILES; "" for a block that is no molecule: its title stands in, so that the
    reader rejects the row and says which it was."""
    try:
        return canonical(parse(block, "none"))
    except InvalidMolecule:
        return ""


@contextmanager
def _text(published: Path, member: str = "") -> Iterator[io.TextIOBase]:
    """The lines of a file, or of the one member of an archive with that name."""
    kind = "".join(published.suffixes[-2:]).lower()
    if kind.endswith(".zip"):
        with (
            zipfile.ZipFile(published) as archive,
            archive.open(_one(archive.namelist(), member)) as file,
        ):
            yield _utf8(file)
    elif kind.endswith(".tar.gz"):
        with (
            tarfile.open(published) as archive,
            archive.extractfile(_one(archive.getnames(), member)) as file,
        ):
            yield _utf8(file)
    else:
        with (gzip.open if kind.endswith(".gz") else open)(published, "rb") as file:
            yield _utf8(file)


def _utf8(file) -> io.TextIOBase:
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")


def _one(names: list[str], wanted: str) -> str:
    found = [name for name in names if name.rsplit("/", 1)[-1] == wanted]
    if len(found) != 1:
        raise LookupError(f"{len(found)} members are called {wanted}")
    return found[0]
