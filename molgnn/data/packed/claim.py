"""Whose folder is it: what a packed library is built from, noted before the first shard is written.

``unfinished.json`` stands in the folder from the first moment to the last: while it does, the same
command goes on, and any other one is refused by what differs.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow
import rdkit

from molgnn import __version__
from molgnn.chem.features import schema_hash
from molgnn.data.packed.durable import durable
from molgnn.data.packed.library import MANIFEST, UNFINISHED, VERSION, is_packed
from molgnn.data.readers.stream import file_sha256, is_stream
from molgnn.errors import Refusal

REJECTS, KEYS = "rejects.csv", "keys"
_OURS = ("shard-*.arrow", ".*.partial", REJECTS, MANIFEST, UNFINISHED)  # the marks go last


@dataclass(frozen=True)
class Claim:
    """A folder, and the facts that decide its every byte: files, options, features, versions."""

    folder: Path
    facts: dict

    def write_json(self, name: str, data: dict) -> None:
        with durable(self.folder / name) as partial:
            # ASCII, so that any file name comes back as it was.
            partial.write_text(json.dumps(data, indent=1) + "\n", encoding="ascii")

    def release(self) -> None:
        """The library is whole: drop what only its build needed."""
        shutil.rmtree(self.folder / KEYS, ignore_errors=True)
        (self.folder / UNFINISHED).unlink(missing_ok=True)


def claim(folder: Path, files: list[str], options: dict, force: bool) -> Claim:
    """Begin a build in a folder, or go on with the same one. Hashes every file, to know later
    whether it has changed. Raises Refusal where the folder holds anything else."""
    _check_free(folder, force)
    if force and folder.exists():
        _clear(folder)
    own = Claim(folder, _facts(files, options))
    if (folder / UNFINISHED).is_file():
        _check_same(folder, json.loads((folder / UNFINISHED).read_text("ascii")), own.facts)
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refusal(
                f"{folder}: can't be made ({error.strerror}): give another --out"
            ) from None
        own.write_json(UNFINISHED, own.facts)
    return own


def _check_free(folder: Path, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder} is a file: --out needs a folder here")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not is_packed(folder):
        raise Refusal(f"{folder}: holds other files: give another --out, or an empty folder")
    if not force and not (folder / UNFINISHED).is_file():
        raise Refusal(f"{folder}: holds a packed library: another --out, or --force to replace it")


def _clear(folder: Path) -> None:
    shutil.rmtree(folder / KEYS, ignore_errors=True)
    for pattern in _OURS:
        for path in folder.glob(pattern):
            path.unlink()


def _facts(files: list[str], options: dict) -> dict:
    versions = {"molgnn": __version__, "rdkit": rdkit.__version__, "pyarrow": pyarrow.__version__}
    return {
        "version": VERSION,
        "features": schema_hash(),
        "versions": versions,
        "options": options,
        "files": [_file(name) for name in files],
    }


def _file(name: str) -> dict:
    if is_stream(name):
        return {"name": name, "size": None, "sha256": None}
    return {"name": name, "size": os.path.getsize(name), "sha256": file_sha256(name)}


def _check_same(folder: Path, begun: dict, now: dict) -> None:
    start_over = "or start over with --force"
    for old, new in zip(begun["files"], now["files"], strict=False):
        if old["name"] == new["name"] and None in (old["sha256"], new["sha256"]):
            name = "stdin" if old["name"] == "-" else f"the pipe {old['name']}"
            raise Refusal(f"{folder}: a build from {name} cannot go on: start over with --force")
        if old["name"] == new["name"] and old["sha256"] != new["sha256"]:
            raise Refusal(
                f"{new['name']}: has changed since the build in {folder} was begun "
                f"({old['size']:,} bytes then, {new['size']:,} now): bring it back, {start_over}"
            )
    old = _flat(begun)
    for key, value in _flat(now).items():
        if old.get(key) != value:
            raise Refusal(
                f"{folder}: its unfinished build was begun with {key} {old.get(key)!r}, now it is "
                f"{value!r}: run the same command, {start_over}"
            )


def _flat(facts: dict) -> dict:
    plain = {"version": facts["version"], "features": facts["features"]}
    files = {"files": [file["name"] for file in facts["files"]]}
    return plain | facts["versions"] | facts["options"] | files
