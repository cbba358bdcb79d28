"""Splits: which molecules train a model, which choose it, and which judge it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molgnn.chem.scaffold import murcko
from molgnn.chem.smiles import parse
from molgnn.errors import Refusal, choices

_BINS = 10
_MOST_CLASSES = 20
_SET_ASIDE = 0.1
PARTS = ("train", "valid", "test")
# What a split column may say, without case.
_SAID = {"train": 0, "training": 0, "valid": 1, "val": 1, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Split:
    """Row numbers of each part, int64 and ascending; the parts are disjoint and complete."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in PARTS}


@dataclass(frozen=True)
class _Case:
    """What a strategy may look at: n molecules and the wishes."""

    smiles: Sequence[str]
    y: np.ndarray | None
    seed: int
    sizes: tuple[float, float, float]
    column_values: Sequence[str] | None
    fold: int
    folds: int

    def __len__(self) -> int:
        return len(self.smiles)

    def shuffled(self) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(len(self))


def split(
    smiles: Sequence[str],
    y: np.ndarray | None = None,
    *,
    name: str = "random",
    seed: int = 0,
    sizes: Sequence[float] = (0.8, 0.1, 0.1),
    column_values: Sequence[str] | None = None,
    fold: int = 0,
    folds: int = 5,
) -> Split:
    """Split n molecules by one of STRATEGIES; the same arguments give the same split.

    ``sizes`` are the shares of train, valid and test (not for ``column`` and ``kfold``); ``y``
    (n,) or (n, T) is for ``stratified``. Raises Refusal for a wrong name, sizes that do not add up
    to 1, a value that names no part, and a split without training molecules.
    """
    if name not in STRATEGIES:
        raise choices("split", name, STRATEGIES)
    sizes = tuple(float(size) for size in sizes)
    if len(sizes) != 3 or min(sizes) < 0 or abs(sum(sizes) - 1) > 1e-6:
        raise Refusal(f"split sizes {sizes}: give three shares (train, valid, test) that sum to 1")
    part = STRATEGIES[name](_Case(smiles, y, seed, sizes, column_values, fold, folds))
    parts = [np.flatnonzero(part == i).astype(np.int64) for i in range(3)]
    if len(parts[0]) == 0:
        raise Refusal(
            f"the {name} split of {len(smiles)} molecules leaves none for training: use another "
            "split, or a larger first size"
        )
    return Split(*parts)


# Each strategy: _Case -> (n,) the part of each molecule, 0 train, 1 valid, 2 test.


def _random(case: _Case) -> np.ndarray:
    return _cut(case.shuffled(), case)


def _cut(order: np.ndarray, case: _Case) -> np.ndarray:
    first, second = _cuts(case)
    part = np.full(len(case), 2)
    part[order[:second]] = 1
    part[order[:first]] = 0
    return part


def _cuts(case: _Case) -> tuple[int, int]:
    """After how many molecules train ends, and valid."""
    train, valid, _ = case.sizes
    return round(train * len(case)), round((train + valid) * len(case))


def _stratified(case: _Case) -> np.ndarray:
    """Shuffled within each stratum; then, stratum after stratum, each molecule goes to the part
    that is furthest behind its share: every stratum is shared out, and the whole is exact."""
    if case.y is None or not np.size(case.y):
        raise Refusal("the stratified split needs labels of molecules")
    shuffled = case.shuffled()
    order = shuffled[np.argsort(strata(case.y)[shuffled], kind="stable")]
    part, filled, shares = np.zeros(len(case), dtype=int), np.zeros(3), np.array(case.sizes)
    for position, row in enumerate(order, 1):
        part[row] = np.argmax(shares * position - filled)
        filled[part[row]] += 1
    return part


def strata(y: np.ndarray) -> np.ndarray:
    """(n,) stratum of the first task: its class, or its tenth of the values where it has more than
    20 values or fractions; a missing label is a stratum of its own."""
    labels = np.asarray(y, dtype=float).reshape(len(y), -1)[:, 0]
    known = ~np.isnan(labels)
    values = np.unique(labels[known])
    if len(values) <= _MOST_CLASSES and (values == values.round()).all():
        edges = values
    else:
        edges = np.unique(np.quantile(labels[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, labels), len(edges) + 1)


def _scaffold(case: _Case) -> np.ndarray:
    """Scaffold sets from the largest to the smallest fill train, then valid, then test; ties by
    the later first row. The rule of DeepChem (doi:10.1039/C7SC02664A). The seed plays no part."""
    first, second = _cuts(case)
    part, filled = np.zeros(len(case), dtype=int), [0, 0]
    for rows in sorted(_scaffold_sets(case), key=lambda rows: (len(rows), rows[0]), reverse=True):
        if filled[0] + len(rows) <= first:
            chosen = 0
        else:
            chosen = 1 if sum(filled) + len(rows) <= second else 2
        part[rows] = chosen
        if chosen < 2:
            filled[chosen] += len(rows)
    return part


def _balanced_scaffold(case: _Case) -> np.ndarray:
    """Scaffold sets larger than half of valid or test go first, so mostly to train; the rest in
    random order. Yang 2019, doi:10.1021/acs.jcim.9b00237."""
    first, second = _cuts(case)
    room = [first, second - first, len(case) - second]
    sets = _scaffold_sets(case)
    draw = np.random.default_rng(case.seed).permutation(len(sets))
    half = min(room[1:]) / 2
    order = sorted(draw, key=lambda i: len(sets[i]) <= half)
    part = np.full(len(case), 2)
    for rows in (sets[i] for i in order):
        fits = next((i for i in range(2) if len(rows) <= room[i]), 2)
        part[rows] = fits
        room[fits] -= len(rows)
    return part


def _scaffold_sets(case: _Case) -> list[list[int]]:
    """Rows of each scaffold; molecules without rings share one."""
    sets = defaultdict(list)
    for row, text in enumerate(case.smiles):
        sets[murcko(parse(text, "none"))].append(row)
    return list(sets.values())


def _column(case: _Case) -> np.ndarray:
    """As the column says; without validation rows a tenth of train is set aside, at random."""
    if case.column_values is None or len(case.column_values) != len(case):
        raise Refusal("the column split needs the column: data.split.column=NAME")
    said = [value.strip().casefold() for value in case.column_values]
    wrong = next((i for i, value in enumerate(said) if value not in _SAID), None)
    if wrong is not None:
        raise Refusal(
            f"split column: {case.column_values[wrong]!r} (molecule {wrong + 1}, "
            f"{case.smiles[wrong]}) names no part: write train, valid or test"
        )
    part = np.array([_SAID[value] for value in said], dtype=int)
    if not (part == 1).any():
        train = np.flatnonzero(part == 0)
        drawn = np.random.default_rng(case.seed).permutation(train)
        part[drawn[: round(_SET_ASIDE * len(train))]] = 1
    return part


def _kfold(case: _Case) -> np.ndarray:
    """Fold i is test, the next one valid, the others train."""
    if not (case.folds >= 3 and 0 <= case.fold < case.folds):
        raise Refusal(f"fold {case.fold} of {case.folds}: at least 3 folds, numbered from 0")
    part = np.zeros(len(case), dtype=int)
    folds = np.array_split(case.shuffled(), case.folds)
    part[folds[case.fold]] = 2
    part[folds[(case.fold + 1) % case.folds]] = 1
    return part


STRATEGIES = {
    "random": _random,
    "stratified": _stratified,
    "scaffold": _scaffold,
    "balanced_scaffold": _balanced_scaffold,
    "column": _column,
    "kfold": _kfold,
}
