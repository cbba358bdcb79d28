"""Predict a whole table: the user's own rows and columns, and the model's columns beside them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np

from molgnn.data.packed.packing import smiles_of
from molgnn.data.readers.reader import Row, Table, format_of, open_table
from molgnn.data.readers.rejects import defuse
from molgnn.data.targets import free_names
from molgnn.errors import Refusal
from molgnn.models import doubts, familiar
from molgnn.models.columns import FIGURE, FLAG, Column
from molgnn.models.doubts import LEVEL, check_level
from molgnn.screen.columns import list_names, output_names
from molgnn.screen.outputs import check_free, drafts
from molgnn.screen.pipeline import CHUNK
from molgnn.screen.scoring import Scoring
from molgnn.screen.stages import Scored
from molgnn.screen.tables import CsvTable, TableSink, check_suffix, open_output

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Annotated:
    """How many rows were read and predicted, and the columns that the table calls otherwise than
    the model does, as the input has such names already: the model's name -> the table's.
    ``outside`` counts the molecules outside the domain, None where it was not asked for or no rule
    was learnt."""

    rows: int
    predicted: int
    renamed: dict[str, str]
    outside: int | None = None


def annotate(
    model: "Predictor",
    source: str | Path,
    out: str | Path | TextIO,
    *,
    smiles: str | None = None,
    id: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    chunk: int = CHUNK,
    domain: bool | str = False,
    level: float = LEVEL,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Annotated:
    """Write the rows of ``source``, in order, with one column for each of the model's and
    ``reason``; a row without a prediction stays, with empty values and its reason. A column of
    atoms or bonds holds a list, one value for each of them as the input writes them: null for one
    that the model does not see, such as a hydrogen.

    The cells of a table are passed on unchanged, also one that a spreadsheet would take for a
    formula: the table is the user's own. Those of a .smi or SDF file, of which a CSV is made here,
    are defused as those of ``screen``. ``out`` is a .csv, .tsv or .parquet file, or a text
    stream for CSV. Memory does not grow with the table. ``workers`` and ``timeout`` are those of
    ``screen``, ``domain`` and ``level`` are those of ``Predictor.predict``. Raises Refusal for a
    file that exists (unless ``force``), or an input that cannot be read.
    """
    asked = _Asked(workers, timeout, chunk, domain, check_level(level))
    if not isinstance(out, str | Path):
        table = open_table(source, smiles=smiles, id=id)
        return _annotate(model, table, CsvTable(out), asked, progress)
    check_output(source, out, force)
    out = Path(out)
    table = open_table(source, smiles=smiles, id=id)
    with (
        drafts(out.parent, [out.name], force) as paths,
        open_output(paths[out.name], out.suffix.lower()) as sink,
    ):
        return _annotate(model, table, sink, asked, progress)


def check_output(source: str | Path, out: str | Path, force: bool) -> None:
    """Refuse an output of unknown kind, one that is the input, or one that exists."""
    if str(out) == "-":
        return
    out = Path(out)
    check_suffix(out)
    if out.exists() and os.path.exists(source) and out.samefile(source):
        raise Refusal(f"{out}: --out is the input itself: give another name")
    check_free(out.parent, [out.name], force)


class _Asked(NamedTuple):
    """What a caller of `annotate` may choose."""

    workers: int | None
    timeout: float | None
    chunk: int
    domain: bool | str
    level: float


def _annotate(model, table: Table, sink: TableSink, asked: _Asked, progress) -> Annotated:
    own = _own_columns(table)
    texts = [*own, *table.columns]
    names = output_names(model, texts)
    lists = list_names(model)
    lists = free_names(lists, [*texts, *names], "_predicted")
    beside = _beside(model, asked.domain)
    more = _free(beside, [*texts, *names, *lists])
    kinds = [kind for _, kind, _ in beside]
    (reason,) = free_names(["reason"], [*texts, *names, *lists, *more], "_molgnn")
    if made := bool(own) and isinstance(sink, CsvTable):
        texts = list(map(defuse, texts))
    sink.header(texts, names, lists, reason, list(zip(more, kinds, strict=True)))
    rows = predicted = outside = 0
    columns = range(len(model.columns))
    if lists and model.device.type != "cpu":
        # A process of its own for each worker is too much for a card.
        asked = asked._replace(workers=0, timeout=None)
    options = {"domain": asked.domain, "workers": asked.workers, "timeout": asked.timeout}
    scoring = Scoring(model, columns, lists=bool(lists), **options)
    with closing(scoring.rows(_chunks(table, asked.chunk))) as stream:
        for result in stream:
            found = doubts.columns_of(model, result.mean, result.std, asked.level)
            if asked.domain:
                found += familiar.columns_of(model, result.near)
            cells, values = _cells(result, bool(own), len(names))
            if made:
                cells = [tuple(map(defuse, row)) for row in cells]
            facts = _listed(result), _reasons(result)
            sink.write(cells, values, *facts, [_full(column, result) for column in found])
            outside += sum(flag is False for c in found if c.kind == FLAG for flag in c.values)
            rows += len(result.rows)
            predicted += len(result.positions)
            if progress:
                progress(rows)
    plain = [*output_names(model, []), *list_names(model)]
    plain += [name for name, _, _ in beside]
    given = zip([*plain, "reason"], [*names, *lists, *more, reason], strict=True)
    renamed = {old: new for old, new in given if old != new}
    known = asked.domain and model.rule is not None
    return Annotated(rows, predicted, renamed, outside if known else None)


def _beside(model: "Predictor", domain: bool | str) -> list[tuple[str, str, str]]:
    """Name and kind of each column after the model's own, and what is added to a name that is
    taken: intervals and sets, then how familiar a molecule is."""
    found = [(*named, doubts.SUFFIX) for named in doubts.names_of(model)]
    near = familiar.names_of(model, domain == "vectors") if domain else []
    return found + [(*named, familiar.SUFFIX) for named in near]


def _free(beside: Sequence[tuple[str, str, str]], taken: list[str]) -> list[str]:
    found: list[str] = []
    for suffix in dict.fromkeys(suffix for *_, suffix in beside):
        wanted = [name for name, _, own in beside if own == suffix]
        found += free_names(wanted, [*taken, *found], suffix)
    return found


def _chunks(table: Table, size: int) -> Iterator[list[Row]]:
    rows = iter(table)
    while part := list(islice(rows, size)):
        yield part


def _own_columns(table: Table) -> list[str]:
    """Columns for SMILES and id where the table has none: .smi has no columns, and those of an
    SDF are the properties beside the molecule."""
    if table.columns and format_of(table.name) != "sdf":
        return []
    return free_names(["smiles", "id"], table.columns, "_molgnn")


def _cells(result: Scored, own: bool, width: int) -> tuple[list, np.ndarray]:
    """The texts of each row, and its figures (B, width) with NaN for none."""
    values = np.full((len(result.rows), width), np.nan)
    values[result.positions] = np.hstack([result.mean, result.std])[:, :width]
    first = [(written_smiles(row), row.id) if own else () for row in result.rows]
    cells = [(*a, *(row.cells or ())) for a, row in zip(first, result.rows, strict=True)]
    return cells, values


def _listed(result: Scored) -> list[list[np.ndarray | None]]:
    """For each column of lists, those of each row, None for a row without."""
    found = []
    for arrays in result.lists:
        full: list[np.ndarray | None] = [None] * len(result.rows)
        for position, array in zip(result.positions, arrays, strict=True):
            full[position] = array
        found.append(full)
    return found


def _full(column: Column, result: Scored) -> Column:
    """With an empty value for each row without a prediction."""
    values: list = [np.nan if column.kind == FIGURE else None] * len(result.rows)
    for position, value in zip(result.positions.tolist(), column.values, strict=True):
        values[position] = value
    return column._replace(values=values)


def _reasons(result: Scored) -> list[str]:
    return [result.reasons.get(i, "") for i in range(len(result.rows))]


def written_smiles(row: Row) -> str:
    """The row's SMILES, also of a mol block, but for one with a problem: its parsing may be what a
    worker died of."""
    return "" if row.problem and "\n" in row.text else smiles_of(row.text)
