"""Predictions for atoms and bonds, brought back to the order in which the input writes them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from molgnn.chem.trace import Trace
from molgnn.data.levels import LEVELS, Levels


class Listed(NamedTuple):
    """What an ensemble says of B molecules and their parts: ``mean`` and ``std`` (B, O) of the
    columns of molecules; and ``lists``, for each column of atoms, then of bonds, and after these
    for each of their standard deviations, if there are some, B arrays with one value for each atom
    or bond that is written, NaN where the graph does not have it."""

    mean: np.ndarray
    std: np.ndarray
    lists: list[list[np.ndarray]]


def mean_and_spread(
    each: np.ndarray, shares: np.ndarray | None = None, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What the members say, (members, B, O) -> mean and sample standard deviation (B, O), 0 for one
    member. ``shares`` (members,), 1 in all, say what each counts; None: all the same.

    ``own`` (members, B, O) are the members' own standard deviations, NaN where one says nothing of
    itself, which counts as 0. By the law of total variance the variance is that between members
    plus the mean of their own: Lakshminarayanan 2017, arXiv:1612.01474. One member's is its own.
    """
    if len(each) == 1:
        return each[0], np.zeros(each.shape[1:]) if own is None else own[0]
    if shares is None and own is None:
        return each.mean(axis=0), each.std(axis=0, ddof=1)
    if shares is None:
        shares = np.full(len(each), 1.0 / len(each))
    mean = _weighed(each, shares)
    squares = _weighed([(member - mean) ** 2 for member in each], shares)
    variance = squares / (1.0 - (shares**2).sum())  # for equal shares, ddof=1
    if own is not None:
        variance += _weighed([np.nan_to_num(std) ** 2 for std in own], shares)
    return mean, np.sqrt(variance)


def _weighed(each: Sequence[np.ndarray], shares: np.ndarray) -> np.ndarray:
    """Member by member: in a product of matrices a row's last bit depends on the rows beside it."""
    total = np.zeros_like(each[0])
    for member, share in zip(each, shares, strict=True):
        total += share * member
    return total


def listed(
    members: Sequence[Levels],
    traces: Sequence[Trace],
    with_std: bool,
    shares: np.ndarray | None = None,
    own: Sequence[Levels] | None = None,
) -> Listed:
    """Mean and standard deviation over members; ``traces`` are those of the molecules, and
    ``with_std`` asks for the standard deviations of atoms and bonds."""
    middle, spreads = by_level(members, shares, own)
    lists = as_written(middle, traces)
    lists += as_written(spreads, traces) if with_std else []
    return Listed(middle.molecule, spreads.molecule, lists)


def by_level(
    members: Sequence[Levels],
    shares: np.ndarray | None = None,
    own: Sequence[Levels] | None = None,
) -> tuple[Levels, Levels]:
    """Mean and standard deviation over members, for each level those of ``mean_and_spread``."""
    both = {}
    for level in LEVELS:
        stds = None if own is None else np.stack([member[level] for member in own])
        both[level] = mean_and_spread(np.stack([m[level] for m in members]), shares, stds)
    mean, spread = (members[0].map(lambda level, _, i=i: both[level][i]) for i in (0, 1))
    return mean, spread


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
