"""A table of molecules and labels, read for training."""

import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from molgnn.chem.packed import PackedGraphs
from molgnn.chem.trace import Trace
from molgnn.data.levels import LEVELS, Levels
from molgnn.data.readers.columns import require_column
from molgnn.data.readers.reader import Table, open_table
from molgnn.data.readers.rejects import Reject
from molgnn.data.tables.align import merge_lists
from molgnn.data.tables.labelled import Column, Progress, labelled_rows, read_molecules
from molgnn.data.tables.repeats import Repeats, merge_repeats
from molgnn.errors import Refusal


@dataclass
class Dataset:
    """n molecules with their labels, in the order of the file.

    ``labels`` are float64, NaN where missing, with a column for each of ``tasks`` (molecules),
    ``atom_tasks`` and ``bond_tasks``, in the graphs' order of atoms and bonds; ``bounds`` alike: 1
    where the true value is at least the label, -1 where at most, 0 where it is the label.
    ``traces`` lead back to the order of the input; they are there if atoms or bonds have labels.

    Every one of the ``rows`` read is in ``smiles``, in ``rejects``, or counted by ``unlabelled``
    (all labels missing), ``repeats.merged`` or ``repeats.dropped``. ``lines`` says where a molecule
    stood first; ``columns`` holds the cells of the further columns asked for. ``stranded`` labels
    stood on atoms or bonds that the graph does not have: hydrogens, removed fragments.
    """

    name: str
    smiles: list[str]
    graphs: PackedGraphs
    labels: Levels
    bounds: Levels
    tasks: list[str]
    ids: list[str]
    lines: list[int]
    atom_tasks: list[str] = field(default_factory=list)
    bond_tasks: list[str] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    repeats: Repeats = field(default_factory=Repeats)
    unlabelled: int = 0
    stranded: int = 0
    rows: int = 0

    def __len__(self) -> int:
        return len(self.smiles)

    @property
    def y(self) -> np.ndarray:
        """Labels of the molecules (n, T)."""
        return self.labels.molecule

    @property
    def names(self) -> dict[str, list[str]]:
        """The targets by level."""
        return dict(zip(LEVELS, (self.tasks, self.atom_tasks, self.bond_tasks), strict=True))

    def select(self, rows: Sequence[int] | np.ndarray) -> "Dataset":
        """The given molecules, in the given order; the reports stay those of the whole table."""
        rows = np.asarray(rows, dtype=np.int64)

        def pick(cells: list) -> list:
            return [cells[row] for row in rows]

        return replace(
            self,
            smiles=pick(self.smiles),
            graphs=self.graphs.select(rows),
            labels=self.labels.select(rows),
            bounds=self.bounds.select(rows),
            ids=pick(self.ids),
            lines=pick(self.lines),
            traces=pick(self.traces) if self.traces else [],
            columns={name: pick(cells) for name, cells in self.columns.items()},
        )


def read_dataset(
    path: str | os.PathLike,
    *,
    targets: Sequence[str],
    atom_targets: Sequence[str] = (),
    bond_targets: Sequence[str] = (),
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
    """Read, standardise and featurise a labelled table; there may be no targets.

    Cells of ``targets`` are as ``cells.number`` takes them; those of ``atom_targets`` and
    ``bond_targets`` as ``cells.listed`` does, for the atoms and bonds as they are written.
    ``repeats`` is one of ``repeats.RULES`` for rows of one molecule (equal canonical SMILES after
    standardisation); ``classification`` makes "mean" a majority vote, None does so for tasks whose
    labels are all 0 or 1. Rows that differ in the column ``group_by``, such as a given split, are
    never merged. ``progress(done, total)`` is called as molecules are read. Raises Refusal for a
    missing column, a cell that is no label, and a table without one valid row; a bad molecule goes
    to ``rejects`` instead.
    """
    keep = list(dict.fromkeys([*keep, *([group_by] if group_by else [])]))
    asked = [[t] if isinstance(t, str) else list(t) for t in (targets, atom_targets, bond_targets)]
    with open_table(path, smiles, id) as table:
        columns = [Column.of(table, level, name) for level, names in zip(LEVELS, asked, strict=True)
                   for name in names]  # fmt: skip
        kept = _positions(table, keep)
        labelled, rejects, unlabelled = labelled_rows(table, columns)
    read = read_molecules(labelled, columns, recipe, progress)
    rejects = sorted(rejects + read.rejects, key=lambda reject: reject.line)
    if not read.rows:
        raise _nothing(table, rejects, unlabelled)
    cells = {wanted: [row.cells[i].strip() for row in read.rows]
             for wanted, i in zip(keep, kept, strict=True)}  # fmt: skip
    keys = list(zip(read.smiles, cells[group_by], strict=True)) if group_by else read.smiles
    names = {level: [c.name for c in columns if c.level == level] for level in LEVELS}
    whole = Dataset(
        name=name or Path(table.name).name.split(".")[0],
        smiles=read.smiles,
        graphs=read.graphs,
        labels=read.labels,
        bounds=read.bounds,
        tasks=names["molecule"],
        atom_tasks=names["atom"],
        bond_tasks=names["bond"],
        traces=read.traces,
        ids=[row.id for row in read.rows],
        lines=[row.line for row in read.rows],
        columns=cells,
        rejects=rejects,
        unlabelled=unlabelled,
        stranded=read.stranded,
        rows=len(labelled) + len(rejects) - len(read.rejects) + unlabelled,
    )
    return merged(whole, keys, repeats, classification, read.ranks)


def merged(
    whole: Dataset,
    keys: Sequence[Hashable],
    rule: str,
    classification: bool | None,
    ranks: Sequence[np.ndarray],
) -> Dataset:
    """The dataset with one row for each key, where the rule says so; ``repeats`` is the report.

    ``ranks`` (n_atoms,) of each molecule, the places of its atoms in the canonical SMILES, lead
    from one spelling's atoms to another's; there are none without atom and bond targets.
    """
    y, bounds = whole.labels.molecule, whole.bounds.molecule
    kept, y, bounds, report = merge_repeats(
        keys, y, bounds, whole.tasks, whole.lines, whole.smiles, rule, classification
    )
    dataset = whole.select(kept)
    if whole.traces and report.merged:
        merge_lists(whole, dataset, kept, keys, ranks, rule, classification)
    dataset.labels = replace(dataset.labels, molecule=y)
    dataset.bounds = replace(dataset.bounds, molecule=bounds)
    dataset.repeats = report
    return dataset


def _positions(table: Table, names: Sequence[str]) -> list[int]:
    if names and not table.columns:
        raise Refusal(f"{table.name}: .smi has no columns, so no {names[0]!r}: give a CSV")
    remedy = "name one of them (data.targets, data.split.column)"
    return [require_column(table.columns, name, table.name, remedy) for name in names]


def _nothing(table: Table, rejects: list[Reject], unlabelled: int) -> Refusal:
    counts = f"{len(rejects)} can't be read, {unlabelled} have no label"
    first = rejects[0] if rejects else None
    example = f" (line {first.line}: {first.text[:60]!r}: {first.reason})" if first else ""
    return Refusal(f"{table.name}: no row to learn from: {counts}{example}: check the columns")
