"""MPNN beside PyG's NNConv and torch's GRU with the same weights."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import NNConv

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.nn.mpnn import MPNNEncoder

DIM = 8


def pyg(encoder, batch, depth):
    """The network of PyG's examples (Gilmer et al. 2017), one matrix for each single bond."""
    conv = NNConv(DIM, DIM, nn.Identity(), aggr="add", root_weight=False)
    conv.nn = encoder.edge_network  # only now: NNConv draws new weights for the network it is given
    gru = nn.GRU(DIM, DIM)
    with torch.no_grad():
        conv.bias.copy_(encoder.bias)
        for name, weight in encoder.update.named_parameters():
            getattr(gru, f"{name}_l0").copy_(weight)
    h = torch.relu(encoder.atom_in(batch.x))
    for _ in range(depth):
        message = torch.relu(conv(h, batch.edge_index, batch.edge_attr))
        h = gru(message[None], h[None])[0][0]
    return h


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_atoms_are_those_of_pyg(batch_of, depth):
    torch.manual_seed(depth)
    encoder = MPNNEncoder(ATOM_SIZES, BOND_SIZES, dim=DIM, depth=depth, edge_hidden=5).eval()
    nn.init.normal_(encoder.bias)  # it starts at 0, where forgetting it would not show
    batch = batch_of()
    got = encoder(batch.x, batch.edge_index, batch.edge_attr)
    torch.testing.assert_close(got, pyg(encoder, batch, depth), atol=1e-5, rtol=1e-4)


def test_the_gradient_of_the_edge_network_is_that_of_pyg(batch_of):
    torch.manual_seed(0)
    encoder, batch = MPNNEncoder(ATOM_SIZES, BOND_SIZES, dim=DIM, depth=2), batch_of()
    weights = list(encoder.edge_network.parameters())
    outputs = encoder(batch.x, batch.edge_index, batch.edge_attr), pyg(encoder, batch, 2)
    ours, theirs = (torch.autograd.grad(y.square().sum(), weights) for y in outputs)
    for left, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-3)
