"""The members of an ensemble applied to many molecules, tile by tile, as fast as the device can."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import to_batch
from molgnn.data.tiles import CACHE_SIZED, DEVICE_SIZED, Shape, Tile
from molgnn.models.ahead import Part, parts_on, pieces_of
from molgnn.models.outputs import LevelOutputs
from molgnn.models.property import PropertyModel
from molgnn.models.small import SMALL, Sizes, same_bits
from molgnn.nn.head import asked
from molgnn.nn.tiled import TiledPlain, on_tiles, pooled

Compute = Callable[[PackedGraphs, Sizes], list[Tensor]]
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Scorer:
    """Logits of all members, each tile made once for all of them.

    With one ``precision`` on one machine, a molecule's logits do not depend on the molecules beside
    it, nor on the number of threads. In bf16 the encoder computes so, readout and head in fp32.
    ``shape`` of the tiles: None for the device's own, and on a CPU small ones for few molecules.
    """

    def __init__(
        self,
        members: Sequence[PropertyModel],
        device: torch.device,
        precision: str = "fp32",
        shape: Shape | None = None,
    ):
        self.members, self.device, self.precision = list(members), device, precision
        self._encoders = [on_tiles(m.encoder, PRECISIONS[precision]) for m in self.members]
        self._halves = any(isinstance(encoder, TiledPlain) for encoder in self._encoders)
        on_cpu = device.type == "cpu"
        large = Sizes(CACHE_SIZED, block=256) if on_cpu else Sizes(DEVICE_SIZED, block=8192)
        self._large = large._replace(shape=shape or large.shape)
        self._part = 4096 if on_cpu else 65536  # molecules whose layout is in memory at once
        self._small = SMALL if on_cpu and precision == "fp32" and shape is None else ()
        self._tried: dict[tuple, bool] = {}

    @torch.inference_mode()
    def logits(self, graphs: PackedGraphs) -> np.ndarray:
        """Outputs for molecules (members, B, O) float32; O is 0 without such targets. A head with
        ``samples`` gives all of them side by side, (members, B, samples x O)."""
        if self.members[0].head is None:
            return np.zeros((len(self.members), len(graphs), 0), dtype=np.float32)
        sizes = self._sizes(graphs, self._answers)
        return torch.stack(self._answers(graphs, sizes)[len(self.members) :]).cpu().numpy()

    @torch.inference_mode()
    def level_logits(self, graphs: PackedGraphs) -> list[dict[str, np.ndarray]]:
        """For each member its outputs by level, float32: of molecules (B, O), those of ``logits``,
        of atoms (N, O), of bonds (M, O)."""
        sizes = self._sizes(graphs, self._level_answers)
        each = iter(self._level_answers(graphs, sizes))
        return [
            {level: next(each).cpu().numpy() for level in member.levels} for member in self.members
        ]

    @torch.inference_mode()
    def embed(self, graphs: PackedGraphs) -> np.ndarray:
        """Molecule vectors (B, members x D), what the heads see."""
        sizes = self._sizes(graphs, self._answers)
        vectors = self._all_vectors(graphs, sizes.shape)
        return torch.cat(vectors, dim=1).cpu().numpy()

    def _sizes(self, graphs: PackedGraphs, compute: Compute) -> Sizes:
        """Small ones where they hold all molecules and ``compute`` gives the bits of large ones.
        That is tried once, and again after a change of what products may depend on."""
        for small in self._small:
            if small.hold(graphs):
                settings = torch.get_num_threads(), torch.get_float32_matmul_precision()
                key = small, compute.__name__, *settings
                if key not in self._tried:
                    self._tried[key] = same_bits(compute, small, self._large)
                if self._tried[key]:
                    return small
        return self._large

    def _answers(self, graphs: PackedGraphs, sizes: Sizes) -> list[Tensor]:
        """For each member its vectors (B, D), then for each its logits (B, O), float32; without a
        head for molecules the vectors alone."""
        vectors, features = self._all_vectors(graphs, sizes.shape), self._features(graphs)
        heads = [
            self._head(member, each, features, sizes.block)
            for member, each in zip(self.members, vectors, strict=True)
            if member.head
        ]
        return [*vectors, *heads]

    def _level_answers(self, graphs: PackedGraphs, sizes: Sizes) -> list[Tensor]:
        """For each member one tensor a level: molecules (B, O), atoms (N, O), bonds (M, O)."""
        found = [LevelOutputs(member) for member in self.members]
        if self.device.type in ("cpu", "cuda"):
            halves = self._halves or "bond" in self.members[0].levels
            laid_out = parts_on(self.device, graphs, self._part, sizes.shape, halves)
            for part, tile, each in self._tiles(laid_out):
                for outputs, atoms in zip(found, each, strict=True):
                    outputs.add(atoms, tile, part.kinds)
        else:
            for piece in pieces_of(graphs, self._part):
                batch = to_batch(piece).to(self.device)
                for outputs in found:
                    outputs.add_plain(batch)
        head = partial(self._head, features=self._features(graphs), rows=sizes.block)
        return [rows for outputs in found for rows in outputs.joined(head).values()]

    def _all_vectors(self, graphs: PackedGraphs, shape: Shape) -> list[Tensor]:
        """For each member (B, D)."""
        parts = [[torch.zeros(0, m.readout.out_dim, device=self.device)] for m in self.members]
        vectors = self._vectors if self.device.type in ("cpu", "cuda") else self._vectors_plain
        vectors(graphs, shape, parts)
        return [torch.cat(part) for part in parts]

    def _vectors(self, graphs: PackedGraphs, shape: Shape, parts: list[list[Tensor]]) -> None:
        laid_out = parts_on(self.device, graphs, self._part, shape, self._halves)
        for found, each in zip(parts, self.computed(laid_out), strict=True):
            found.extend(each)

    @torch.inference_mode()
    def computed(self, laid_out: Iterable[Part]) -> list[list[Tensor]]:
        """For each member the vectors (num_graphs, D) of the molecules of each tile."""
        found: list[list[Tensor]] = [[] for _ in self.members]
        for _, tile, each in self._tiles(laid_out):
            for vectors, member, atoms in zip(found, self.members, each, strict=True):
                vectors.append(pooled(member.readout, atoms, tile))
        return found

    def _tiles(self, laid_out: Iterable[Part]) -> Iterator[tuple[Part, Tile, Iterator[Tensor]]]:
        """Each tile, and one after the other what each member makes of it: atoms (A, D)."""
        for part in laid_out:
            tables = [encoder.tables(part.kinds) for encoder in self._encoders]
            for tile in part.tiles:
                pairs = zip(self._encoders, tables, strict=True)
                yield part, tile, (encoder(tile, table) for encoder, table in pairs)

    def _vectors_plain(self, graphs: PackedGraphs, _: Shape, parts: list[list[Tensor]]) -> None:
        """For a device that lacks what tiles need, such as Apple's."""
        for piece in pieces_of(graphs, self._part):
            batch = to_batch(piece).to(self.device)
            for part, member in zip(parts, self.members, strict=True):
                part.append(member.embed(batch))

    def _features(self, graphs: PackedGraphs) -> Tensor | None:
        widths = [member.features.in_dim for member in self.members if member.features is not None]
        if not widths:
            return None
        features = graphs.features
        if features is None:  # the probes of ``small`` have none
            features = np.zeros((len(graphs), max(widths)), dtype=np.float32)
        return torch.from_numpy(features).to(self.device)

    def _head(
        self, member: PropertyModel, vectors: Tensor, features: Tensor | None, rows: int
    ) -> Tensor:
        vectors, head = member.beside(vectors, features), asked(member.head)
        count = len(vectors)
        blocks = max(1, -(-count // rows))
        filled = vectors.new_zeros(blocks * rows, vectors.size(1))
        filled[:count] = vectors
        logits = torch.cat([head(block) for block in filled.split(rows)])
        return logits[:count].float()
