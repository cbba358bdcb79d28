"""GIN beside the equation written out atom by atom."""

import pytest
import torch
from torch import relu

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.nn.gin import GINEncoder


def by_hand(encoder, batch):
    """h_v <- MLP((1 + eps) h_v + sum_u relu(h_u + e_uv)), relu between layers, inputs added."""
    h = encoder.atom_in(batch.x)
    last = len(encoder.convs) - 1
    for layer, conv in enumerate(encoder.convs):
        rows = []
        for v in range(len(h)):
            total = (1 + conv.eps) * h[v]
            for e in (batch.edge_index[1] == v).nonzero().flatten():
                bond = encoder.bond_in[layer](batch.edge_attr[e : e + 1])[0]
                total = total + relu(h[batch.edge_index[0, e]] + bond)
            rows.append(conv.nn(total[None])[0])
        new = encoder.norms[layer](torch.stack(rows))
        new = new if layer == last else relu(new)
        h = h + new if encoder.residual else new
    return h


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_atoms_are_those_of_the_equation(batch_of, depth, residual, norm):
    torch.manual_seed(depth)
    encoder = GINEncoder(
        ATOM_SIZES, BOND_SIZES, dim=8, depth=depth, residual=residual, norm=norm
    ).eval()
    with torch.no_grad():
        for conv in encoder.convs:
            conv.eps.fill_(0.3)  # it starts at 0, where forgetting it would not show
    batch = batch_of()
    got = encoder(batch.x, batch.edge_index, batch.edge_attr)
    torch.testing.assert_close(got, by_hand(encoder, batch), atol=1e-5, rtol=1e-4)


def test_the_last_state_has_both_signs(batch_of):
    torch.manual_seed(0)
    batch = batch_of()
    encoder = GINEncoder(ATOM_SIZES, BOND_SIZES, dim=16, depth=3, residual=False)
    h = encoder(batch.x, batch.edge_index, batch.edge_attr)
    assert (h < 0).any()
    assert (h > 0).any()
