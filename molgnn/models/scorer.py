"""The members of an ensemble applied to many molecules, tile by tile, as fast as the device can."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import to_batch
from molgnn.data.tiles import CACHE_SIZED, DEVICE_SIZED, Shape, Tile
from molgnn.models.ahead import Part, parts_on, pieces_of
from molgnn.models.outputs import LevelOutputs
from molgnn.models.property import PropertyModel
from molgnn.nn.tiled import TiledPlain, on_tiles, pooled

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Scorer:
    """Logits of all members, each tile made once for all of them.

    With one ``precision`` on one machine, a molecule's logits do not depend on the molecules beside
    it, nor on the number of threads. In bf16 the encoder computes so, readout and head in fp32.
    ``shape`` of the tiles: None for the device's own.
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
        self._shape = shape or (CACHE_SIZED if on_cpu else DEVICE_SIZED)
        self._part = 4096 if on_cpu else 65536  # molecules whose layout is in memory at once
        self._block = 256 if on_cpu else 8192  # that a head sees at once: one shape, as for tiles

    @torch.inference_mode()
    def logits(self, graphs: PackedGraphs) -> np.ndarray:
        """Outputs for molecules (members, B, O) float32; O is 0 without such targets."""
        if self.members[0].head is None:
            return np.zeros((len(self.members), len(graphs), 0), dtype=np.float32)
        vectors = self._all_vectors(graphs)
        return np.stack([self._head(m, v) for m, v in zip(self.members, vectors, strict=True)])

    @torch.inference_mode()
    def level_logits(self, graphs: PackedGraphs) -> list[dict[str, np.ndarray]]:
        """For each member its outputs by level, float32: of molecules (B, O), those of ``logits``,
        of atoms (N, O), of bonds (M, O)."""
        found = [LevelOutputs(member) for member in self.members]
        if self.device.type in ("cpu", "cuda"):
            halves = self._halves or "bond" in self.members[0].levels
            laid_out = parts_on(self.device, graphs, self._part, self._shape, halves)
            for part, tile, each in self._tiles(laid_out):
                for outputs, atoms in zip(found, each, strict=True):
                    outputs.add(atoms, tile, part.kinds)
        else:
            for piece in pieces_of(graphs, self._part):
                batch = to_batch(piece).to(self.device)
                for outputs in found:
                    outputs.add_plain(batch)
        return [outputs.joined(self._head) for outputs in found]

    @torch.inference_mode()
    def embed(self, graphs: PackedGraphs) -> np.ndarray:
        """Molecule vectors (B, members x D), what the heads see."""
        return torch.cat(self._all_vectors(graphs), dim=1).cpu().numpy()

    def _all_vectors(self, graphs: PackedGraphs) -> list[Tensor]:
        """For each member (B, D)."""
        parts = [[torch.zeros(0, m.readout.out_dim, device=self.device)] for m in self.members]
        vectors = self._vectors if self.device.type in ("cpu", "cuda") else self._vectors_plain
        vectors(graphs, parts)
        return [torch.cat(part) for part in parts]

    def _vectors(self, graphs: PackedGraphs, parts: list[list[Tensor]]) -> None:
        laid_out = parts_on(self.device, graphs, self._part, self._shape, self._halves)
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

    def _vectors_plain(self, graphs: PackedGraphs, parts: list[list[Tensor]]) -> None:
        """For a device that lacks what tiles need, such as Apple's."""
        for piece in pieces_of(graphs, self._part):
            batch = to_batch(piece).to(self.device)
            for part, member in zip(parts, self.members, strict=True):
                part.append(member.embed(batch))

    def _head(self, member: PropertyModel, vectors: Tensor) -> np.ndarray:
        count = len(vectors)
        blocks = max(1, -(-count // self._block))
        filled = vectors.new_zeros(blocks * self._block, vectors.size(1))
        filled[:count] = vectors
        logits = torch.cat([member.head(block) for block in filled.split(self._block)])
        return logits[:count].float().cpu().numpy()
