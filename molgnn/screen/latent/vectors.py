"""Vectors of a library's molecules: as a stream, and as a Parquet file."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.data.library import Library
from molgnn.data.packed.library import PackedLibrary
from molgnn.errors import Refusal
from molgnn.models.embedder import Embedder
from molgnn.screen.annotate import written_smiles
from molgnn.screen.outputs import check_free, drafts
from molgnn.screen.pipeline import CHUNK
from molgnn.screen.scoring import Scoring
from molgnn.screen.shards import open_library
from molgnn.screen.stages import NOT_FINITE, Scored

NO_VECTOR = "model gave no finite vector"


@dataclass(frozen=True)
class Embedded:
    """How many rows were read, and how many of them have a vector."""

    rows: int
    embedded: int


def embedded(
    embedder: Embedder,
    library: Library | PackedLibrary,
    workers: int | None = None,
    timeout: float | None = None,
    chunk: int = CHUNK,
) -> Iterator[Scored]:
    """Each chunk of rows with its vectors as ``mean`` (B, D), in order; the other rows have their
    reason. Raises Refusal for a packed library that is standardised in another way."""
    scoring = Scoring(embedder, range(embedder.width), workers=workers, timeout=timeout)
    if isinstance(library, PackedLibrary):
        library.require(embedder.recipe)
        rows, work = library.parts(), scoring.parts
    else:
        rows, work = library.chunks(chunk), scoring.rows
    with closing(rows), closing(work(rows)) as stream:
        for result in stream:
            reasons = {i: _said(reason) for i, reason in result.reasons.items()}
            yield replace(result, reasons=reasons)


def _said(reason: str) -> str:
    return NO_VECTOR if reason == NOT_FINITE else reason


def write_vectors(
    embedder: Embedder,
    source: str | Path,
    out: str | Path,
    *,
    smiles: str | None = None,
    id: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    chunk: int = CHUNK,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Embedded:
    """Write every row of ``source`` to the Parquet file ``out``, in order: file, line, id, smiles,
    z (a fixed-size list of float32, null for a row without a vector) and reason, "" for a good row.

    ``source`` is a file, a pattern or a packed library; ``smiles`` and ``id`` name its columns,
    ``workers`` and ``timeout`` are those of ``screen``. Memory does not grow with it. The file is
    there whole or not at all. Raises Refusal for a file that exists (unless ``force``), and for
    what cannot be read.
    """
    check_vectors_file(source, out, force)
    out, rows, found = Path(out), 0, 0
    library = open_library(source, smiles=smiles, id=id)
    with (
        drafts(out.parent, [out.name], force) as paths,
        _writer(paths[out.name], embedder) as writer,
        closing(embedded(embedder, library, workers, timeout, chunk)) as stream,
    ):
        for result in stream:
            writer.write_table(_table(result, writer.schema))
            rows += len(result.rows)
            found += len(result.positions)
            if progress:
                progress(rows)
    return Embedded(rows, found)


def check_vectors_file(source: str | Path, out: str | Path, force: bool) -> None:
    """Refuse an output that is no .parquet, that is the input, or that exists."""
    path = Path(out)
    if path.suffix.lower() != ".parquet":
        raise Refusal(f"{out}: --out must end in .parquet: vectors are too many for other tables")
    if path.exists() and os.path.exists(source) and path.samefile(source):
        raise Refusal(f"{out}: --out is the input itself: give another name")
    check_free(path.parent, [path.name], force)


@contextmanager
def _writer(path: Path, embedder: Embedder) -> Iterator[pq.ParquetWriter]:
    fields = [("file", pa.string()), ("line", pa.int64()), ("id", pa.string())]
    fields += [("smiles", pa.string()), ("z", pa.list_(pa.float32(), embedder.width))]
    of = {"model": embedder.name, "sha256": embedder.sha256, "recipe": embedder.recipe}
    schema = pa.schema([*fields, ("reason", pa.string())], {"molgnn": json.dumps(of)})
    texts = ["file", "reason"]  # few values each; figures have none twice
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=texts) as writer:
        yield writer


def _table(result: Scored, schema: pa.Schema) -> pa.Table:
    rows = list(result.rows)
    texts = [[row.file for row in rows], [row.line for row in rows], [row.id for row in rows]]
    width = schema.field("z").type.list_size
    vectors = np.zeros((len(rows), width), dtype=np.float32)
    vectors[result.positions] = result.mean
    missing = np.ones(len(rows), dtype=bool)
    missing[result.positions] = False
    z = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.ravel()), type=schema.field("z").type, mask=pa.array(missing)
    )
    reasons = [result.reasons.get(i, "") for i in range(len(rows))]
    columns = [*texts, [written_smiles(row) for row in rows], z, reasons]
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
