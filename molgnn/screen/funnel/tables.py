"""What a funnel leaves beside the hits: pool.parquet, and dropped.csv with everybody's reason."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.data.packed.packing import smiles_of
from molgnn.data.readers.record import Row
from molgnn.data.targets import free_names
from molgnn.errors import Refusal
from molgnn.screen.hits import write_hits
from molgnn.screen.stages import Hit

if TYPE_CHECKING:
    from molgnn.screen.funnel.run import Outcome

POOL, DROPPED = "pool.parquet", "dropped.csv"
_KEY, _FORMAT = b"molgnn", 1


def dropped_table(outcome: "Outcome", column: int) -> pd.DataFrame:
    """Every molecule of the pool that is no hit, in the library's order: at which step it was
    dropped, and why."""
    pool, dropped = outcome.pool, sorted(outcome.dropped.items())
    return pd.DataFrame(
        {
            "step": [why.step for _, why in dropped],
            "reason": [why.reason for _, why in dropped],
            "score": [float(pool[i].mean[column]) for i, _ in dropped],
            "smiles": [smiles_of(pool[i].row.text) for i, _ in dropped],
            "id": [pool[i].row.id for i, _ in dropped],
            "file": [pool[i].row.file for i, _ in dropped],
            "line": [pool[i].row.line for i, _ in dropped],
        }
    )


def write_pool(path: Path, pool: Sequence[Hit], columns: Sequence[str], sha256: str) -> None:
    """The pool in the library's order: the model's ``columns``, means and then standard deviations
    (all of them, as they were computed), and the rows they are of. ``sha256`` is the model's."""
    width = len(columns)
    values = np.array([[*hit.mean, *hit.std] for hit in pool], dtype=np.float64)
    values = values.reshape(len(pool), width)
    rows = [hit.row for hit in pool]
    texts = {
        "smiles": [smiles_of(row.text) for row in rows],
        "id": [row.id for row in rows],
        "file": [row.file for row in rows],
        "line": pa.array([row.line for row in rows], pa.int64()),
        "mol_block": [row.text if "\n" in row.text else None for row in rows],
    }
    columns = free_names(columns, texts, "_predicted")
    arrays = {name: pa.array(values[:, i]) for i, name in enumerate(columns)}
    arrays |= {name: _column(cells) for name, cells in texts.items()}
    facts = {"format": _FORMAT, "columns": list(columns), "model_sha256": sha256}
    table = pa.Table.from_arrays(list(arrays.values()), names=list(arrays))
    pq.write_table(
        table.replace_schema_metadata({_KEY: json.dumps(facts)}), path, compression="zstd"
    )


def read_pool(path: Path) -> tuple[list[Hit], str]:
    """What ``write_pool`` wrote, to the bit, and the sha256 of the model. Raises Refusal for a file
    that holds no pool."""
    if not path.is_file():
        raise Refusal(
            f"{path}: no such file: --rescore needs the folder of a finished screen with a --recipe"
        )
    try:
        table = pq.read_table(path)
        facts = json.loads(table.schema.metadata[_KEY])
        if facts["format"] != _FORMAT:
            raise ValueError(f"format {facts['format']}")
        values = [table[name].cast(pa.float64()).to_numpy() for name in facts["columns"]]
        values = np.array(values).reshape(len(values), table.num_rows).T
        cells = [table[name].to_pylist() for name in ("file", "line", "smiles", "mol_block", "id")]
        rows = [
            Row(f, n, block or s, i, None, "") for f, n, s, block, i in zip(*cells, strict=True)
        ]
        if not all(type(r.line) is int and isinstance(r.text + r.id + r.file, str) for r in rows):
            raise ValueError("cells of another kind")
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException) as error:
        said = " ".join(str(error).split())[:100]
        raise Refusal(f"{path}: damaged: no pool of a screen ({said})") from None
    half = values.shape[1] // 2
    hits = [Hit(row, v[:half], v[half:]) for row, v in zip(rows, values, strict=True)]
    return hits, str(facts["model_sha256"])


def write_funnel(
    paths: dict[str, Path], outcome: "Outcome", column: int, columns: Sequence[str], sha256: str
) -> None:
    """Both tables, to their ``paths``."""
    write_pool(paths[POOL], outcome.pool, columns, sha256)
    write_hits(paths[DROPPED], dropped_table(outcome, column))


def _column(cells) -> pa.Array:
    """Texts as they are; what Unicode cannot say, such as a file name in another encoding, as
    escapes."""
    if isinstance(cells, pa.Array):
        return cells
    told = (cell and cell.encode("utf-8", "backslashreplace").decode() for cell in cells)
    return pa.array(list(told), pa.string())
