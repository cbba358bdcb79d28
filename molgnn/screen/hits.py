"""The table of hits: how it is made, written and read again."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from molgnn.data.packed.packing import smiles_of
from molgnn.data.readers.rejects import defuse
from molgnn.data.targets import free_names
from molgnn.models import doubts
from molgnn.models.columns import FLAG, Column
from molgnn.screen.outputs import csv_writer, number, open_text
from molgnn.screen.stages import Hit

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

BEFORE = ("rank", "score")
AFTER = ("smiles", "id", "file", "line")


def hit_table(
    hits: Sequence[Hit], column: int, names: Sequence[str], more: Sequence[Column] = ()
) -> pd.DataFrame:
    """One row a hit, best first: rank, score, the model's columns under ``names`` (means, then
    standard deviations if there are names for them), ``more`` columns, smiles, id, file, line."""
    values = [[*hit.mean, *hit.std][: len(names)] for hit in hits]
    values = np.array(values, dtype=np.float64).reshape(len(hits), len(names))
    table = {"rank": range(1, len(hits) + 1), "score": [hit.mean[column] for hit in hits]}
    table |= {name: values[:, i] for i, name in enumerate(names)}
    for each in more:
        flags = each.kind == FLAG
        table[each.name] = pd.array(each.values, dtype="boolean") if flags else each.values
    table |= {
        "smiles": [smiles_of(hit.row.text) for hit in hits],
        "id": [hit.row.id for hit in hits],
        "file": [hit.row.file for hit in hits],
        "line": [hit.row.line for hit in hits],
    }
    return pd.DataFrame(table)


def intervals(
    model: "Predictor", hits: Sequence[Hit], level: float, names: Sequence[str]
) -> list[Column]:
    """Intervals and sets of classes of the hits at ``level``; ``names`` are the model's columns in
    hits.csv, from which these step aside."""
    stacked = np.array([(hit.mean, hit.std) for hit in hits], dtype=np.float64)
    mean, std = np.moveaxis(stacked.reshape(len(hits), 2, len(model.columns)), 1, 0)
    found = doubts.columns_of(model, mean, std, level)
    wanted = [column.name for column in found]
    free = free_names(wanted, [*BEFORE, *names, *AFTER], doubts.SUFFIX)
    return [column._replace(name=name) for column, name in zip(found, free, strict=True)]


def write_hits(path: Path, table: pd.DataFrame) -> None:
    """CSV whose cells no spreadsheet takes for a formula."""
    with open_text(path) as file:
        writer = csv_writer(file)
        writer.writerow([defuse(name) for name in table.columns])
        for row in table.itertuples(index=False):
            writer.writerow(
                [_cell(v) for v in row],
            )


def _cell(value: object) -> str:
    """Empty for None and NaN, such as a label that a training molecule does not have."""
    if pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return number(value) if isinstance(value, float) else defuse(str(value))


def read_hits(path: Path) -> list[list[str]]:
    """The rows as text, header first, as they were before ``write_hits`` defused them."""
    with open(path, encoding="utf-8", newline="") as file:
        return [[_armed(cell) for cell in row] for row in csv.reader(file)]


def _armed(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and defuse(cell[1:]) == cell else cell
