"""Descriptors of the bare graph, as RDKit computes them in Python: the same sums, in its order.

A sum of doubles depends on the order of its terms, and those here are RDKit's to the last bit: its
loops over pairs of atoms are numpy's reductions along an outer axis, which go row by row.
"""

import math

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdmolops
from rdkit.ML.InfoTheory import entropy

_CUTOFF = 100  # BertzCT compares so many distances of an atom
_PLAIN_BONDS = {
    Chem.BondType.SINGLE: 1.0,
    Chem.BondType.DOUBLE: 2.0,
    Chem.BondType.TRIPLE: 3.0,
    Chem.BondType.AROMATIC: 1.5,
}
_FAR = 1e6  # RDKit's distance between fragments is 1e8


class Odd(ValueError):
    """A molecule that RDKit's own functions have to judge."""


def orders(kinds: list[Chem.BondType], aromatic: list[bool]) -> list[float]:
    """The order of each bond, 1.5 if aromatic. Raises Odd for an unusual kind, the order of which
    depends on RDKit's version."""
    found = [1.5 if a else _PLAIN_BONDS.get(k) for k, a in zip(kinds, aromatic, strict=True)]
    if None in found:
        raise Odd("a bond of an unusual kind")
    return found


def distances(mol: Chem.Mol) -> np.ndarray:
    """Bonds on the shortest path between two atoms (N, N) float64."""
    return rdmolops.GetDistanceMatrix(mol, False, False, True)


def balaban_distances(mol: Chem.Mol) -> np.ndarray:
    """The same with each bond counted as the inverse of its order (N, N) float64."""
    return rdmolops.GetDistanceMatrix(mol, True, False, True, "Balaban")


def chi(products: np.ndarray) -> float:
    """The sum of 1 / sqrt(p) over the products of degrees that are not zero. Hall and Kier, Rev.
    Comput. Chem. 1991, doi:10.1002/9780470125793.ch9. products (M,) float64."""
    terms = np.sqrt(1.0 / products[products != 0])
    return np.add.accumulate(terms)[-1] if len(terms) else 0


def estate(intrinsic: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """S_i = I_i + sum_j (I_i - I_j) / (d_ij + 1)^2. Hall, Mohney and Kier, J. Chem. Inf. Comput.
    Sci. 1991, doi:10.1021/ci00001a012. intrinsic (N,), apart (N, N) -> (N,)."""
    apart = apart + 1
    change = (intrinsic - intrinsic[:, None]) / (apart * apart)
    if apart.max() >= _FAR:
        change[apart >= _FAR] = 0.0
    return np.add.reduce(change, axis=0) + intrinsic


def polynomial(adjacent: np.ndarray) -> np.ndarray:
    """Absolute coefficients of the characteristic polynomial (N + 1,), by Le Verrier, Faddeev and
    Frame. adjacent (N, N) float64, of zeros and ones."""
    size = len(adjacent)
    found = np.zeros(size + 1)
    found[0] = 1.0
    now, then = adjacent.copy(), np.empty_like(adjacent)
    for step in range(1, size + 1):
        diagonal = now.ravel()[:: size + 1]
        found[step] = 1.0 / step * diagonal.sum()
        diagonal -= found[step]
        np.dot(adjacent, now, out=then)
        now, then = then, now
    return np.abs(found)


def information(coefficients: np.ndarray) -> tuple[float, float]:
    """Ipc and AvgIpc. Bonchev and Trinajstic, J. Chem. Phys. 1977, doi:10.1063/1.434593."""
    average = entropy.InfoEntropy(coefficients)
    return sum(coefficients) * average, average


def balaban_j(apart: np.ndarray, bonds: list[tuple[int, int]]) -> float:
    """J = q / (mu + 1) sum over bonds of 1 / sqrt(s_i s_j), with s the sums of distances. Balaban,
    Chem. Phys. Lett. 1982, doi:10.1016/0009-2614(82)80009-2."""
    cycles = len(bonds) - len(apart) + 1
    if cycles + 1 == 0:
        return 0
    if not bonds:
        return float(len(bonds)) / float(cycles + 1) * 0.0
    ends = np.array(sorted((a, b) if a < b else (b, a) for a, b in bonds))
    sums = np.add.reduce(apart, axis=0)
    terms = 1.0 / np.sqrt(sums[ends[:, 0]] * sums[ends[:, 1]])
    return float(len(bonds)) / float(cycles + 1) * np.add.accumulate(terms)[-1]


def bertz_ct(
    numbers: list[int], apart: np.ndarray, bonds: list[tuple[int, int]], orders: list[float]
) -> float:
    """Bertz, J. Am. Chem. Soc. 1981, doi:10.1021/ja00402a001. numbers: the elements of the atoms;
    apart: ``balaban_distances``."""
    size = len(numbers)
    if size < 2:
        return 0
    neighbours: list[list[tuple[int, float]]] = [[] for _ in range(size)]
    for (begin, end), order in zip(bonds, orders, strict=True):
        neighbours[begin].append((end, order))
        neighbours[end].append((begin, order))
    classes = _classes(apart)
    connections: dict[tuple, float] = {}
    for atom, around in enumerate(neighbours):
        around.sort()
        _connect(connections, atom, around, classes)
    elements: dict[int, int] = {}
    for number in numbers:
        elements[number] = elements.get(number, 0) + 1
    counts = list(connections.values()) or [1]
    total = sum(counts)
    connected = total * (
        entropy.InfoEntropy(np.array(counts, float)) + math.log(total) / math.log(2)
    )
    return size * entropy.InfoEntropy(np.array(list(elements.values()), float)) + connected


def _classes(apart: np.ndarray) -> list[int]:
    """Atoms with equal sorted distances, to four digits, are of one class; numbered as they come.

    Sums of inverse bond orders are no ties at the fourth digit: rounding them is formatting them.
    """
    rows = np.rint(np.sort(apart, axis=1)[:, :_CUTOFF] * 1e4)
    seen: dict[bytes, int] = {}
    return [seen.setdefault(row.tobytes(), len(seen)) for row in rows]


def _connect(
    connections: dict, atom: int, around: list[tuple[int, float]], classes: list[int]
) -> None:
    """Add the multiple bonds of an atom to higher ones, and the pairs of its bonds."""
    own = classes[atom]
    for i, (other, order) in enumerate(around):
        one = classes[other]
        if order > 1 and other > atom:
            key = (own, one) if own < one else (one, own)
            connections[key] = connections.get(key, 0) + order * (order - 1) / 2
        for next_one, next_order in around[i + 1 :]:
            two = classes[next_one]
            key = (one, own, two) if one < two else (two, own, one)
            connections[key] = connections.get(key, 0) + order * next_order
