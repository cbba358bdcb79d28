"""Read one shard of a packed library: graphs batch by batch, and the origin of a row when asked."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES, schema_hash
from molgnn.chem.graph import PackedGraphs
from molgnn.data.packed.shard import FORMAT, VERSION
from molgnn.data.readers.record import Row
from molgnn.errors import Refusal

_ORIGIN = ("file", "line", "id", "smiles", "reason")
_GRAPHS = ("atoms", "bonds")
_DAMAGED = (pa.ArrowException, OSError, KeyError, ValueError, TypeError, IndexError)
REMEDY = "bring back the whole file, or build the library again"


class Shard:
    """The record batches of one file, on one thread. ``files`` are the library's.

    Raises Refusal, naming the file, for one whose ``sha256`` is not as given, that is damaged, or
    that is of another version or of other features.
    """

    def __init__(self, path: Path, files: Sequence[str], sha256: str = ""):
        self.path, self._files = path, files
        try:
            self._source = pa.memory_map(str(path))
            if sha256 and hashlib.sha256(self._source.read_buffer()).hexdigest() != sha256:
                raise Refusal(f"{path}: damaged: its sha256 is not {sha256[:16]}…: {REMEDY}")
            self._names = self._reader().schema.names
            self.facts = json.loads(self._reader().schema.metadata[b"molgnn"])
            self._check()
            self._atom_words = _vocabulary(self.facts["atom_words"], ATOM_SIZES)
            self._bond_words = _vocabulary(self.facts["bond_words"], BOND_SIZES)
            self._first_file = int(self.facts["first_file"])
            self._graph_reader, self._origin_reader = self._reader(_GRAPHS), self._reader(_ORIGIN)
        except _DAMAGED as error:
            raise self._damaged(error) from None
        self.num_batches = self._graph_reader.num_record_batches
        self._last_origin: tuple[int, pa.RecordBatch | None] = (-1, None)

    def _reader(self, columns: Sequence[str] = ()) -> pa.RecordBatchFileReader:
        picked = [self._names.index(name) for name in columns] or None
        options = pa.ipc.IpcReadOptions(included_fields=picked, use_threads=False)
        return pa.ipc.open_file(self._source, options=options)

    def _check(self) -> None:
        found = (self.facts["format"], self.facts["version"], self.facts["features"])
        if found != (FORMAT, VERSION, schema_hash()):
            raise Refusal(
                f"{self.path}: format, version and features are {found}, this molgnn reads "
                f"{(FORMAT, VERSION, schema_hash())}: build the library again with this version"
            )

    def _damaged(self, error: Exception) -> Refusal:
        return Refusal(f"{self.path}: damaged ({' '.join(str(error).split())[:200]}): {REMEDY}")

    def graphs(self, number: int) -> tuple[PackedGraphs, np.ndarray, int]:
        """A batch's graphs, their positions among its rows (B,) int64, and how many rows it has."""
        try:
            batch = self._graph_reader.get_batch(number)
            batch.validate(full=True)  # Arrow itself trusts a file, and ends the process
            return *_decoded(batch, self._atom_words, self._bond_words), len(batch)
        except _DAMAGED as error:
            raise self._damaged(error) from None

    def reasons(self, number: int) -> dict[int, str]:
        """Position -> reason of the batch's rows that are no molecules."""
        texts = self._origin(number)["reason"].to_pylist()
        return {i: text for i, text in enumerate(texts) if text is not None}

    def row(self, number: int, position: int) -> Row:
        """One row of a batch, as the reader gave it."""
        batch = self._origin(number)
        line, name, text = (batch[key][position].as_py() for key in ("line", "id", "smiles"))
        place = self._first_file + batch["file"].indices[position].as_py()
        return Row(self._files[place], line, text, name, None, "")

    def _origin(self, number: int) -> pa.RecordBatch:
        """A batch without its graphs; the last one read is kept: many rows may be asked of it."""
        if self._last_origin[0] != number:
            try:
                batch = self._origin_reader.get_batch(number)
                batch.validate(full=True)
                self._last_origin = (number, batch)
            except _DAMAGED as error:
                raise self._damaged(error) from None
        return self._last_origin[1]


class LazyRows(Sequence):
    """The rows of one batch; nothing of them is read before one is asked for."""

    def __init__(self, shard: Shard, batch: int, num_rows: int):
        self._shard, self._batch, self._num_rows = shard, batch, num_rows

    def __len__(self) -> int:
        return self._num_rows

    def __getitem__(self, position: int) -> Row:
        return self._shard.row(self._batch, int(position))


def _vocabulary(words: list, sizes: tuple[int, ...]) -> np.ndarray:
    table = np.array(words, dtype=np.uint8).reshape(-1, len(sizes))
    if (table >= np.array(sizes)).any():
        raise ValueError("its vocabulary holds codes that do not exist")
    return table


def _decoded(batch: pa.RecordBatch, atom_words, bond_words) -> tuple[PackedGraphs, np.ndarray]:
    atoms, bonds = batch["atoms"], batch["bonds"]
    atom_offsets, bond_offsets = _offsets(atoms), _offsets(bonds)
    begin, end, kind = (_numpy(bonds.values.field(name)) for name in ("begin", "end", "type"))
    ends = np.empty((len(begin), 2), dtype=np.int32)
    ends[:, 0], ends[:, 1] = begin, end
    num_atoms = np.diff(atom_offsets)
    positions = np.flatnonzero(num_atoms)
    if (np.maximum(begin, end) >= np.repeat(num_atoms, np.diff(bond_offsets))).any():
        raise ValueError("a bond ends outside its molecule")
    if len(positions) < len(batch):
        keep = np.append(positions, len(batch))
        atom_offsets, bond_offsets = atom_offsets[keep], bond_offsets[keep]
    atoms = np.take(atom_words, _numpy(atoms.values), axis=0)
    bonds = np.take(bond_words, kind, axis=0)
    return PackedGraphs(atoms, ends, bonds, atom_offsets, bond_offsets), positions


def _offsets(column: pa.ListArray) -> np.ndarray:
    offsets = _numpy(column.offsets).astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != len(column.values) or (np.diff(offsets) < 0).any():
        raise ValueError("its offsets do not fit its values")
    return offsets


def _numpy(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=True)
