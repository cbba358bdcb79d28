"""The model: an encoder for atoms, a readout for molecules, a head for properties."""

from torch import Tensor, nn

from molgnn.data.batch import GraphBatch


class PropertyModel(nn.Module):
    """logits = head(readout(encoder(graph)))."""

    def __init__(self, encoder: nn.Module, readout: nn.Module, head: nn.Module):
        super().__init__()
        self.encoder, self.readout, self.head = encoder, readout, head

    def embed(self, batch: GraphBatch) -> Tensor:
        """Molecule vectors (B, D), what the head sees."""
        atoms = self.encoder(batch.x, batch.edge_index, batch.edge_attr)
        return self.readout(atoms, batch.graph_id, batch.num_graphs)

    def forward(self, batch: GraphBatch) -> Tensor:
        """B molecules -> logits (B, O)."""
        return self.head(self.embed(batch))
