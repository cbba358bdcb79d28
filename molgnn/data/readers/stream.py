"""Files as streams of bytes: plain, gzip, Zstandard, stdin; hashed as they are read."""

import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import zstandard

from molgnn.errors import Refusal

BLOCK = 1 << 18
# Zstandard may unpack one byte to thousands: small bites bound the memory of a hostile file.
_ZSTD_BITE = 1 << 13
_DAMAGED = (OSError, EOFError, zlib.error, zstandard.ZstdError)


class Source:
    """The bytes of one file, unpacked block by block; "-" is stdin.

    Iterating gives non-empty blocks and ends where the data end; ``broken`` then says why a
    damaged file ended early ("" for a sound one). Refuses what can't be opened or holds nothing.
    """

    def __init__(self, path: str | os.PathLike):
        self.name = os.fspath(path)
        self.broken = ""
        self._raw = _Hashed(sys.stdin.buffer if self.name == "-" else open_file(self.name))
        self._blocks = self._guarded()
        self._first = next(self._blocks, b"")
        if not self._first:
            self.close()
            raise Refusal(f"{self.name}: {self.broken or 'the file is empty: nothing to read'}")

    def __iter__(self) -> Iterator[bytes]:
        first, self._first = self._first, b""
        if first:
            yield first
        yield from self._blocks

    def _guarded(self) -> Iterator[bytes]:
        try:
            yield from _unpacked(self._raw, self.name)
        except _DAMAGED as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            self.broken = f"the file is damaged or ends early ({reason})"

    @property
    def bytes_read(self) -> int:
        """How much of the file was read so far, packed as it lies there."""
        return self._raw.bytes_read

    def sha256(self) -> str:
        """Of the whole file as it lies there, hexadecimal; reads what is still unread."""
        return self._raw.sha256()

    def close(self) -> None:
        self._raw.close()


class _Hashed:
    """A binary file that hashes and counts what is read from it."""

    def __init__(self, file):
        self._file, self._hash, self.bytes_read = file, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        self.bytes_read += len(data)
        return data

    def sha256(self) -> str:
        while self.read(BLOCK):
            pass
        return self._hash.hexdigest()

    def close(self) -> None:
        if self._file is not sys.stdin.buffer:
            self._file.close()


def open_file(name: str):
    """A file for reading bytes; a Refusal where there is none, or where it is a folder."""
    if os.path.isdir(name):
        raise Refusal(f"{name}: is a folder: name a file, or a pattern such as '{name}/*.csv'")
    try:
        return open(name, "rb")
    except FileNotFoundError:
        raise Refusal(f"{name}: no such file") from None
    except OSError as error:
        raise Refusal(f"{name}: can't be read: {error.strerror}") from None


def is_stream(name: str) -> bool:
    """Whether it can be read only once: stdin, a named pipe, what a shell makes of ``<(...)``."""
    return name == "-" or Path(name).is_fifo() or Path(name).is_char_device()


def file_sha256(path: str | os.PathLike) -> str:
    """Hexadecimal sha256 of a file's bytes, packed or not, as they lie there."""
    with open_file(os.fspath(path)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpacked(raw: _Hashed, name: str) -> Iterator[bytes]:
    kind = Path(name).suffix.lower()
    if kind == ".gz":
        yield from _gunzipped(raw)
    elif kind == ".zst":
        yield from _zstd_unpacked(raw)
    else:
        yield from iter(lambda: raw.read(BLOCK), b"")


def _gunzipped(raw: _Hashed) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=raw, mode="rb") as file:
        # read1, not read: read throws away what it holds when it finds that the file is cut.
        while block := file.read1(BLOCK):
            yield block


def _zstd_unpacked(raw: _Hashed) -> Iterator[bytes]:
    """Frame by frame, as zstandard's own stream reader takes a cut file for a complete one."""
    unpacker, data, inside = zstandard.ZstdDecompressor().decompressobj(), b"", False
    while data := data or raw.read(_ZSTD_BITE):
        if block := unpacker.decompress(data):
            yield block
        data, inside = unpacker.unused_data, not unpacker.eof
        if unpacker.eof:
            unpacker = zstandard.ZstdDecompressor().decompressobj()
    if inside:
        raise EOFError("the last Zstandard frame is cut")
