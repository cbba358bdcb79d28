"""The model: an encoder for atoms, a readout for molecules, heads for properties."""

import torch
from torch import Tensor, nn

from molgnn.data.batch import GraphBatch
from molgnn.nn.beside import FeatureInput
from molgnn.nn.head import asked


class PropertyModel(nn.Module):
    """logits = head(readout(encoder(graph)) ‖ features), and alike without a readout for atoms and
    bonds, which have no features beside.

    ``head`` serves the targets of molecules, ``atom_head`` those of atoms, and ``bond_head`` (a
    ``nn.head.BondHead``) those of bonds; each is None where there are no such targets.
    """

    def __init__(
        self,
        encoder: nn.Module,
        readout: nn.Module,
        head: nn.Module | None,
        atom_head: nn.Module | None = None,
        bond_head: nn.Module | None = None,
        features: FeatureInput | None = None,
    ):
        super().__init__()
        self.encoder, self.readout, self.head = encoder, readout, head
        self.atom_head, self.bond_head, self.features = atom_head, bond_head, features
        if head is None:  # a readout that only ``embed`` uses has no gradient, which DDP minds
            self.readout.requires_grad_(False)

    @property
    def levels(self) -> list[str]:
        """The levels at which it predicts: molecule, atom, bond."""
        heads = {"molecule": self.head, "atom": self.atom_head, "bond": self.bond_head}
        return [level for level, head in heads.items() if head is not None]

    def samples(self, level: str) -> int:
        """How many masks of dropout the head of a level is asked with, 0 for none."""
        heads = {"molecule": self.head, "atom": self.atom_head, "bond": self.bond_head}
        return getattr(heads[level], "samples", 0)

    def embed(self, batch: GraphBatch) -> Tensor:
        """Molecule vectors (B, D), what the head sees of the graph."""
        atoms = self.encoder(batch.x, batch.edge_index, batch.edge_attr)
        return self.readout(atoms, batch.graph_id, batch.num_graphs)

    def beside(self, vectors: Tensor, features: Tensor | None) -> Tensor:
        """What the head sees: molecule vectors (B, D), and the features (B, F) it wants beside."""
        if self.features is None:
            return vectors
        return torch.cat([vectors, self.features(features)], dim=1)

    def forward(self, batch: GraphBatch, sampled: bool = False) -> dict[str, Tensor]:
        """B molecules with N atoms and M bonds -> logits by level: (B, O), (N, O), (M, O);
        ``sampled``: as predictions are made, (B, samples x O) and so on where there are samples."""
        way = asked if sampled else _as_it_is
        atoms = self.encoder(batch.x, batch.edge_index, batch.edge_attr)
        logits = {}
        if self.head is not None:
            pooled = self.readout(atoms, batch.graph_id, batch.num_graphs)
            logits["molecule"] = way(self.head)(self.beside(pooled, batch.features))
        if self.atom_head is not None:
            logits["atom"] = way(self.atom_head)(atoms)
        if self.bond_head is not None:
            bonds = batch.edge_index.size(1) // 2  # each edge in one direction, then in the other
            ends, codes = batch.edge_index[:, :bonds], batch.edge_attr[:bonds]
            logits["bond"] = way(self.bond_head)(atoms, ends, codes)
        return logits


def _as_it_is(head: nn.Module) -> nn.Module:
    return head
