"""RDKit's two-dimensional descriptors, what they share computed once: equal to RDKit's own.

RDKit computes each of its 217 descriptors by itself: the E-state indices four times, one
characteristic polynomial twice, and 200 SMARTS patterns without a look at the elements. The table
in ``groups`` says what is computed together; every other name is left to RDKit's own function, and
so is a group that fails on a molecule, or differed from RDKit's at the trial.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import Descriptors

from molgnn.chem.facts import Facts
from molgnn.chem.groups import GROUPS
from molgnn.chem.trial import awkward

_LONG = 100  # characters: RDKit's own way takes seconds for a chain of 256 atoms
Compute = Callable[[Chem.Mol], float]


def names() -> tuple[str, ...]:
    """RDKit's names, in its order: they differ from version to version."""
    return tuple(name for name, _ in Descriptors.descList)


def descriptors_plain(mol: Chem.Mol) -> np.ndarray:
    """What ``descriptors`` gives (F,) float64, by RDKit's own loop: the oracle."""
    found = Descriptors.CalcMolDescriptors(mol, missingVal=np.nan, silent=True)
    return np.array([found[name] for name in names()], dtype=np.float64)


def descriptors(mol: Chem.Mol) -> np.ndarray:
    """The descriptors of a molecule fresh from the parser (F,) float64; those that fail are NaN."""
    return _plan(differing()).compute(mol)


@cache
def differing() -> frozenset[str]:
    """Names for which the quick way differs from this RDKit on awkward molecules: none in those
    versions that we know. They are left to RDKit in this process."""
    quick, found = _plan(frozenset()), set()
    with rdBase.BlockLogs():
        short = [text for text in awkward() if "\n" not in text and len(text) < _LONG]
        mols = [Chem.MolFromSmiles(text) for text in short]
        for mol in filter(None, mols):
            both = [descriptors_plain(Chem.Mol(mol)), quick.compute(Chem.Mol(mol))]
            left, right = (np.clip(side, -1e30, 1e30).astype(np.float32) for side in both)
            alike = (left == right) | (np.isnan(left) & np.isnan(right))
            found.update(name for name, same in zip(names(), alike, strict=True) if not same)
    return frozenset(found)


class _Plan:
    """Which names come from which group, and which from RDKit's own functions."""

    def __init__(self, left_out: frozenset[str]):
        self._own = dict(Descriptors.descList)
        place = {name: i for i, name in enumerate(self._own)}
        self._width = len(place)
        self._groups: list[tuple[Callable, list[int], list[int], list[Compute]]] = []
        alone = dict(place)
        for members, function in GROUPS:
            chosen = [i for i, n in enumerate(members) if n in place and n not in left_out]
            here = [members[i] for i in chosen]
            if here:
                own = [self._own[name] for name in here]
                places = [alone.pop(name) for name in here]
                self._groups.append((function, chosen, places, own))
        self._alone = [(i, self._own[name]) for name, i in alone.items()]

    def compute(self, mol: Chem.Mol) -> np.ndarray:
        if not mol.GetNumAtoms():
            return descriptors_plain(mol)
        found = np.empty(self._width)
        facts = Facts(mol)
        for function, chosen, places, own in self._groups:
            try:
                values = function(facts)
            # As RDKit's loop does: what it or a group raises on odd molecules is of any kind.
            except Exception:  # noqa: BLE001  why: see above
                found[places] = [_tried(one, mol) for one in own]
            else:
                found[places] = [values[i] for i in chosen]
        for place, one in self._alone:
            found[place] = _tried(one, mol)
        return found


def _tried(one: Compute, mol: Chem.Mol) -> float:
    try:
        return one(mol)
    except Exception:  # noqa: BLE001 (RDKit's own loop: any failure is a missing value)
        return np.nan


@cache
def _plan(left_out: frozenset[str]) -> _Plan:
    return _Plan(left_out)
