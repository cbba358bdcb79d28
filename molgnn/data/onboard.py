"""Tiles laid out by the device that computes on them: little is copied, and the host does little.

The same tiles as those of ``tiles.tiled``, which is the oracle in the tests, but for the kinds of
starts: all pairs of a kind of atom and a kind of bond stand in the table, occurring or not, since
finding those that occur would make the host wait. All sizes are known to the host beforehand.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.chem.packed import PackedGraphs
from molgnn.data.codes import encode, tuples
from molgnn.data.tiles import Bags, Halves, Kinds, Shape, Tile, pieces


class Sizes(NamedTuple):
    """What the host knows of B molecules: the graphs, and how many incoming states there are before
    each one and after the last, (B + 1,)."""

    graphs: PackedGraphs
    incoming: np.ndarray


class Coded(NamedTuple):
    """Molecules as they travel: the distinct atoms (V, 9) and bonds (U, 3), which one each is (N,)
    and (M,), ends of bonds (M, 2) within a molecule, offsets (B + 1,); and their ``sizes``."""

    atoms: Tensor
    bonds: Tensor
    atom_id: Tensor
    bond_id: Tensor
    ends: Tensor
    atom_offsets: Tensor
    bond_offsets: Tensor
    sizes: list[Sizes]  # of one; a list, as it stays on the host where tuples are copied


def coded(graphs: PackedGraphs) -> Coded:
    """What the host does: dictionary codes and sizes."""
    found = encode(graphs)
    none = np.zeros(1, dtype=np.int64)  # what fills up looks up a bond even where there is none
    arrays = (
        tuples(found.atoms.words, ATOM_SIZES).astype(np.int64),
        tuples(found.bonds.words if len(found.bonds.words) else none, BOND_SIZES).astype(np.int64),
        found.atoms.ids.astype(np.int32),
        found.bonds.ids.astype(np.int32),
        graphs.bond_ends,
        graphs.atom_offsets,
        graphs.bond_offsets,
    )
    # Copies of views: torch warns of arrays that may not be written to.
    tensors = (torch.from_numpy(np.require(a, requirements="CW")) for a in arrays)
    return Coded(*tensors, [Sizes(graphs, _incoming(graphs))])


def _incoming(graphs: PackedGraphs) -> np.ndarray:
    """An atom of degree d has d outgoing edges, each of which receives from d - 1."""
    ends = graphs.bond_ends + np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)[:, None]
    degree = np.bincount(ends.ravel(), minlength=len(graphs.atoms))
    before = np.zeros(len(degree) + 1, dtype=np.int64)
    np.cumsum(degree * (degree - 1), out=before[1:])
    return before[graphs.atom_offsets]


def tiled_there(there: Coded, shape: Shape, halves: bool = False) -> tuple[Kinds, Iterator[Tile]]:
    """``tiles.tiled`` of molecules whose tensors are on a device."""
    flat, (sizes,) = _Flat(there), there.sizes
    return flat.kinds(), (flat.tile(*piece, halves) for piece in pieces(sizes.graphs, shape))


class _Flat:
    """All molecules as one graph, with its edges sorted by target, on the device."""

    def __init__(self, there: Coded):
        (self.sizes,) = there.sizes
        self.there, device = there, there.ends.device
        half, num_atoms = len(there.ends), len(there.atom_id)
        shift = _repeated(there.atom_offsets[:-1], there.bond_offsets.diff(), half)
        self.ends = there.ends + shift[:, None]
        begin, end = self.ends.unbind(1)
        source, target = torch.cat([begin, end]), torch.cat([end, begin])
        target, order = torch.sort(target, stable=True)
        place = torch.empty_like(order)
        place[order] = torch.arange(2 * half, device=device)
        self.source = source[order]
        reverse = place[torch.where(order < half, order + half, order - half)]
        degree = order.new_zeros(num_atoms).index_add_(0, target, torch.ones_like(target))
        self.arriving = _offsets(degree)
        self.bond_kind = torch.cat([there.bond_id, there.bond_id])[order].long()
        atom = there.atom_id[self.source].long()
        self.start_kind = atom * len(there.bonds) + self.bond_kind
        self._add_incoming(degree, reverse)

    def _add_incoming(self, degree: Tensor, reverse: Tensor) -> None:
        """For edge vw: all edges that reach v, in order, but the one from w."""
        counts, total = degree[self.source] - 1, int(self.sizes.incoming[-1])
        self.incoming = _offsets(counts)
        first = self.arriving[self.source] - self.incoming[:-1]
        index = torch.arange(total, device=degree.device) + _repeated(first, counts, total)
        self.incoming_index = index + (index >= _repeated(reverse, counts, total))

    def kinds(self) -> Kinds:
        """Starts are all pairs, atom by atom."""
        atoms, bonds = self.there.atoms, self.there.bonds
        pairs = (torch.arange(len(kinds), device=atoms.device) for kinds in (atoms, bonds))
        return Kinds(atoms, bonds, torch.cartesian_prod(*pairs))

    def tile(self, start: int, stop: int, shape: Shape, halves: bool) -> Tile:
        graphs, incoming = self.sizes.graphs, self.sizes.incoming[[start, stop]]
        atoms = slice(*graphs.atom_offsets[[start, stop]].tolist())
        edges = slice(*(2 * graphs.bond_offsets[[start, stop]]).tolist())
        num_atoms, num_edges = atoms.stop - atoms.start, edges.stop - edges.start
        arriving = self.arriving[atoms.start : atoms.stop + 1] - edges.start
        received = self.incoming[edges.start : edges.stop + 1] - int(incoming[0])
        members = self.there.atom_offsets[start : stop + 1] - atoms.start
        count, numbers = stop - start, torch.arange(max(shape), device=arriving.device)
        graph_id = _repeated(numbers[:count], members.diff(), num_atoms)
        index = self.incoming_index[slice(*incoming.tolist())] - edges.start
        return Tile(
            atom_kind=_filled(self.there.atom_id[atoms].long(), shape.atoms),
            bond_kind=_filled(self.bond_kind[edges], shape.edges),
            start_kind=_filled(self.start_kind[edges], shape.edges),
            source=_filled(self.source[edges] - atoms.start, shape.edges),
            incoming=Bags(index, _filled(received, shape.edges + 1, len(index))),
            arriving=Bags(numbers[:num_edges], _filled(arriving, shape.atoms + 1, num_edges)),
            members=Bags(numbers[:num_atoms], _filled(members, shape.molecules + 1, num_atoms)),
            graph_id=_filled(graph_id, shape.atoms, shape.molecules),
            num_graphs=count,
            halves=self._halves(start, stop, atoms.start, shape) if halves else None,
        )

    def _halves(self, start: int, stop: int, first: int, shape: Shape) -> Halves:
        bonds = slice(*self.sizes.graphs.bond_offsets[[start, stop]].tolist())
        ends, half = self.ends[bonds] - first, shape.edges // 2
        begin, end = (_filled(side, half, shape.atoms - 1) for side in ends.unbind(1))
        kind = _filled(self.there.bond_id[bonds].long(), half)
        edge_index = torch.stack([torch.cat([begin, end]), torch.cat([end, begin])])
        return Halves(edge_index, torch.cat([kind, kind]))


def _repeated(values: Tensor, counts: Tensor, total: int) -> Tensor:
    """Each value so many times, ``total`` in all: without that word the host would wait for it."""
    return values.repeat_interleave(counts, output_size=total)


def _offsets(counts: Tensor) -> Tensor:
    return F.pad(counts.cumsum(0), (1, 0))


def _filled(values: Tensor, size: int, fill: int = 0) -> Tensor:
    return F.pad(values, (0, size - len(values)), value=fill)
