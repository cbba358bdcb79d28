"""Graph autoencoders: nodes to vectors whose inner products tell which nodes are joined.

N nodes with F features, D latent dimensions, E pairs of nodes (2, E). Kipf and Welling 2016,
arXiv:1611.07308.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molgnn.nn.latent import Gaussian
from molgnn.nn.shift import Shift

_BLOCK = 32  # rows of all pairs at once
_LARGEST = 10.0  # log sigma beyond it: its exponential squared would leave float32


class GAE(nn.Module):
    """Z = S relu(S X W_0) W_1 with S = D^-1/2 (A + I) D^-1/2."""

    def __init__(self, in_dim: int, hidden: int = 32, dim: int = 16):
        super().__init__()
        self.first, self.last = weight(in_dim, hidden), weight(hidden, dim)
        self.out_dim = dim

    def forward(self, x: Tensor, shift: Shift) -> Tensor:
        """x (N, F), dense or sparse, -> (N, D)."""
        return shift(smoothed(x, self.first, shift) @ self.last)


class VGAE(nn.Module):
    """mu = S relu(S X W_0) W_mu, log sigma = S relu(S X W_0) W_sigma: the first layer is shared."""

    def __init__(self, in_dim: int, hidden: int = 32, dim: int = 16):
        super().__init__()
        self.first = weight(in_dim, hidden)
        self.mean, self.log_sigma = weight(hidden, dim), weight(hidden, dim)
        self.out_dim = dim

    def forward(self, x: Tensor, shift: Shift) -> Gaussian:
        """x (N, F), dense or sparse, -> means and log variances (N, D)."""
        h = smoothed(x, self.first, shift)
        log_sigma = shift(h @ self.log_sigma).clamp(max=_LARGEST)
        return Gaussian(shift(h @ self.mean), 2 * log_sigma)


AUTOENCODERS = {"GAE": GAE, "VGAE": VGAE}


def weight(in_dim: int, out_dim: int) -> nn.Parameter:
    """Glorot and Bengio 2010: uniform, within sqrt(6 / (in + out)) of zero."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(in_dim, out_dim)))


def smoothed(x: Tensor, first: Tensor, shift: Shift) -> Tensor:
    """relu(S X W_0), (N, hidden). X W_0 comes first: it has far fewer columns than X."""
    return shift(torch.sparse.mm(x, first) if x.is_sparse else x @ first).relu()


def inner_product(z: Tensor, pairs: Tensor) -> Tensor:
    """Logits z_i . z_j of pairs (2, E), (E,): the probability of an edge is their sigmoid."""
    return (z[pairs[0]] * z[pairs[1]]).sum(dim=1)


def sampled_loss(z: Tensor, edges: Tensor, none: Tensor) -> Tensor:
    """Reconstruction by negative sampling: - mean log p over the edges (2, E) - mean log (1 - p)
    over as many non-edges, drawn anew each step. About twice ``full_loss``."""
    found, absent = inner_product(z, edges), inner_product(z, none)
    return F.softplus(-found).mean() + F.softplus(absent).mean()


def full_loss(z: Tensor, edges: Tensor) -> Tensor:
    """Reconstruction of all N^2 pairs as the authors' code has it (github.com/tkipf/gae): the
    cross-entropy of A + I, a sum over its ones over 2 E and one over its zeros over 2 (N^2 - E).
    ``edges`` (2, E) holds both directions of each: the N ones of I count beside them."""
    itself = torch.arange(len(z), device=z.device).expand(2, len(z))
    ones = inner_product(z, torch.cat([edges, itself], dim=1))
    zeros, count = AllPairs.apply(z) - F.softplus(ones).sum(), edges.size(1)
    return F.softplus(-ones).sum() / (2 * count) + zeros / (2 * (len(z) ** 2 - count))


class AllPairs(torch.autograd.Function):
    """sum over i, j of softplus(z_i . z_j), z (N, D) -> scalar; its gradient is 2 sigmoid(Z Z^T) Z.

    Both in blocks of rows that stay in the processor's cache, each from its diagonal on, as Z Z^T
    is symmetric: N^2 logits never lie in memory, and half of them are never computed.
    """

    @staticmethod
    def forward(context, z: Tensor) -> Tensor:
        total, slope = z.new_zeros((), dtype=torch.float64), torch.zeros_like(z)
        for start in range(0, len(z), _BLOCK):
            here, there = z[start : start + _BLOCK], z[start:]
            logits = here @ there.T
            counted = F.softplus(logits)
            total += 2 * counted.sum() - counted[:, : len(here)].sum()
            chance = logits.sigmoid_()
            slope[start : start + _BLOCK] += chance @ there
            slope[start + _BLOCK :] += chance[:, len(here) :].T @ here
        context.save_for_backward(slope)
        return total.to(z.dtype)

    @staticmethod
    def backward(context, arriving: Tensor) -> Tensor:
        (slope,) = context.saved_tensors
        return 2 * arriving * slope


def divergence(latent: Gaussian) -> Tensor:
    """KL(q(Z) || N(0, 1)) / N^2, a scalar in nats: of one node on average, over N once more,
    because the losses above are means over N^2 pairs and the bound is a sum over pairs."""
    return latent.kl().sum(dim=1).mean() / len(latent.mean)
