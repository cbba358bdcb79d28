"""One shard of a packed library: an Arrow IPC file (Feather v2), zstd, one record batch a chunk.

Arrow IPC and not Parquet: on 16,384 molecules of 26 atoms its list columns take 38 bytes a molecule
against 47, and are read nine times as fast, buffer by buffer into numpy. A row of a shard is a row
of the library; one that is no molecule has no atoms, and says why in ``reason``.

The schema's metadata hold, under ``molgnn``, JSON with format, version and feature hash, and
``atom_words`` and ``bond_words``: the vocabulary that the numbers in ``atoms`` and ``bonds.type``
point into, as rows of codes.
"""

import json
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path

import numpy as np
import pyarrow as pa

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES, schema_hash
from molgnn.data.codes import recode, tuples
from molgnn.data.packed.durable import durable
from molgnn.data.packed.packing import Packing
from molgnn.data.readers.record import Row

FORMAT = "molgnn-packed-shard"
VERSION = 1
OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1))

Chunk = tuple[list[Row], Packing]


def shard_name(number: int) -> str:
    return f"shard-{number:05d}.arrow"


def write_shard(path: Path, chunks: Sequence[Chunk], places: dict[str, int], counts: dict) -> None:
    """Write the rows of some chunks, at once or not at all. ``places`` numbers the library's files
    in order; ``counts`` go into the metadata."""
    origins = [np.array([places[row.file] for row in rows], np.int32) for rows, _ in chunks]
    first, last = _span(np.concatenate(origins))
    names = pa.array([shown(name) for name in list(places)[first:last]], pa.string())
    atom_words, atoms = recode([packing.graphs.atoms for _, packing in chunks])
    bond_words, bonds = recode([packing.graphs.bonds for _, packing in chunks])
    end_type = max((packing.graphs.ends.dtype for _, packing in chunks), key=lambda t: t.itemsize)
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "features": schema_hash(),
        "counts": counts,
        "first_file": first,
        "atom_words": tuples(atom_words, ATOM_SIZES).tolist(),
        "bond_words": tuples(bond_words, BOND_SIZES).tolist(),
    }
    metadata = {"molgnn": json.dumps(facts)}
    batches = [
        pa.RecordBatch.from_pydict(_origin(chunk, origin - first, names) | _graphs(chunk, *codes))
        for chunk, origin, *codes in zip(
            chunks, origins, atoms, bonds, repeat(end_type), strict=False
        )
    ]
    with (
        durable(path) as partial,
        pa.OSFile(str(partial), "wb") as file,
        pa.ipc.new_file(file, batches[0].schema.with_metadata(metadata), options=OPTIONS) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)


def _span(places: np.ndarray) -> tuple[int, int]:
    """The range of files that rows come from, which is none where there are no rows."""
    return (int(places.min()), int(places.max()) + 1) if len(places) else (0, 0)


def shown(name: str) -> str:
    """A file name as UTF-8: bytes of it that are none are written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def _origin(chunk: Chunk, places: np.ndarray, names: pa.Array) -> dict[str, pa.Array]:
    rows, packing = chunk
    texts = [packing.smiles.get(i, row.text) for i, row in enumerate(rows)]
    file = pa.DictionaryArray.from_arrays(pa.array(places), names)
    return {
        "file": file,
        "line": pa.array([row.line for row in rows], pa.int64()),
        "id": pa.array([row.id for row in rows], pa.string()),
        "smiles": pa.array(texts, pa.string()),
        "reason": pa.array([packing.reasons.get(i) for i in range(len(rows))], pa.string()),
    }


def _graphs(chunk: Chunk, atoms, bonds, end_type) -> dict[str, pa.Array]:
    rows, packing = chunk
    begin, end = packing.graphs.ends.astype(end_type).T
    fields = {"begin": begin, "end": end, "type": bonds}
    arrays = [pa.array(np.ascontiguousarray(values)) for values in fields.values()]
    struct = pa.StructArray.from_arrays(arrays, names=list(fields))
    atom_offsets, bond_offsets = (
        pa.array(_offsets(sizes, packing.positions, len(rows)))
        for sizes in (packing.graphs.num_atoms, packing.graphs.num_bonds)
    )
    return {
        "atoms": pa.ListArray.from_arrays(atom_offsets, pa.array(atoms)),
        "bonds": pa.ListArray.from_arrays(bond_offsets, struct),
    }


def _offsets(sizes: np.ndarray, positions: np.ndarray, num_rows: int) -> np.ndarray:
    """(num_rows + 1,) int32; a row without a molecule has no atoms and no bonds."""
    full = np.zeros(num_rows + 1, dtype=np.int32)
    full[positions + 1] = sizes
    return np.cumsum(full, dtype=np.int32)
