"""Tiles: molecules cut into pieces of one fixed shape, ready for a fast forward pass.

A library of matrix products may round a row otherwise in a product of another shape, and prepares a
bf16 product anew for each new one. So every piece has the same number of rows, filled up with
rows that nobody reads: a molecule's score then depends on the molecule alone, not on its
neighbours, and each product is prepared once.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.chem.packed import PackedGraphs
from molgnn.data.codes import distinct, encode, tuples


class Shape(NamedTuple):
    """Rows of a tile: atoms, of which the last stays free, directed edges, molecules."""

    atoms: int
    edges: int
    molecules: int

    def holding(self, atoms: int, edges: int) -> "Shape":
        """This shape doubled until a molecule of that size fits: such a one gets its own tile."""
        times = 1
        while atoms >= self.atoms * times or edges > self.edges * times:
            times *= 2
        return Shape(self.atoms * times, self.edges * times, self.molecules)


# On a CPU, what the second cache holds: 46 drug-like molecules, 1.3 MB of edge states in bf16.
CACHE_SIZED = Shape(atoms=1024, edges=2240, molecules=128)
# On a GPU, enough work to hide each kernel's start.
DEVICE_SIZED = Shape(atoms=65536, edges=143360, molecules=8192)


class Kinds(NamedTuple):
    """The distinct atoms (V, 9), bonds (U, 3) and starts of edges among some molecules, as codes.

    A start is the pair of source atom and bond, (P, 2): rows of ``atoms`` and ``bonds``. A layer
    that sees nothing else is computed once for each kind, and looked up for each edge.
    """

    atoms: Tensor
    bonds: Tensor
    starts: Tensor


class Bags(NamedTuple):
    """Sums of rows: row i of the result adds up rows ``index[offsets[i]:offsets[i + 1]]``."""

    index: Tensor
    offsets: Tensor


class Halves(NamedTuple):
    """The edges as ``molgnn.nn`` has them, one direction first: ``edge_index`` (2, E), and the
    ``bond_kind`` (E,) of each. Those that fill up are loops on the last atom, which is nobody's."""

    edge_index: Tensor
    bond_kind: Tensor


class Tile(NamedTuple):
    """Some molecules as one graph, filled up to A atoms, E directed edges and G molecules.

    The edges are sorted by target, so those that reach an atom lie side by side.
    ``atom_kind`` (A,), ``bond_kind`` (E,) and ``start_kind`` (E,) are rows of ``Kinds``; ``source``
    (E,) is an edge's first atom. ``incoming``: for each edge vw the edges uv without wv;
    ``arriving``: for each atom its incoming edges; ``members``: for each molecule its atoms.
    ``graph_id`` (A,) is G for an atom of no molecule; ``num_graphs`` of the G molecules are real.
    ``halves`` is there where it was asked for.
    """

    atom_kind: Tensor
    bond_kind: Tensor
    start_kind: Tensor
    source: Tensor
    incoming: Bags
    arriving: Bags
    members: Bags
    graph_id: Tensor
    num_graphs: int
    halves: Halves | None


def tiled(
    graphs: PackedGraphs, shape: Shape = CACHE_SIZED, halves: bool = False
) -> tuple[Kinds, Iterator[Tile]]:
    """The kinds of atoms and bonds in ``graphs``, and its molecules in order, tile by tile."""
    flat = _Flat(graphs)
    return flat.kinds(), (flat.tile(*piece, halves) for piece in pieces(graphs, shape))


