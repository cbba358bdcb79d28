"""D-MPNN beside a slow reference that follows the equations of Yang et al. 2019 bond by bond."""

import pytest
import torch
from torch import relu

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.nn import dmpnn
from molgnn.nn.dmpnn import DMPNNEncoder


def embedded(table, codes):
    """One row of an embedding sum, looked up field by field."""
    return sum(table.weight[start + code] for start, code in zip(table.starts, codes, strict=True))


def reference(encoder, batch):
    """Equations 3 to 7 with dictionaries: a state for each directed bond (v, w)."""
    x = list(batch.x)
    bonds = {
        (int(v), int(w)): codes
        for (v, w), codes in zip(batch.edge_index.T, batch.edge_attr, strict=True)
    }
    neighbours = {v: [u for (u, w) in bonds if w == v] for v in range(len(x))}
    first = {
        (v, w): embedded(encoder.atom_in, x[v]) + embedded(encoder.bond_in, codes)
        for (v, w), codes in bonds.items()
    }
    state = {edge: relu(vector) for edge, vector in first.items()}
    zero = torch.zeros(encoder.out_dim)
    for _ in range(encoder.depth - 1):
        message = {
            (v, w): sum((state[u, v] for u in neighbours[v] if u != w), zero) for (v, w) in bonds
        }
        state = {e: relu(first[e] + encoder.message(message[e])) for e in bonds}
    atoms = []
    for v in range(len(x)):
        arriving = encoder.gather(sum((state[u, v] for u in neighbours[v]), zero))
        atoms.append(relu(embedded(encoder.atom_out, x[v]) + arriving))
    return torch.stack(atoms)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_atoms_are_those_of_the_equations(batch_of, depth):
    torch.manual_seed(depth)
    encoder = DMPNNEncoder(ATOM_SIZES, BOND_SIZES, dim=8, depth=depth).eval()
    batch = batch_of()
    got = encoder(batch.x, batch.edge_index, batch.edge_attr)
    torch.testing.assert_close(got, reference(encoder, batch), atol=1e-5, rtol=1e-4)


def test_gradients_are_those_of_the_equations(batch_of):
    torch.manual_seed(0)
    encoder, batch = DMPNNEncoder(ATOM_SIZES, BOND_SIZES, dim=6, depth=3), batch_of()
    names = [name for name, _ in encoder.named_parameters()]
    losses = (
        encoder(batch.x, batch.edge_index, batch.edge_attr).square().sum(),
        reference(encoder, batch).square().sum(),
    )
    ours, theirs = (torch.autograd.grad(loss, list(encoder.parameters())) for loss in losses)
    for name, left, right in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(left, right, atol=1e-4, rtol=1e-3, msg=name)


def test_a_message_does_not_walk_straight_back(batch_of):
    """In a diatomic nothing arrives at a bond but its own reverse, so depth changes nothing."""
    torch.manual_seed(0)
    encoder, batch = DMPNNEncoder(ATOM_SIZES, BOND_SIZES, dim=8, depth=2), batch_of(["C#N"])
    with torch.no_grad():
        encoder.message.bias.zero_()
        deep = encoder(batch.x, batch.edge_index, batch.edge_attr)
        encoder.norms = encoder.norms[:0]
        shallow = encoder(batch.x, batch.edge_index, batch.edge_attr)
    torch.testing.assert_close(deep, shallow)


@pytest.mark.skipif(not hasattr(dmpnn, "Incoming"), reason="no operation of its own")
def test_the_operation_of_its_own_is_the_plain_one_with_its_gradient(batch_of):
    batch = batch_of()
    source, target = batch.edge_index
    torch.manual_seed(0)
    state = torch.randn(len(source), 3, dtype=torch.float64, requires_grad=True)
    own = dmpnn.Incoming.apply(state, source, target, len(batch.x))
    plain = dmpnn.incoming_plain(state, source, target, len(batch.x))
    torch.testing.assert_close(own, plain)
    weight = torch.randn_like(own)
    left, right = (torch.autograd.grad((y * weight).sum(), state) for y in (own, plain))
    torch.testing.assert_close(left, right)
