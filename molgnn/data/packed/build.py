"""Build a packed library shard by shard; a build that was killed goes on where it was."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import chain, count, islice
from pathlib import Path

import numpy as np

from molgnn.chem.smiles import RECIPES
from molgnn.data.library import Library, read_library
from molgnn.data.packed.claim import KEYS, REJECTS, Claim, claim
from molgnn.data.packed.durable import durable
from molgnn.data.packed.library import FORMAT, MANIFEST, VERSION
from molgnn.data.packed.packing import Packing, pack_chunk
from molgnn.data.packed.seen import Seen
from molgnn.data.packed.shard import Chunk, shard_name, shown, write_shard
from molgnn.data.packed.unpack import Shard
from molgnn.data.pool.workers import plan, unread, worked
from molgnn.data.readers.record import Row
from molgnn.data.readers.rejects import Reject, write_rejects
from molgnn.data.readers.stream import file_sha256
from molgnn.errors import Refusal, choices

CHUNK = 4096  # rows of a record batch; what a screen scores at a time
SHARD = 65536  # rows of a shard: some seconds of work, some 5 MB

Progress = Callable[[int], None]


def build_library(
    paths: str | os.PathLike | Iterable,
    out: str | os.PathLike,
    *,
    recipe: str = "parent",
    dedupe: bool = False,
    workers: int | None = None,
    timeout: float | None = None,
    smiles: str | None = None,
    id: str | None = None,
    force: bool = False,
    chunk: int = CHUNK,
    shard: int = SHARD,
    begun: Progress | None = None,
    progress: Progress | None = None,
) -> dict:
    """Pack files into the folder ``out``; gives its manifest.

    Every byte depends on the library and the options alone, not on ``workers`` (None: the cores)
    or interruptions: the same call goes on after the last whole shard. (Which molecules take a
    worker longer than ``timeout`` seconds, None: 60, and are rejects, depends on the machine.)
    ``dedupe`` leaves out rows whose standardised molecule came before. ``shard`` is a multiple of
    ``chunk``. ``begun`` is called with the rows that were there already, ``progress`` with those
    worked on since. Raises Refusal for a folder that holds something else (with ``force`` an older
    library gives way), and for a file that changed since the build began.
    """
    if recipe not in RECIPES:
        raise choices("standardisation", recipe, RECIPES)
    library = read_library(paths, smiles=smiles, id=id)
    options = {"recipe": recipe, "dedupe": dedupe, "smiles": smiles, "id": id}
    own = claim(Path(out), library.files, options | {"chunk": chunk, "shard": shard}, force)
    if not (own.folder / MANIFEST).is_file():  # else it was killed after its last work
        done = list(_whole_shards(own.folder))
        if begun:
            begun(sum(shard["rows"] for shard in done))
        done += _packed(library, own, len(done), workers, timeout, progress)
        _check_unchanged(library, own)
        _list_rejects(own, done)
        own.write_json(MANIFEST, _manifest(library, own, done))
    own.release()
    return json.loads((own.folder / MANIFEST).read_text("ascii"))


def _whole_shards(folder: Path) -> Iterator[dict]:
    """What the manifest says of each shard that an earlier run left, up to the first gap."""
    for number in count():
        path = folder / shard_name(number)
        try:
            yield _entry(path, Shard(path, ()).facts["counts"])
        except Refusal:
            return


def _entry(path: Path, counts: dict) -> dict:
    size = path.stat().st_size
    return {"name": path.name, **counts, "bytes": size, "sha256": file_sha256(path)}


def _packed(library: Library, own: Claim, done: int, workers, timeout, progress) -> Iterator[dict]:
    """Write the shards from number ``done`` on; reads all of the library, works on what is left."""
    options = own.facts["options"]
    size, per_shard = options["chunk"], options["shard"] // options["chunk"]
    seen = Seen(own.folder / KEYS, done) if options["dedupe"] else None
    job = partial(partial, pack_chunk, recipe=options["recipe"], keyed=seen is not None)
    places = {file: i for i, file in enumerate(library.files)}
    chunks = islice(library.chunks(size), done * per_shard, None)
    chunks, workers = plan(chunks, workers, spare=0, timeout=timeout)
    with closing(worked(chunks, job, workers, timeout=timeout)) as stream:
        stream = _counted(stream, progress)
        for number in count(done):
            if not (part := list(islice(stream, per_shard))):
                return
            path = own.folder / shard_name(number)
            part, counts = _distinct(part, number, seen)
            write_shard(path, part, places, counts)
            yield _entry(path, counts)


def _counted(stream: Iterator[Chunk], progress: Progress | None) -> Iterator[Chunk]:
    rows = 0
    for chunk in stream:
        rows += len(chunk[0])
        if progress:
            progress(rows)
        yield chunk


def _distinct(part: list[Chunk], number: int, seen: Seen | None) -> tuple[list[Chunk], dict]:
    """The chunks of a shard, without repeated molecules where ``seen`` knows them; their counts."""
    rows, valid = (
        sum(map(len, column)) for column in zip(*((c, p.positions) for c, p in part), strict=True)
    )
    part = [(chunk, _explained(packing, chunk)) for chunk, packing in part]
    fresh = np.ones(valid, dtype=bool)
    if seen is not None:
        keys = np.concatenate([packing.keys for _, packing in part])
        fresh = seen.unseen(keys)
        seen.add(number, keys[fresh])
    molecules = int(fresh.sum())
    if molecules < valid:
        cuts = np.cumsum([len(packing.positions) for _, packing in part])[:-1]
        part = [
            _kept(*chunk, keep) for chunk, keep in zip(part, np.split(fresh, cuts), strict=True)
        ]
    counts = {"molecules": molecules, "invalid": rows - valid, "duplicates": valid - molecules}
    return part, {"rows": rows, **counts}


def _explained(packing: Packing, rows: list[Row]) -> Packing:
    """With the problems of unread rows, which the worker saw as empty texts."""
    packing.reasons.update(unread(rows))
    return packing


def _kept(rows: list[Row], packing: Packing, keep: np.ndarray) -> Chunk:
    stay, packing = packing.select(keep, len(rows))
    return [rows[i] for i in stay], packing


def _check_unchanged(library: Library, own: Claim) -> None:
    for file in own.facts["files"]:
        if file["sha256"] not in (None, library.hashes[file["name"]]):
            raise Refusal(f"{file['name']}: changed while it was read: start over with --force")


def _list_rejects(own: Claim, done: list[dict]) -> None:
    """rejects.csv, from the shards: it is the same however often the build was interrupted."""
    names = [file["name"] for file in own.facts["files"]]
    shards = (Shard(own.folder / entry["name"], names) for entry in done if entry["invalid"])
    with durable(own.folder / REJECTS) as partial_path:
        write_rejects(partial_path, chain.from_iterable(map(_rejects, shards)), force=True)


def _rejects(shard: Shard) -> Iterator[Reject]:
    for number in range(shard.num_batches):
        for position, reason in shard.reasons(number).items():
            row = shard.row(number, position)
            yield Reject(shown(row.file), row.line, row.text, reason)


def _manifest(library: Library, own: Claim, done: list[dict]) -> dict:
    totals = {
        name: sum(entry[name] for entry in done)
        for name in ("rows", "molecules", "invalid", "duplicates")
    }
    lines = {name: getattr(library, name) for name in ("lines", "blank_lines", "header_lines")}
    files = [file | {"sha256": library.hashes[file["name"]]} for file in own.facts["files"]]
    return {
        "format": FORMAT,
        "version": VERSION,
        "features": own.facts["features"],
        "versions": own.facts["versions"],
        **own.facts["options"],
        "counts": totals | lines,
        "files": files,
        "shards": done,
    }
