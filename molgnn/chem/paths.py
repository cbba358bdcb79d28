"""Connectivity over paths of two to four bonds, all paths found once, in RDKit's order.

RDKit finds the paths anew for each of eight descriptors, and compares each path with all others to
drop what it has found backwards already. It keeps the first of those with the same bonds, and finds
them in lexicographic order: so a path is kept where its ends ascend, no other being looked at. As
RDKit's, a path may end in an atom that it has passed, which closes a ring of three or four.
"""

import numpy as np

Columns = tuple[np.ndarray, ...]  # the first atoms of all paths, their second ones, ...


def find_paths(size: int, ends: np.ndarray) -> tuple[Columns, Columns, Columns]:
    """Paths of 3, 4 and 5 atoms among ``size`` atoms. ends (E, 2): of the bonds to heavy atoms."""
    steps = np.sort(
        np.concatenate([ends[:, 0] * size + ends[:, 1], ends[:, 1] * size + ends[:, 0]])
    )
    begin, end = np.divmod(steps, size) if size else (steps, steps)
    degree = np.bincount(begin, minlength=size)
    graph = end, degree, np.cumsum(degree) - degree
    three = _extended((begin, end), *graph)
    four = _extended(three, *graph)
    a, b, c, d = four
    closed = a == d
    simple = four if not closed.any() else _chosen(four, ~closed)
    five = _extended(simple, *graph)
    kept_four = (a < d) | (closed & (a < b) & (a < c) & (b < c))
    a, b, c, d, e = five
    ring = (a == e) & (a < b) & (a < c) & (a < d) & (b < d)
    kept_five = np.where(b == e, c < d, (a < e) | ring)
    return (
        _chosen(three, three[0] < three[2]),
        _chosen(four, kept_four),
        _chosen(five, kept_five),
    )


def _extended(
    paths: Columns, neighbours: np.ndarray, degree: np.ndarray, first: np.ndarray
) -> Columns:
    """Each path with each neighbour of its last atom, but never straight back."""
    last = paths[-1]
    times = degree[last]
    stop = np.cumsum(times)
    source = np.repeat(np.arange(len(last)), times)
    place = np.arange(len(source)) + (first[last] - stop + times)[source]
    after = neighbours[place]
    on = after != paths[-2][source]
    source = source[on]
    return *(column[source] for column in paths), after[on]


def _chosen(paths: Columns, which: np.ndarray) -> Columns:
    return tuple(column[which] for column in paths)


def chi(weights: np.ndarray, paths: Columns) -> np.ndarray:
    """The sum over paths of the product of the atoms' weights. weights (K, N) -> (K,). Hall and
    Kier, Rev. Comput. Chem. 1991, doi:10.1002/9780470125793.ch9."""
    if not len(paths[0]):
        return np.zeros(len(weights))
    *begin, last = paths
    product = weights.take(begin[0], 1)
    for column in begin[1:]:
        product *= weights.take(column, 1)
    ends = weights.take(last, 1)
    ends[:, last == paths[0]] = 1.0  # the atom that closes a ring is counted once
    product *= ends
    return np.add.accumulate(product, axis=1)[:, -1]


def chi_weights(numbers: np.ndarray, outer: np.ndarray, hydrogens: np.ndarray) -> np.ndarray:
    """1 / sqrt(delta) of each atom (2, N): with delta the valence, and with Kier and Hall's."""
    valence = (outer - hydrogens).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # odd atoms give NaN, as in RDKit
        heavy = np.where(numbers <= 10, valence, valence / (numbers - outer - 1))
        delta = np.stack([valence, np.where(numbers <= 1, 0.0, heavy)])
        return np.where(delta != 0.0, 1.0 / np.sqrt(delta), 0.0)


def kappa_2(count: int, heavy: int, alpha: float) -> float:
    """count: paths of two bonds; alpha: Hall and Kier's. The reference is that of ``chi``."""
    below = (count + alpha) * (count + alpha)
    return (heavy + alpha - 1) * (heavy + alpha - 2) * (heavy + alpha - 2) / below if below else 0.0


def kappa_3(count: int, heavy: int, alpha: float) -> float:
    """count: paths of three bonds."""
    below = (count + alpha) * (count + alpha)
    least = heavy + alpha - (1 if heavy % 2 else 2)
    return least * (heavy + alpha - 3) * (heavy + alpha - 3) / below if below else 0.0
