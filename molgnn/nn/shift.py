"""Graph shifts: the matrices S that move a value from an atom to its neighbours."""

import torch
from torch import Tensor

from molgnn.errors import choices
from molgnn.nn.neighbours import sum_at

SHIFTS = ("adjacency", "symmetric", "random_walk", "laplacian")


class Shift:
    """h -> S h, never made as a matrix: S = A, D^-1/2 A D^-1/2, D^-1 A, or I - D^-1/2 A D^-1/2.

    ``loops`` puts A + I, each atom its own neighbour, in the place of A. 1 / 0 counts as 0: of an
    atom without bonds nothing moves. ``centred`` is L - I: the Laplacian's eigenvalues, which lie
    between 0 and 2, moved to [-1, 1] as Chebyshev polynomials need them, with lambda_max = 2
    for every molecule, because an exact one would make atoms depend on their whole molecule.
    """

    def __init__(self, kind: str, edge_index: Tensor, like: Tensor, loops: bool = False):
        """edge_index (2, E), like (N, D): the atoms' number, type and device."""
        if kind not in (*SHIFTS, "centred"):
            raise choices("shift", kind, SHIFTS)
        self.kind, self.loops = kind, loops
        self.source, self.target = edge_index
        ones = like.new_ones(edge_index.size(1), 1)
        degree = sum_at(ones, self.target, len(like)) + float(loops)
        if kind == "adjacency":
            self.left = self.right = torch.ones_like(degree)
        elif kind == "random_walk":
            self.left, self.right = _inverse(degree), torch.ones_like(degree)
        else:
            self.left = self.right = _inverse(degree.sqrt())

    def __call__(self, h: Tensor) -> Tensor:
        """h (N, D) -> (N, D), in the type of ``like``: sums of bf16 rows would lose digits."""
        sent = self.right * h
        moved = sum_at(sent.index_select(0, self.source), self.target, len(h))
        moved = self.left * (moved + sent if self.loops else moved)
        if self.kind == "centred":
            return -moved
        return h - moved if self.kind == "laplacian" else moved


def _inverse(degree: Tensor) -> Tensor:
    return torch.where(degree > 0, 1 / degree, torch.zeros_like(degree))
