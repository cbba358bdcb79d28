"""Small tiles for requests of few molecules, tried bit by bit against large ones before use."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.chem.packed import PackedGraphs, offsets_of
from molgnn.data.tiles import Shape


class Sizes(NamedTuple):
    """The shape of a tile, and the molecules that a head sees at once."""

    shape: Shape
    block: int

    def hold(self, graphs: PackedGraphs) -> bool:
        """Whether there are molecules, and one tile and one block take them all."""
        atoms, edges = graphs.atom_offsets[-1], 2 * graphs.bond_offsets[-1]
        fits = atoms < self.shape.atoms and edges <= self.shape.edges
        return bool(fits) and 0 < len(graphs) <= min(self.shape.molecules, self.block)


# All multiples of 16: libraries of products have other routines for fewer rows, and for rows left
# over. A tile of 512 atoms would take more than half the time of a large one.
SMALL = tuple(Sizes(Shape(32 * n, 80 * n, 16), block=16) for n in (1, 2, 4, 8))

_BOND_KINDS = 6  # in a probe: an MPNN multiplies once for each kind


def same_bits(
    compute: Callable[[PackedGraphs, Sizes], Sequence[Tensor]], small: Sizes, large: Sizes
) -> bool:
    """Whether molecules that fill small tiles get the bits that they get in a large one, each at
    another place there. ``compute`` gives single precision, rows in the order of molecules.

    How a product rounds a row depends on the product's shape, and can on the row's place in it: so
    the probes use every row that a request may use. Where they overflow nothing is shown.
    """
    requests = probes(small)
    apart = [compute(graphs, small) for graphs in requests]
    together = compute(PackedGraphs.concat(requests), large)
    return all(
        whole.isfinite().all() and torch.equal(_bits(torch.cat(parts)), _bits(whole))
        for *parts, whole in zip(*apart, together, strict=True)
    )


def _bits(values: Tensor) -> Tensor:
    return values.view(torch.int32)


def probes(sizes: Sizes) -> list[PackedGraphs]:
    """Three requests: one atom; one molecule, and many, that leave no row of the tile free. Those
    are small, as one atom's last bit is easily lost in the sum over a large one. They are no
    chemistry: networks see codes, and drawn ones differ in every row."""
    draw, shape = np.random.default_rng(0), sizes.shape
    kinds = draw.integers(0, BOND_SIZES, (_BOND_KINDS, len(BOND_SIZES))).astype(np.uint8)
    many = [shape.atoms // shape.molecules] * shape.molecules
    many[0] -= 1
    return [
        _graph(1, 0, kinds, draw),
        _graph(shape.atoms - 1, shape.edges // 2, kinds, draw),
        PackedGraphs.concat([_graph(atoms, atoms - 1, kinds, draw) for atoms in many]),
    ]


def _graph(atoms: int, bonds: int, kinds: np.ndarray, draw: np.random.Generator) -> PackedGraphs:
    """A molecule of drawn codes: a tree with short branches; bonds beyond it close rings."""
    end = np.arange(1, atoms)
    begin = np.maximum(0, end - draw.integers(1, 3, atoms - 1))
    far = np.arange(5, atoms)[: bonds - len(end)]
    ends = np.concatenate([np.stack([begin, end], axis=1), np.stack([far - 5, far], axis=1)])
    return PackedGraphs(
        draw.integers(0, ATOM_SIZES, (atoms, len(ATOM_SIZES))).astype(np.uint8),
        ends.astype(np.int32),
        kinds[draw.integers(0, len(kinds), bonds)],
        offsets_of(np.array([atoms])),
        offsets_of(np.array([bonds])),
    )
