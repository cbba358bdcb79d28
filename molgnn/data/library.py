"""Libraries: several files and patterns read as one stream of rows, in bounded memory."""

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from itertools import islice

from molgnn.data.readers.reader import Row, Table, open_table
from molgnn.data.readers.stream import is_stream
from molgnn.errors import Refusal


class Library:
    """Rows of ``files``, in order. Iterate once.

    At the end rows yielded + ``blank_lines`` + ``header_lines`` = ``lines``, and ``sha256`` is the
    hash of the library: that of its file, or of the files' hashes in order where there are several.
    """

    def __init__(self, files: list[str], smiles=None, id=None, columns=None):
        self.files = files
        self.lines = self.blank_lines = self.header_lines = 0
        self.hashes: dict[str, str] = {}
        self.options = {"smiles": smiles, "id": id, "columns": columns}
        self._table: Table | None = None

    def __iter__(self) -> Iterator[Row]:
        for file in self.files:
            table = self._table = open_table(file, **self.options)
            try:
                yield from table
            finally:
                self.lines += table.lines
                self.blank_lines += table.blank_lines
                self.header_lines += table.header_lines
            self.hashes[file] = table.sha256

    def chunks(self, size: int) -> Iterator[list[Row]]:
        """Lists of ``size`` rows, the last one shorter; a chunk may span files."""
        rows = iter(self)
        while chunk := list(islice(rows, size)):
            yield chunk

    @property
    def sha256(self) -> str:
        """Hexadecimal; "" before the last row was read."""
        if len(self.hashes) < len(self.files):
            return ""
        return combined_sha256([self.hashes[file] for file in self.files])

    def fraction(self) -> float | None:
        """How much of the library's bytes was read so far, 0 to 1; None where nobody can know."""
        sizes = [self.size(file) for file in self.files]
        if None in sizes or not sum(sizes):
            return None
        read = sum(sizes[: len(self.hashes)])
        if self._table and self._table.name not in self.hashes:
            read += self._table.bytes_read
        return min(1.0, read / sum(sizes))

    def size(self, file: str) -> int | None:
        """Bytes on disk; None for a stream, or for a file that was taken away meanwhile."""
        return os.path.getsize(file) if os.path.isfile(file) else None


def combined_sha256(hashes: list[str]) -> str:
    """The hash of a library: that of its one file, or of the hashes of several in order."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def read_library(paths: str | os.PathLike | Iterable, smiles=None, id=None, columns=None):
    """A Library over files, patterns (``lib/*.smi.gz``, in sorted order) and "-" (stdin).

    Every file is opened once here, so that a missing file, or one without a SMILES column, is
    refused before the first row and not hours later; not so stdin and named pipes, which can be
    read only once. A file that is named twice is read once.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    own: dict[str, str] = {}
    for file in (file for path in paths for file in _expand(os.fspath(path))):
        own.setdefault(file if file == "-" else os.path.realpath(file), file)
    files = list(own.values())
    if not files:
        raise Refusal("no library: name at least one file, or - for stdin")
    for file in files:
        if not is_stream(file):
            open_table(file, smiles, id, columns).close()
    return Library(files, smiles, id, columns)


def _expand(path: str) -> list[str]:
    if os.path.exists(path) or not glob.has_magic(path):
        return [path]
    found = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
    if not found:
        raise Refusal(f"{path}: the pattern matches no file")
    return found
