"""What one network gives for molecules, atoms and bonds, gathered tile by tile."""

from collections.abc import Callable

import torch
from torch import Tensor

from molgnn.data.batch import GraphBatch
from molgnn.data.tiles import Kinds, Tile
from molgnn.models.property import PropertyModel
from molgnn.nn.head import asked
from molgnn.nn.tiled import pooled


class LevelOutputs:
    """The outputs of ``member``, level by level, of all tiles so far."""

    def __init__(self, member: PropertyModel):
        self.member = member
        width = member.readout.out_dim
        device = next(member.parameters()).device
        self.vectors = [torch.zeros(0, width, device=device)]  # of molecules, before the head
        self.rows: dict[str, list[Tensor]] = {level: [] for level in member.levels}

    def add(self, atoms: Tensor, tile: Tile, kinds: Kinds) -> None:
        """Atoms (A, D) of a tile: heads see all its rows, so that every product has one shape."""
        atoms = atoms.float()
        if self.member.head is not None:
            self.vectors.append(pooled(self.member.readout, atoms, tile))
        if self.member.atom_head is not None:
            self.rows["atom"].append(asked(self.member.atom_head)(atoms)[: len(tile.members.index)])
        if self.member.bond_head is not None:
            half = tile.halves.edge_index.size(1) // 2
            ends, kind = tile.halves.edge_index[:, :half], tile.halves.bond_kind[:half]
            codes = kinds.bonds.index_select(0, kind)
            logits = asked(self.member.bond_head)(atoms, ends, codes)
            self.rows["bond"].append(logits[: len(tile.arriving.index) // 2])

    def add_plain(self, batch: GraphBatch) -> None:
        """A batch, by the network's own forward pass, as predictions are made."""
        for level, logits in self.member(batch, sampled=True).items():
            self.rows[level].append(logits)

    def joined(self, head: Callable[[PropertyModel, Tensor], Tensor]) -> dict[str, Tensor]:
        """All rows of each level, float32; ``head`` makes outputs of molecule vectors."""
        found = {}
        for level, rows in self.rows.items():
            if level == "molecule" and not rows:
                found[level] = head(self.member, torch.cat(self.vectors))
            elif rows:
                found[level] = torch.cat(rows).float()
            else:  # no molecule at all
                part = self.member.atom_head if level == "atom" else self.member.bond_head
                found[level] = torch.zeros(0, part.out_dim * max(1, self.member.samples(level)))
        return found
