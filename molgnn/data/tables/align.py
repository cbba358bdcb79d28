"""Labels of the atoms and bonds of a repeated molecule, brought into one order and merged."""

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.tables.repeats import groups_of, merges_of, one_label

if TYPE_CHECKING:
    from molgnn.data.tables.table import Dataset


def merge_lists(
    whole: "Dataset",
    dataset: "Dataset",
    kept: np.ndarray,
    keys: Sequence[Hashable],
    ranks: Sequence[np.ndarray],
    rule: str,
    classification: bool | None,
) -> None:
    """Merge into ``dataset``, the rows ``kept`` of ``whole``, the atom and bond labels of the rows
    with equal keys, by ``rule``. An exact label counts before a bound.

    ``ranks`` are places in the canonical SMILES: atoms of one rank in two spellings are the same
    atom, or one that symmetry does not tell from it.
    """
    groups = {group[0]: group for group in groups_of(keys)}
    for level in ("atom", "bond"):
        labels, bounds = whole.labels[level], whole.bounds[level]
        merges = merges_of(rule, labels, classification)
        starts, places = whole.labels.offsets(level), dataset.labels.offsets(level)
        for place, row in enumerate(kept):
            group = groups[row] if labels.shape[1] else [row]
            if len(group) == 1:
                continue
            orders = [starts[r] + _order(whole, level, r, ranks[r]) for r in group]
            back = np.argsort(orders[0] - starts[row])
            merged = [
                [
                    one_label(labels[same, i], bounds[same, i], merge)
                    for i, merge in enumerate(merges)
                ]
                for same in np.stack(orders, axis=1)[back]
            ]
            values = np.array(merged, dtype=float).reshape(len(back), len(merges), 2)
            rows = slice(places[place], places[place + 1])
            dataset.labels[level][rows] = values[..., 0]
            dataset.bounds[level][rows] = values[..., 1]


def _order(whole: "Dataset", level: str, row: int, ranks: np.ndarray) -> np.ndarray:
    """The atoms, or bonds, of a molecule in their canonical order."""
    if level == "atom":
        return np.argsort(ranks)
    bonds = slice(*whole.graphs.bond_offsets[[row, row + 1]])
    low, high = np.sort(ranks[whole.graphs.bond_ends[bonds]], axis=1).T
    return np.lexsort((high, low))
