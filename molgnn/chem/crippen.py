"""Crippen's logP and refractivity from the contributions of the heavy atoms: no hydrogen is added.

RDKit adds all hydrogen atoms and assigns types to all atoms anew, though hydrogen atoms change no
type but their own, which follows from the atom that they are bound to. Wildman and Crippen, J.
Chem. Inf. Comput. Sci. 1999, doi:10.1021/ci990307l.
"""

from functools import cache
from itertools import chain

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

_MOST = 900  # RDKit finds no more than 1,000 hydrogen atoms of a type: larger ones are left to it
# A hydrogen atom of each type, in the atom that it is bound to: the last atom of the molecule.
_EXAMPLES = {"H1": "C", "H2": "CO", "H3": "N", "H4": "O=CO", "HS": "C#CO"}


def log_p(
    mol: Chem.Mol,
    heavy: list[tuple[float, float]],
    atoms: list[Chem.Atom],
    numbers: list[int],
    hydrogens: list[int],
) -> tuple[float, float]:
    """logP and molar refractivity, as ``CalcCrippenDescriptors`` gives them.

    The molecule has no hydrogen atoms of its own. heavy: the contributions of its atoms; numbers,
    hydrogens: their elements, and the number of hydrogen atoms that each of them implies.
    """
    if sum(hydrogens) > _MOST:
        return rdMolDescriptors.CalcCrippenDescriptors(mol)
    values = _hydrogen()
    added = chain.from_iterable(
        [values[_type(atom, number, count)]] * count
        for atom, number, count in zip(atoms, numbers, hydrogens, strict=True)
        if count
    )
    terms = np.array([*heavy, *added])
    if not len(terms):
        return 0.0, 0.0
    # Term by term in RDKit's order: the last digit depends on it.
    first, second = np.add.accumulate(terms, axis=0)[-1].tolist()
    return first, second


def _type(atom: Chem.Atom, number: int, count: int) -> str:
    """The type of the hydrogen atoms of this one, by the first of RDKit's patterns that fits."""
    if number == 6:
        return "H1"
    if number == 7:
        return "H3"
    if number != 8:
        return "H2"
    if atom.GetIsAromatic():
        return "HS"
    around = atom.GetNeighbors()
    if count > 1 or any(_is_alcohol(other) for other in around):
        return "H2"
    if any(other.GetAtomicNum() == 7 for other in around):
        return "H3"
    return "H4" if any(_is_acid(other) for other in around) else "HS"


def _is_alcohol(other: Chem.Atom) -> bool:
    number = other.GetAtomicNum()
    if number == 6:
        return other.GetIsAromatic() or other.GetTotalDegree() == 4
    return number not in (7, 8, 16)


def _is_acid(other: Chem.Atom) -> bool:
    """Bound to oxygen or sulfur, or to a carbon atom with a double bond, none of them aromatic."""
    if other.GetIsAromatic():
        return False
    if other.GetAtomicNum() != 6:
        return True
    for bond in other.GetBonds():
        if bond.GetBondType() == Chem.BondType.DOUBLE and not bond.GetIsAromatic():
            far = bond.GetOtherAtom(other)
            number = far.GetAtomicNum()
            if number in (6, 7) or (number in (8, 16) and not far.GetIsAromatic()):
                return True
    return False


@cache
def _hydrogen() -> dict[str, tuple[float, float]]:
    """The contributions to logP and refractivity, as this RDKit has them."""
    found = {}
    for name, text in _EXAMPLES.items():
        mol = Chem.MolFromSmiles(text)
        found[name] = rdMolDescriptors._CalcCrippenContribs(Chem.AddHs(mol))[-1]
    return found
