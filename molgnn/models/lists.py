"""Predictions for atoms and bonds, brought back to the order in which the input writes them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from molgnn.chem.trace import Trace
from molgnn.data.levels import Levels


class Listed(NamedTuple):
    """What an ensemble says of B molecules and their parts: ``mean`` and ``std`` (B, O) of the
    columns of molecules; and ``lists``, for each column of atoms, then of bonds, and after these
    for each of their standard deviations, if there are several members, B arrays with one value
    for each atom or bond that is written, NaN where the graph does not have it."""

    mean: np.ndarray
    std: np.ndarray
    lists: list[list[np.ndarray]]


def listed(members: Sequence[Levels], traces: Sequence[Trace]) -> Listed:
    """Mean and sample standard deviation over members; ``traces`` are those of the molecules."""
    several = len(members) > 1

    def mean(level: str, _) -> np.ndarray:
        return np.mean([member[level] for member in members], axis=0)

    def spread(level: str, array: np.ndarray) -> np.ndarray:
        each = [member[level] for member in members]
        return np.std(each, axis=0, ddof=1) if several else np.zeros(array.shape)

    middle, spreads = members[0].map(mean), members[0].map(spread)
    lists = as_written(middle, traces)
    lists += as_written(spreads, traces) if several else []
    return Listed(middle.molecule, spreads.molecule, lists)


def as_written(values: Levels, traces: Sequence[Trace]) -> list[list[np.ndarray]]:
    """For each column of atoms, then of bonds, one array a molecule in the order of its input."""
    atoms = [(trace.atoms, trace.num_atoms) for trace in traces]
    bonds = [(trace.bonds, trace.num_bonds) for trace in traces]
    found = []
    for level, places in (("atom", atoms), ("bond", bonds)):
        ends = values.offsets(level)[1:-1]
        for column in values[level].T:
            rows = np.split(column, ends) if places else []
            found.append([_spread(*given) for given in zip(rows, places, strict=True)])
    return found


def _spread(row: np.ndarray, place: tuple[np.ndarray, int]) -> np.ndarray:
    where, count = place
    full = np.full(count, np.nan)
    full[where] = row
    return full
