"""A table of molecules and labels, read for training."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from molgnn.chem.graph import PackedGraphs, pack
from molgnn.chem.smiles import InvalidMolecule, canonical, parse
from molgnn.data.columns import require_column
from molgnn.data.reader import Row, Table, open_table
from molgnn.data.rejects import Reject
from molgnn.data.repeats import Repeats, merge_repeats
from molgnn.errors import Refusal

MISSING = frozenset(("", "nan", "na", "n/a", "#n/a", "null", "none"))
_TRUTH = {"true": 1.0, "false": 0.0}
_CHUNK = 500
Progress = Callable[[int, int], None]


@dataclass
class Dataset:
    """n molecules with T labels each, in the order of the file.

    Every one of the ``rows`` read is in ``smiles``, in ``rejects``, or counted by ``unlabelled``
    (all labels missing), ``repeats.merged`` or ``repeats.dropped``. ``lines`` says where a molecule
    stood first; ``columns`` holds the cells of the further columns asked for.
    """

    name: str
    smiles: list[str]
    graphs: PackedGraphs
    y: np.ndarray
    tasks: list[str]
    ids: list[str]
    lines: list[int]
    columns: dict[str, list[str]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    repeats: Repeats = field(default_factory=Repeats)
    unlabelled: int = 0
    rows: int = 0

    def __len__(self) -> int:
        return len(self.smiles)

    def select(self, rows: Sequence[int] | np.ndarray) -> "Dataset":
        """The given molecules, in the given order; the reports stay those of the whole table."""
        rows = np.asarray(rows, dtype=np.int64)

        def pick(cells: list) -> list:
            return [cells[row] for row in rows]

        return replace(
            self,
            smiles=pick(self.smiles),
            graphs=self.graphs.select(rows),
            y=self.y[rows],
            ids=pick(self.ids),
            lines=pick(self.lines),
            columns={name: pick(cells) for name, cells in self.columns.items()},
        )


def read_dataset(
    path: str | os.PathLike,
    *,
    targets: Sequence[str],
    smiles: str | None = None,
    id: str | None = None,
    keep: Sequence[str] = (),
    recipe: str = "parent",
    repeats: str = "mean",
    classification: bool | None = None,
    group_by: str | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Read, standardise and featurise a labelled table; ``targets`` may be empty.

    ``repeats`` is one of ``repeats.RULES`` for rows of one molecule (equal canonical SMILES after
    standardisation); ``classification`` makes "mean" a majority vote, None does so for tasks whose
    labels are all 0 or 1. Rows that differ in the
    column ``group_by``, such as a given split, are never merged. ``progress(done, total)`` is
    called as molecules are read. Raises Refusal for a missing column, a label that is no finite
    number, and a table without one valid row; a bad molecule goes to ``rejects`` instead.
    """
    keep = list(dict.fromkeys([*keep, *([group_by] if group_by else [])]))
    targets = [targets] if isinstance(targets, str) else list(targets)
    with open_table(path, smiles, id) as table:
        positions = _positions(table, [*targets, *keep])
        tasks = [table.columns[i] for i in positions[: len(targets)]]
        labelled, rejects, unlabelled = _labelled(table, positions[: len(targets)], tasks)
    read, invalid = _parsed(labelled, recipe, progress)
    rejects = sorted(rejects + invalid, key=lambda reject: reject.line)
    if not read.rows:
        raise _nothing(table, rejects, unlabelled)
    kept = {
        wanted: [row.cells[i].strip() for row in read.rows]
        for wanted, i in zip(keep, positions[len(targets) :], strict=True)
    }
    keys = list(zip(read.smiles, kept[group_by], strict=True)) if group_by else read.smiles
    lines = [row.line for row in read.rows]
    rows, y, report = merge_repeats(
        keys, read.y, tasks, lines, read.smiles, repeats, classification
    )
    whole = Dataset(
        name=name or Path(table.name).name.split(".")[0],
        smiles=read.smiles,
        graphs=read.graphs,
        y=read.y,
        tasks=tasks,
        ids=[row.id for row in read.rows],
        lines=lines,
        columns=kept,
        rejects=rejects,
        repeats=report,
        unlabelled=unlabelled,
        rows=len(labelled) + len(rejects) - len(invalid) + unlabelled,
    )
    dataset = whole.select(rows)
    dataset.y = y
    return dataset


def _positions(table: Table, names: Sequence[str]) -> list[int]:
    if names and not table.columns:
        raise Refusal(f"{table.name}: .smi has no columns, so no {names[0]!r}: give a CSV")
    remedy = "name one of them (data.targets, data.split.column)"
    return [require_column(table.columns, name, table.name, remedy) for name in names]


def _labelled(table: Table, positions: list[int], tasks: list[str]):
    """(rows with labels, rejects, number of rows without any label)."""
    labelled, rejects, unlabelled = [], [], 0
    for row in table:
        if row.problem:
            rejects.append(Reject(row.file, row.line, row.text, row.problem))
            continue
        labels = [_number(row, row.cells[i], t) for i, t in zip(positions, tasks, strict=True)]
        if tasks and all(map(math.isnan, labels)):
            unlabelled += 1
        else:
            labelled.append((row, labels))
    return labelled, rejects, unlabelled


def _number(row: Row, cell: str, task: str) -> float:
    text = cell.strip().casefold()
    if text in MISSING:
        return math.nan
    try:
        value = _TRUTH[text] if text in _TRUTH else float(text.replace("_", "?"))
    except ValueError:
        value = math.inf
    if math.isfinite(value):
        return value
    raise Refusal(
        f"{row.file}: line {row.line}: column {task!r} holds {cell[:60]!r}, which is no finite "
        "number: write a number (classes as 0, 1, ...), or leave the cell empty for a missing label"
    )


@dataclass
class _Read:
    rows: list[Row]
    smiles: list[str]
    graphs: PackedGraphs
    y: np.ndarray


def _parsed(labelled: list, recipe: str, progress: Progress | None) -> tuple[_Read, list[Reject]]:
    """The rows whose molecule is valid, and rejects for the others; RDKit's own molecules live
    for one chunk only, as they are a hundred times larger than the packed ones."""
    rows, smiles, labels, graphs, rejects = [], [], [], [], []
    for start in range(0, len(labelled), _CHUNK):
        mols = []
        for row, values in labelled[start : start + _CHUNK]:
            try:
                mols.append(parse(row.text, recipe))
            except InvalidMolecule as error:
                rejects.append(Reject(row.file, row.line, row.text, str(error)))
                continue
            rows.append(row)
            labels.append(values)
        smiles += map(canonical, mols)
        graphs.append(pack(mols))
        if progress:
            progress(min(start + _CHUNK, len(labelled)), len(labelled))
    width = len(labelled[0][1]) if labelled else 0
    y = np.array(labels, dtype=np.float64).reshape(len(rows), width)
    return _Read(rows, smiles, PackedGraphs.concat(graphs), y), rejects


def _nothing(table: Table, rejects: list[Reject], unlabelled: int) -> Refusal:
    counts = f"{len(rejects)} can't be read, {unlabelled} have no label"
    first = rejects[0] if rejects else None
    example = f" (line {first.line}: {first.text[:60]!r}: {first.reason})" if first else ""
    return Refusal(f"{table.name}: no row to learn from: {counts}{example}: check the columns")
