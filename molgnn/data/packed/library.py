"""Packed libraries: a folder of shards that holds a library already parsed and featurised.

``manifest.json`` says what it holds; it is written last, so a folder with one is whole.
"""

import hashlib
import json
import os
import time
from collections.abc import Container, Iterator
from pathlib import Path

from molgnn.chem.features import schema_hash
from molgnn.data.library import combined_sha256
from molgnn.data.packed.shard import shard_name
from molgnn.data.packed.unpack import REMEDY, LazyRows, Shard
from molgnn.data.pool.workers import Featurized
from molgnn.errors import Refusal

FORMAT = "molgnn-packed-library"
VERSION = 1
MANIFEST, UNFINISHED = "manifest.json", "unfinished.json"


def packed_folder(paths: list) -> Path | None:
    """The packed library that the paths name, None where they name files. One stands alone."""
    found = [Path(path) for path in paths if is_packed(Path(path))]
    if found and len(paths) > 1:
        raise Refusal(f"{found[0]}: a packed library is screened alone: name it and nothing else")
    return found[0] if found else None


def is_packed(folder: Path) -> bool:
    """Whether there is a packed library, whole or not."""
    return any((folder / name).is_file() for name in (MANIFEST, UNFINISHED))


class PackedLibrary:
    """An opened folder. ``files``, ``hashes``, ``lines``, ``blank_lines``, ``header_lines`` and
    ``sha256`` are those of the library it was built from; ``duplicates`` rows were left out.

    Raises Refusal for a folder that is unfinished or damaged, or of another version or features.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        counts = self.manifest["counts"]
        self.lines, self.blank_lines = counts["lines"], counts["blank_lines"]
        self.header_lines, self.duplicates = counts["header_lines"], counts["duplicates"]
        self.files = [file["name"] for file in self.manifest["files"]]
        self.hashes = {file["name"]: file["sha256"] for file in self.manifest["files"]}
        self.sha256 = combined_sha256([self.hashes[file] for file in self.files])
        self.recipe = self.manifest["recipe"]
        self._parts_read, self._num_parts = 0, len(self.part_rows())
        self._sizes = {file["name"]: file["size"] for file in self.manifest["files"]}
        for shard in self.manifest["shards"]:
            self._check_size(shard)

    def size(self, file: str) -> int | None:
        """Bytes of a file of the library as it was packed; None for stdin."""
        return self._sizes[file]

    def origin(self) -> dict:
        """What a manifest says of the folder itself."""
        digest = hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()
        return {"name": str(self.folder), "manifest_sha256": digest}

    def require(self, recipe: str) -> None:
        """Refuse a model that wants its molecules standardised in another way."""
        if recipe != self.recipe:
            raise Refusal(
                f"{self.folder}: standardised with {self.recipe!r}, the model wants {recipe!r}: "
                f"build a library with --recipe {recipe}"
            )

    def shards(self) -> Iterator[Shard]:
        """Each shard, checked against its sha256 as it is opened."""
        for entry in self.manifest["shards"]:
            yield self._shard(entry)

    def shard(self, number: int) -> Shard:
        """One shard, checked against its sha256."""
        return self._shard(self.manifest["shards"][number])

    def part_rows(self) -> list[int]:
        """How many rows went into each part as the library was built, duplicates included; known
        from the manifest, without opening a shard."""
        chunk = self.manifest["chunk"]
        totals = [shard["rows"] for shard in self.manifest["shards"]]
        return [min(chunk, total - at) for total in totals for at in range(0, total, chunk)]

    def parts(self, skip: Container[int] = ()) -> Iterator[Featurized]:
        """The library chunk by chunk as it was featurised, without RDKit, but for the parts whose
        numbers are in ``skip``. ``rows`` are read from disk only where one is asked for, and a
        shard is not opened at all where it is skipped as a whole."""
        start, first = time.perf_counter(), 0
        for entry in self.manifest["shards"]:
            length = -(-entry["rows"] // self.manifest["chunk"])
            wanted = [i for i in range(length) if first + i not in skip]
            shard = self._shard(entry) if wanted else None
            for number in wanted:
                self._parts_read = first + number
                yield self._part(shard, number, start)
                start = time.perf_counter()
            first += length
            self._parts_read = first

    def fraction(self) -> float:
        """How much of the library was read so far, 0 to 1."""
        return self._parts_read / max(1, self._num_parts)

    def _part(self, shard: Shard, number: int, start: float) -> Featurized:
        graphs, positions, num_rows = shard.graphs(number)
        reasons = shard.reasons(number) if len(positions) < num_rows else {}
        rows, seconds = LazyRows(shard, number, num_rows), time.perf_counter() - start
        return Featurized(rows, graphs, positions, reasons, seconds, "packed")

    def _shard(self, entry: dict) -> Shard:
        return Shard(self.folder / entry["name"], self.files, entry["sha256"])

    def _check_size(self, shard: dict) -> None:
        path = self.folder / shard["name"]
        if not path.is_file():
            raise Refusal(f"{path}: the shard is missing: {REMEDY}")
        size = path.stat().st_size
        if size != shard["bytes"]:
            raise Refusal(f"{path}: damaged: {size} bytes, not {shard['bytes']}: {REMEDY}")


def _read_manifest(folder: Path) -> dict:
    path = folder / MANIFEST
    if (folder / UNFINISHED).is_file():
        raise Refusal(f"{folder}: its build is unfinished: the same command goes on with it")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(f"{folder}: no packed library here (no {MANIFEST})") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: not readable as JSON ({error}): {REMEDY}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Refusal(f"{path}: not the manifest of a packed library (no format {FORMAT!r})")
    again = "build the library again with this version"
    found = manifest.get("version")
    if found != VERSION:
        raise Refusal(f"{path}: version {found}, this molgnn reads version {VERSION}: {again}")
    if manifest.get("features") != schema_hash():
        raise Refusal(
            f"{path}: packed with other atom and bond features ({manifest.get('features')}, "
            f"here {schema_hash()}): {again}"
        )
    if not _is_whole(manifest):
        raise Refusal(f"{path}: damaged: counts, files or shards are missing: {REMEDY}")
    return manifest


_COUNTS = ("rows", "molecules", "invalid", "duplicates", "lines", "blank_lines", "header_lines")


def _is_whole(manifest: dict) -> bool:
    try:
        good = all(isinstance(manifest["counts"][name], int) for name in _COUNTS)
        good &= isinstance(manifest["recipe"], str) and manifest["chunk"] > 0
        good &= all({"name", "size", "sha256"} <= set(file) for file in manifest["files"])
        # Names follow from numbers, so that a manifest cannot point out of its folder.
        return good and all(
            shard["name"] == shard_name(i) and {"rows", "bytes", "sha256"} <= set(shard)
            for i, shard in enumerate(manifest["shards"])
        )
    except (KeyError, TypeError):
        return False
