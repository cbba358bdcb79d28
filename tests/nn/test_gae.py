"""Graph autoencoders beside PyG's, with the weights copied, and their losses beside plain sums."""

import pytest
import torch
from torch_geometric.nn import GAE as GAEOfPyG
from torch_geometric.nn import VGAE as VGAEOfPyG
from torch_geometric.nn import GCNConv

from molgnn.nn.gae import (
    GAE,
    VGAE,
    AllPairs,
    divergence,
    full_loss,
    inner_product,
    sampled_loss,
)
from molgnn.nn.shift import Shift

NODES, WORDS, HIDDEN, DIM = 9, 7, 6, 4
PAIRS = torch.tensor([[0, 0, 1, 2, 3, 4, 5, 2], [1, 2, 2, 3, 4, 5, 7, 6]])  # node 8 has no edge
NONE = torch.tensor([[0, 1, 8, 3], [3, 8, 2, 6]])


@pytest.fixture
def edges():
    return torch.cat([PAIRS, PAIRS.flip(0)], dim=1)


@pytest.fixture
def x():
    return torch.rand(NODES, WORDS, generator=torch.Generator().manual_seed(1)).round()


@pytest.fixture
def shift(edges, x):
    return Shift("symmetric", edges, x, loops=True)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class EncoderOfPyG(torch.nn.Module):
    """The two layers of PyG's examples/autoencoder.py: one head, or a mean and a log sigma."""

    def __init__(self, heads):
        super().__init__()
        self.first = GCNConv(WORDS, HIDDEN, bias=False)
        self.heads = torch.nn.ModuleList(GCNConv(HIDDEN, DIM, bias=False) for _ in range(heads))

    def forward(self, x, edges):
        h = self.first(x, edges).relu()
        found = [head(h, edges) for head in self.heads]
        return found[0] if len(found) == 1 else found


def copied(model, first, *heads):
    """PyG's model with these weights; it draws its own when it is made."""
    convs = [model.encoder.first, *model.encoder.heads]
    for layer, weight in zip(convs, (first, *heads), strict=True):
        layer.load_state_dict({"lin.weight": weight.T})
    return model.eval()


@pytest.fixture
def gae():
    ours = GAE(WORDS, HIDDEN, DIM)
    return ours, copied(GAEOfPyG(EncoderOfPyG(1)), ours.first, ours.last)


@pytest.fixture
def vgae():
    ours = VGAE(WORDS, HIDDEN, DIM)
    return ours, copied(VGAEOfPyG(EncoderOfPyG(2)), ours.first, ours.mean, ours.log_sigma)


def test_the_encoder_is_pygs(gae, x, edges, shift):
    ours, theirs = gae
    torch.testing.assert_close(ours(x, shift), theirs.encode(x, edges))


def test_means_and_log_sigmas_are_pygs(vgae, x, edges, shift):
    ours, theirs = vgae
    latent, mean = ours(x, shift), theirs.encode(x, edges)
    torch.testing.assert_close(latent.mean, mean)
    torch.testing.assert_close(latent.log_variance, 2 * theirs.__logstd__)


def test_decoder_and_sampled_reconstruction_are_pygs(gae, x, edges, shift):
    ours, theirs = gae
    z = 3 * ours(x, shift)
    torch.testing.assert_close(inner_product(z, edges).sigmoid(), theirs.decode(z, edges))
    torch.testing.assert_close(sampled_loss(z, PAIRS, NONE), theirs.recon_loss(z, PAIRS, NONE))


def test_the_divergence_is_pygs_over_the_number_of_nodes(vgae, x, edges, shift):
    ours, theirs = vgae
    theirs.encode(x, edges)
    torch.testing.assert_close(divergence(ours(x, shift)), theirs.kl_loss() / NODES)


def test_sparse_features_give_what_dense_ones_give(gae, x, shift):
    ours, _ = gae
    found = []
    for given in (x, x.to_sparse_coo()):
        ours.zero_grad()
        z = ours(given, shift)
        z.square().sum().backward()
        found.append((z.detach(), ours.first.grad.clone()))
    torch.testing.assert_close(*found)


def test_the_full_loss_is_that_of_the_authors_code(edges):
    """gae/optimizer.py: pos_weight and norm are of A, the labels those of A + I, dense."""
    z = torch.randn(NODES, DIM, requires_grad=True)
    label = torch.eye(NODES)
    label[edges[0], edges[1]] = 1
    ones = edges.size(1)
    weight, norm = (NODES**2 - ones) / ones, NODES**2 / (2 * (NODES**2 - ones))
    plain = norm * torch.nn.functional.binary_cross_entropy_with_logits(
        z @ z.T, label, pos_weight=torch.tensor(weight)
    )
    ours = full_loss(z, edges)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(*(torch.autograd.grad(loss, z)[0] for loss in (ours, plain)))


def test_the_sum_over_all_pairs_does_not_depend_on_its_blocks(monkeypatch):
    z = torch.randn(NODES, DIM, dtype=torch.float64, requires_grad=True)
    plain = torch.nn.functional.softplus(z @ z.T).sum()
    for block in (1, 4, 64):
        monkeypatch.setattr("molgnn.nn.gae._BLOCK", block)
        torch.testing.assert_close(AllPairs.apply(z), plain)
        assert torch.autograd.gradcheck(AllPairs.apply, (z,))


def test_logits_times_ten_thousand_keep_the_losses_finite(edges):
    z = 100 * torch.randn(NODES, DIM, requires_grad=True)
    for loss in (sampled_loss(z, PAIRS, NONE), full_loss(z, edges)):
        (slope,) = torch.autograd.grad(loss, z)
        assert loss.isfinite()
        assert slope.isfinite().all()


def test_a_log_sigma_that_runs_away_stays_finite(vgae, x, shift):
    ours, _ = vgae
    with torch.no_grad():
        ours.log_sigma.fill_(1e6)
    latent = ours(x, shift)
    assert divergence(latent).isfinite()
    assert latent.sample().isfinite().all()


def test_node_order_does_not_change_the_vectors(gae, x, edges, shift):
    ours, _ = gae
    order = torch.randperm(NODES)
    place = order.argsort()
    moved = Shift("symmetric", place[edges], x, loops=True)
    torch.testing.assert_close(ours(x[order], moved), ours(x, shift)[order])
