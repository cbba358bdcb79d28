"""Folds of repeated cross-validation: each molecule judges once a repeat, and never trains then."""

from collections.abc import Sequence

import numpy as np

from molgnn.chem.scaffold import murcko
from molgnn.chem.smiles import parse
from molgnn.data.tables.split import Split, strata
from molgnn.errors import Refusal, choices

SET_ASIDE = 10  # one in so many of the molecules outside the fold is valid
RULES = ("random", "stratified", "scaffold")


def cross_splits(
    smiles: Sequence[str],
    y: np.ndarray,
    *,
    name: str = "random",
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
) -> list[list[Split]]:
    """``[repeat][fold]`` -> a Split: test is the fold, valid a tenth of the rest by the same rule,
    train what remains. Each repeat deals the molecules anew; equal arguments give equal folds, and
    a repeat does not depend on how many there are.

    ``random``: sizes differ by one at most. ``stratified``: so does each class of the first column
    of ``y`` (n, T) between folds (each tenth of the values of a regression target). ``scaffold``:
    no Murcko scaffold in two parts of a split; molecules without rings share one, so a set with
    many of them has one large fold. Raises Refusal for another name, for numbers that make no
    sense, and where there are too few molecules, scaffolds or labels.
    """
    if name not in RULES:
        raise choices("split", name, RULES)
    for what, least, given in (("folds", 2, folds), ("repeats", 1, repeats), ("seed", 0, seed)):
        if given < least:
            raise Refusal(f"{what} {given}: at least {least}")
    keys = _keys(smiles, y, name)
    units = len(np.unique(keys)) if name == "scaffold" else len(smiles)
    if units <= folds:
        raise _too_few(folds, units, name)
    return [_repeat(keys, name, folds, [seed, repeat]) for repeat in range(repeats)]


def _too_few(folds: int, units: int, name: str) -> Refusal:
    what = "scaffolds" if name == "scaffold" else "molecules"
    other = ", or another split" if name == "scaffold" else ""
    return Refusal(f"{folds} folds of {units} {what} leave too few to train: fewer folds{other}")


def _keys(smiles: Sequence[str], y: np.ndarray, name: str) -> np.ndarray:
    """(n,) number of the group that is to stay whole (scaffold) or to be shared out (others)."""
    if name == "scaffold":
        scaffolds = [murcko(parse(text, "none")) for text in smiles]
        return np.unique(scaffolds, return_inverse=True)[1]
    if name == "stratified":
        if not np.size(y):
            raise Refusal("the stratified split needs labels of molecules")
        return strata(y)
    return np.zeros(len(smiles), dtype=int)


def _repeat(keys: np.ndarray, name: str, folds: int, seed: list[int]) -> list[Split]:
    deal, set_aside = (_whole, _whole_aside) if name == "scaffold" else (_shared, _shared_aside)
    fold_of = deal(keys, folds, np.random.default_rng(seed))
    splits = []
    for fold in range(folds):
        rest = np.flatnonzero(fold_of != fold)
        aside = set_aside(keys[rest], np.random.default_rng([*seed, fold + 1]))
        if aside.all():
            raise _too_few(folds, len(np.unique(keys)), name)
        splits.append(Split(rest[~aside], rest[aside], np.flatnonzero(fold_of == fold)))
    return splits


def _shuffled_by_group(keys: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Row numbers, group after group, in random order within each."""
    order = rng.permutation(len(keys))
    return order[np.argsort(keys[order], kind="stable")]


def _shared(keys: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) fold of each molecule: dealt like cards, one group after the other."""
    fold_of = np.empty(len(keys), dtype=int)
    fold_of[_shuffled_by_group(keys, rng)] = np.arange(len(keys)) % folds
    return fold_of


def _shared_aside(keys: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: every tenth, from a random start, of the molecules in the order of groups."""
    order = _shuffled_by_group(keys, rng)
    aside = np.zeros(len(keys), dtype=bool)
    aside[order[rng.integers(min(SET_ASIDE, len(keys))) :: SET_ASIDE]] = True
    return aside


def _whole(keys: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) fold of each molecule: group by group to the fold that is smallest so far; those larger
    than half a fold first, from the largest, the others in random order."""
    sizes = np.bincount(keys)
    drawn = rng.permutation(len(sizes))
    half = len(keys) / folds / 2
    order = sorted(drawn, key=lambda group: -sizes[group] if sizes[group] > half else 0)
    filled, fold_of_group = np.zeros(folds, dtype=int), np.empty(len(sizes), dtype=int)
    for group in order:
        fold_of_group[group] = np.argmin(filled)
        filled[fold_of_group[group]] += sizes[group]
    return fold_of_group[keys]


def _whole_aside(keys: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: groups in random order, each that still fits in a tenth; else the smallest."""
    groups, sizes = np.unique(keys, return_counts=True)
    room, taken = round(len(keys) / SET_ASIDE), []
    for drawn in rng.permutation(len(groups)):
        if sizes[drawn] <= room:
            room -= sizes[drawn]
            taken.append(groups[drawn])
    return np.isin(keys, taken or [groups[np.argmin(sizes)]])
