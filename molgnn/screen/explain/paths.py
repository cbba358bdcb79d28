"""The straight way from a hidden molecule to the molecule, through the embeddings of a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from molgnn.chem.fields import ATOM_SIZES
from molgnn.data.batch import GraphBatch
from molgnn.models.property import PropertyModel
from molgnn.nn.beside import FeatureInput
from molgnn.nn.embed import FieldEmbedding
from molgnn.nn.head import asked
from molgnn.nn.mpnn import MPNNEncoder


class Stand(NamedTuple):
    """How far each atom (N,), bond (M,) and molecule's features (B,) has come: 0 is hidden, 1 is
    there. Its gradient at equal stands is what each of them adds to the score per step."""

    atoms: Tensor
    bonds: Tensor
    features: Tensor


def logits_at(member: PropertyModel, batch: GraphBatch, stand: Stand) -> Tensor:
    """The outputs for molecules (B, O), of a head with samples (B, samples x O), where each
    embedding e is b + a (e - b), b the embedding of a hidden atom or bond and a its stand; features
    beside are a times the scaled ones, of which 0 is the mean training molecule."""
    encoder = member.encoder
    if isinstance(encoder, MPNNEncoder):
        encoder = BondByBond(encoder)
    with _on_the_way(member, stand):
        atoms = encoder(batch.x, batch.edge_index, batch.edge_attr)
        pooled = member.readout(atoms, batch.graph_id, batch.num_graphs)
        return asked(member.head)(member.beside(pooled, batch.features))


@contextmanager
def _on_the_way(member: PropertyModel, stand: Stand) -> Iterator[None]:
    """Hooks for the time of one forward pass: scoring knows nothing of them."""

    def embedded(table: FieldEmbedding, _, out: Tensor) -> Tensor:
        share = stand.atoms if table.sizes == ATOM_SIZES else stand.bonds
        base = hidden_embedding(table)
        return base + share.unsqueeze(1) * (out - base)

    def beside(_, __, out: Tensor) -> Tensor:
        return stand.features.unsqueeze(1) * out

    calls = {FieldEmbedding: embedded, FeatureInput: beside}
    parts = [part for part in member.modules() if type(part) in calls]
    handles = [part.register_forward_hook(calls[type(part)]) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def hidden_embedding(table: FieldEmbedding) -> Tensor:
    """The vector (1, D) of an atom or bond all of whose fields are ``other``, their last code."""
    last = torch.tensor(table.sizes, device=table.weight.device) - 1
    return table.weight[last + table.starts].sum(dim=0, keepdim=True)


class BondByBond(nn.Module):
    """An ``MPNNEncoder`` with a matrix for each bond, not for each kind: on the way from hidden to
    there, each bond is a kind of its own."""

    def __init__(self, encoder: MPNNEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """x (N, 9), edge_index (2, E), edge_attr (E, 3) -> (N, out_dim)."""
        own, half = self.encoder, edge_attr.size(0) // 2
        h = torch.relu(own.atom_in(x))
        matrices = own.edge_network(edge_attr[:half]).view(-1, h.size(1), h.size(1))
        source, target = edge_index.view(2, 2, half)  # each bond one way, then the other
        states = []
        for norm in own.norms:
            sent = h[source].transpose(0, 1) @ matrices  # (half, 2, D): both ways of a bond
            met = sent.transpose(0, 1).reshape(2 * half, -1)
            message = own.bias.expand_as(h).index_add(0, target.reshape(-1), met)
            new = norm(own.update(torch.relu(message), h))
            h = h + new if own.residual else new
            states.append(h)
        return own.jump(states)