def pieces(graphs: PackedGraphs, shape: Shape) -> Iterator[tuple[int, int, Shape]]:
    """First and last molecule + 1 of each tile: as many as fit, in order."""
    atoms, bonds, start = graphs.atom_offsets, graphs.bond_offsets, 0
    while start < len(graphs):
        stop = min(
            int(np.searchsorted(atoms, atoms[start] + shape.atoms - 1, side="right")) - 1,
            int(np.searchsorted(bonds, bonds[start] + shape.edges // 2, side="right")) - 1,
            start + shape.molecules,
            len(graphs),
        )
        if stop > start:
            yield start, stop, shape
        else:
            stop = start + 1
            size = int(graphs.num_atoms[start]), 2 * int(graphs.num_bonds[start])
            yield start, stop, shape.holding(*size)
        start = stop


class _Flat:
    """All molecules as one graph, with its edges sorted by target; tiles are slices of it."""

    def __init__(self, graphs: PackedGraphs):
        coded = encode(graphs)
        self.graphs, self.atoms, self.bonds = graphs, coded.atoms, coded.bonds
        shift = np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)
        begin, end = (graphs.bond_ends + shift[:, None]).T
        source, target = np.concatenate([begin, end]), np.concatenate([end, begin])
        num_edges, num_atoms = len(source), len(graphs.atoms)
        order = np.argsort(target, kind="stable")
        place = np.empty(num_edges, dtype=np.int64)
        place[order] = np.arange(num_edges)
        half = num_edges // 2
        self.source = source[order]
        self.reverse = place[(order + half) % num_edges] if num_edges else place
        self.arriving = _offsets(np.bincount(target, minlength=num_atoms))
        bond = np.concatenate([self.bonds.ids, self.bonds.ids])[order].astype(np.int64)
        self.bond_kind = bond
        atom = self.atoms.ids[self.source].astype(np.int64)
        self.starts = distinct(atom * max(1, len(self.bonds.words)) + bond)
        self._add_incoming()

    def _add_incoming(self) -> None:
        """For edge vw: all edges that reach v, in order, but the one from w."""
        counts = np.diff(self.arriving)[self.source] - 1
        self.incoming = _offsets(counts)
        first = self.arriving[self.source] - self.incoming[:-1]
        index = np.arange(self.incoming[-1]) + np.repeat(first, counts)
        index += index >= np.repeat(self.reverse, counts)
        self.incoming_index = index

    def kinds(self) -> Kinds:
        """One kind of bond and of start even where there is none: rows that fill up look it up."""
        none = np.zeros(1, dtype=np.int64)
        atoms = tuples(self.atoms.words, ATOM_SIZES)
        bonds = tuples(self.bonds.words if len(self.bonds.words) else none, BOND_SIZES)
        starts = self.starts.words if len(self.starts.words) else none
        pairs = np.stack(np.divmod(starts, len(bonds)), axis=1)
        return Kinds(*(torch.from_numpy(a.astype(np.int64)) for a in (atoms, bonds, pairs)))

    def tile(self, start: int, stop: int, shape: Shape, halves: bool) -> Tile:
        atoms = slice(*self.graphs.atom_offsets[[start, stop]])
        edges = slice(*2 * self.graphs.bond_offsets[[start, stop]])
        # An atom's edges lie where its molecule's do: both orders go by atom.
        arriving = self.arriving[atoms.start : atoms.stop + 1] - edges.start
        incoming = self.incoming[edges.start : edges.stop + 1]
        index = self.incoming_index[incoming[0] : incoming[-1]] - edges.start
        members = self.graphs.atom_offsets[start : stop + 1] - atoms.start
        count = stop - start
        return Tile(
            atom_kind=_filled(self.atoms.ids[atoms], shape.atoms),
            bond_kind=_filled(self.bond_kind[edges], shape.edges),
            start_kind=_filled(self.starts.ids[edges], shape.edges),
            source=_filled(self.source[edges] - atoms.start, shape.edges),
            incoming=_bags(index, incoming - incoming[0], shape.edges),
            arriving=_bags(np.arange(arriving[-1]), arriving, shape.atoms),
            members=_bags(np.arange(members[-1]), members, shape.molecules),
            graph_id=_filled(
                np.repeat(np.arange(count), np.diff(members)), shape.atoms, shape.molecules
            ),
            num_graphs=count,
            halves=self._halves(start, stop, shape) if halves else None,
        )

    def _halves(self, start: int, stop: int, shape: Shape) -> Halves:
        bonds = slice(*self.graphs.bond_offsets[[start, stop]])
        atoms = self.graphs.atom_offsets[start:stop]
        ends = (
            self.graphs.bond_ends[bonds]
            + np.repeat(atoms - atoms[0], self.graphs.num_bonds[start:stop])[:, None]
        )
        begin, end = (_filled(side, shape.edges // 2, shape.atoms - 1) for side in ends.T)
        kind = _filled(self.bonds.ids[bonds], shape.edges // 2)
        edge_index = torch.stack([torch.cat([begin, end]), torch.cat([end, begin])])
        return Halves(edge_index, torch.cat([kind, kind]))


def _offsets(counts: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def _filled(values: np.ndarray, size: int, fill: int = 0) -> Tensor:
    full = np.full(size, fill, dtype=np.int64)
    full[: len(values)] = values
    return torch.from_numpy(full)


def _bags(index: np.ndarray, offsets: np.ndarray, size: int) -> Bags:
    """Bags of ``index``; those beyond the last one are empty and give rows of zeros."""
    return Bags(torch.from_numpy(index), _filled(offsets, size + 1, int(offsets[-1])))
