"""The members of an ensemble applied to many molecules, tile by tile, as fast as the device can."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import to_batch
from molgnn.data.tiles import CACHE_SIZED, DEVICE_SIZED, tiled
from molgnn.models.property import PropertyModel
from molgnn.nn.tiled import TiledPlain, on_tiles, pooled

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
_BLOCK = 256  # molecules that a head sees at once: one shape, as for tiles


class Scorer:
    """Logits of all members, each tile made once for all of them.

    With one ``precision`` on one machine, a molecule's logits do not depend on the molecules beside
    it, nor on the number of threads. In bf16 the encoder computes so, readout and head in fp32.
    """

    def __init__(
        self, members: Sequence[PropertyModel], device: torch.device, precision: str = "fp32"
    ):
        self.members, self.device, self.precision = list(members), device, precision
        self._encoders = [on_tiles(m.encoder, PRECISIONS[precision]) for m in self.members]
        self._halves = any(isinstance(encoder, TiledPlain) for encoder in self._encoders)
        self._shape = CACHE_SIZED if device.type == "cpu" else DEVICE_SIZED
        self._part = 4096 if device.type == "cpu" else 65536

    @torch.inference_mode()
    def logits(self, graphs: PackedGraphs) -> np.ndarray:
        """(members, B, O) float32."""
        vectors = self._all_vectors(graphs)
        return np.stack([self._head(m, v) for m, v in zip(self.members, vectors, strict=True)])

    @torch.inference_mode()
    def embed(self, graphs: PackedGraphs) -> np.ndarray:
        """Molecule vectors (B, members x D), what the heads see."""
        return torch.cat(self._all_vectors(graphs), dim=1).cpu().numpy()

    def _all_vectors(self, graphs: PackedGraphs) -> list[Tensor]:
        """For each member (B, D); a part at a time, as the layout of tiles takes memory."""
        parts = [[torch.zeros(0, m.readout.out_dim, device=self.device)] for m in self.members]
        vectors = self._vectors if self.device.type in ("cpu", "cuda") else self._vectors_plain
        for start in range(0, len(graphs), self._part):
            rows = np.arange(start, min(start + self._part, len(graphs)))
            vectors(graphs if len(rows) == len(graphs) else graphs.select(rows), parts)
        return [torch.cat(part) for part in parts]

    def _vectors(self, graphs: PackedGraphs, parts: list[list[Tensor]]) -> None:
        kinds, tiles = tiled(graphs, self._shape, self._halves)
        kinds = type(kinds)(*(codes.to(self.device) for codes in kinds))
        tables = [encoder.tables(kinds) for encoder in self._encoders]
        for tile in (tile.to(self.device) for tile in tiles):
            for i, member in enumerate(self.members):
                atoms = self._encoders[i](tile, tables[i])
                parts[i].append(pooled(member.readout, atoms, tile))

    def _vectors_plain(self, graphs: PackedGraphs, parts: list[list[Tensor]]) -> None:
        """For a device that lacks what tiles need, such as Apple's."""
        batch = to_batch(graphs).to(self.device)
        for part, member in zip(parts, self.members, strict=True):
            part.append(member.embed(batch))

    def _head(self, member: PropertyModel, vectors: Tensor) -> np.ndarray:
        count = len(vectors)
        blocks = max(1, -(-count // _BLOCK))
        filled = vectors.new_zeros(blocks * _BLOCK, vectors.size(1))
        filled[:count] = vectors
        logits = torch.cat([member.head(block) for block in filled.split(_BLOCK)])
        return logits[:count].float().cpu().numpy()
