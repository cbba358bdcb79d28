"""Predictions for atoms and bonds, brought back to the order in which the input writes them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from molgnn.chem.trace import Trace
from molgnn.data.levels import LEVELS, Levels


class Listed(NamedTuple):
    """What an ensemble says of B molecules and their parts: ``mean`` and ``std`` (B, O) of the
    columns of molecules; and ``lists``, for each column of atoms, then of bonds, and after these
    for each of their standard deviations, if there are several members, B arrays with one value
    for each atom or bond that is written, NaN where the graph does not have it."""

    mean: np.ndarray
    std: np.ndarray
    lists: list[list[np.ndarray]]


def mean_and_spread(
    each: np.ndarray, shares: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What the members say, (members, B, O) -> mean and sample standard deviation (B, O), 0 for one
    member. ``shares`` (members,), 1 in all, say what each counts; None: all the same."""
    if len(each) == 1:
        return each[0], np.zeros(each.shape[1:])
    if shares is None:
        return each.mean(axis=0), each.std(axis=0, ddof=1)
    mean = _weighed(each, shares)
    squares = _weighed([(member - mean) ** 2 for member in each], shares)
    return mean, np.sqrt(squares / (1.0 - (shares**2).sum()))  # for equal shares, ddof=1


def _weighed(each: Sequence[np.ndarray], shares: np.ndarray) -> np.ndarray:
    """Member by member: in a product of matrices a row's last bit depends on the rows beside it."""
    total = np.zeros_like(each[0])
    for member, share in zip(each, shares, strict=True):
        total += share * member
    return total


def listed(
    members: Sequence[Levels], traces: Sequence[Trace], shares: np.ndarray | None = None
) -> Listed:
    """Mean and sample standard deviation over members; ``traces`` are those of the molecules."""
    several = len(members) > 1
    both = {
        level: mean_and_spread(np.stack([member[level] for member in members]), shares)
        for level in LEVELS
    }
    middle = members[0].map(lambda level, _: both[level][0])
    spreads = members[0].map(lambda level, _: both[level][1])
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
