"""From rows of a table to molecules with labels: cells read, molecules parsed, bad ones apart."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from molgnn.chem.graph import pack
from molgnn.chem.packed import PackedGraphs
from molgnn.chem.smiles import InvalidMolecule, canonical, parse
from molgnn.chem.trace import Trace, parse_traced
from molgnn.data.levels import LEVELS, Levels
from molgnn.data.readers.columns import require_column
from molgnn.data.readers.reader import Row, Table
from molgnn.data.readers.rejects import Reject
from molgnn.data.tables.cells import MISSING, NUMBER, NotALabel, listed, number
from molgnn.errors import Refusal

_CHUNK = 500
Progress = Callable[[int, int], None]


class Column(NamedTuple):
    """A column of labels: where it stands in the table, and the level of what it labels."""

    name: str
    position: int
    level: str

    @classmethod
    def of(cls, table: Table, level: str, name: str) -> "Column":
        """Raises Refusal for a column that the table does not have."""
        if not table.columns:
            raise Refusal(f"{table.name}: .smi has no columns, so no {name!r}: give a CSV")
        remedy = "name one of them (data.targets, data.atom_targets, data.bond_targets)"
        position = require_column(table.columns, name, table.name, remedy)
        return cls(table.columns[position], position, level)

    def refusal(self, row: Row, problem: object, wanted: str) -> Refusal:
        return Refusal(
            f"{row.file}: line {row.line}: column {self.name!r} holds "
            f"{row.cells[self.position][:60]!r}, which {problem}: write {wanted}"
        )


Labelled = tuple[Row, list[tuple[float, int]]]


def labelled_rows(
    table: Table, columns: Sequence[Column]
) -> tuple[list[Labelled], list[Reject], int]:
    """(rows with the values and bounds of their molecule, rejects, number of rows without a label
    of any kind). Raises Refusal for a cell of a molecule that is no label."""
    numbers = [column for column in columns if column.level == "molecule"]
    lists = [column for column in columns if column.level != "molecule"]
    labelled, rejects, unlabelled = [], [], 0
    for row in table:
        if row.problem:
            rejects.append(Reject(row.file, row.line, row.text, row.problem))
            continue
        labels = [_number(row, column) for column in numbers]
        empty = all(math.isnan(value) for value, _ in labels) and all(
            row.cells[column.position].strip().casefold() in MISSING for column in lists
        )
        if columns and empty:
            unlabelled += 1
        else:
            labelled.append((row, labels))
    return labelled, rejects, unlabelled


def _number(row: Row, column: Column) -> tuple[float, int]:
    try:
        return number(row.cells[column.position])
    except NotALabel as problem:
        wanted = f"{NUMBER} (classes as 0, 1, ...)"
        raise column.refusal(row, problem, wanted) from None


@dataclass
class Molecules:
    """The valid molecules of some rows, and rejects for the others; see ``table.Dataset``.

    ``ranks`` say where each atom stands in the canonical SMILES; like ``traces`` they are there if
    a column is of atoms or bonds.
    """

    rows: list[Row] = field(default_factory=list)
    smiles: list[str] = field(default_factory=list)
    graphs: PackedGraphs | None = None
    labels: Levels | None = None
    bounds: Levels | None = None
    traces: list[Trace] = field(default_factory=list)
    ranks: list[np.ndarray] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    stranded: int = 0


def read_molecules(
    labelled: Sequence[Labelled], columns: Sequence[Column], recipe: str, progress: Progress | None
) -> Molecules:
    """Parse chunk by chunk: RDKit's own molecules live for one chunk only, as they are a hundred
    times larger than packed ones. Raises Refusal for a list that does not fit its molecule."""
    found, graphs = Molecules(), []
    parts: dict[str, list[np.ndarray]] = {level: [] for level in LEVELS}
    lists = [column for column in columns if column.level != "molecule"]
    for start in range(0, len(labelled), _CHUNK):
        mols = []
        for row, values in labelled[start : start + _CHUNK]:
            try:
                if lists:
                    mol, trace = parse_traced(row.text, recipe)
                else:
                    mol = parse(row.text, recipe)
            except InvalidMolecule as error:
                found.rejects.append(Reject(row.file, row.line, row.text, str(error)))
                continue
            mols.append(mol)
            found.rows.append(row)
            parts["molecule"].append(np.array(values, dtype=float).reshape(1, -1, 2))
            if lists:
                _read_lists(row, lists, trace, found, parts)
        found.smiles += map(canonical, mols)
        found.ranks += map(_ranks, mols if lists else ())
        graphs.append(pack(mols))
        if progress:
            progress(min(start + _CHUNK, len(labelled)), len(labelled))
    found.graphs = PackedGraphs.concat(graphs)
    joined = {level: np.concatenate(arrays) for level, arrays in parts.items() if arrays}
    found.labels = Levels.of(found.graphs, **{k: a[..., 0] for k, a in joined.items()})
    signs = {level: array[..., 1].astype(np.int8) for level, array in joined.items()}
    found.bounds = Levels.of(found.graphs, **signs)
    return found


def _read_lists(
    row: Row,
    columns: Sequence[Column],
    trace: Trace,
    found: Molecules,
    parts: dict[str, list[np.ndarray]],
) -> None:
    """Append the labels of one molecule's atoms and bonds, in the order of its graph."""
    written = {"atom": (trace.num_atoms, trace.atoms), "bond": (trace.num_bonds, trace.bonds)}
    for level, (count, places) in written.items():
        labels = [_list(row, column, count, trace) for column in columns if column.level == level]
        whole = np.stack(labels, axis=1) if labels else np.zeros((count, 0, 2))
        kept = whole[places]
        found.stranded += int((~np.isnan(whole[..., 0])).sum() - (~np.isnan(kept[..., 0])).sum())
        parts[level].append(kept)
    found.traces.append(trace)


def _ranks(mol: Chem.Mol) -> np.ndarray:
    """(n,) where each atom stands in the canonical SMILES just written: equal SMILES, equal atoms.
    (RDKit's canonical ranks need not agree between a base and what is left of its salt.)"""
    order = np.array(mol.GetProp("_smilesAtomOutputOrder").strip("[],").split(","), dtype=np.int64)
    return np.argsort(order)


def _list(row: Row, column: Column, count: int, trace: Trace) -> np.ndarray:
    pairs = trace.ends.tolist() if column.level == "bond" else ()
    try:
        return listed(row.cells[column.position], count, pairs)
    except NotALabel as problem:
        kind = f"{column.level}s" if count != 1 else column.level
        wanted = f"one value for each of the {count} {kind} as written, or key:value"
        raise column.refusal(row, problem, wanted) from None
