"""Gaussian latents: the reparameterised sample, and the KL divergence to the standard normal."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

ACTIVE = 0.01  # variance of a posterior mean over the data, above which a latent unit is active
_FARTHEST = 8.0  # log variances beyond it: exp of them would overflow in half precision


class Gaussian(NamedTuple):
    """N independent normals of D dimensions: means (N, D) and logarithms of variances (N, D)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """z = mu + sigma * eps with eps ~ N(0, 1), (N, D): gradients pass to mu and sigma.

        Kingma and Welling 2014, arXiv:1312.6114, section 2.4.
        """
        shape, device = self.mean.shape, self.mean.device
        noise = torch.randn(shape, generator=generator, device=device, dtype=self.mean.dtype)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def kl(self) -> Tensor:
        """KL(q || N(0, 1)) = (mu^2 + sigma^2 - log sigma^2 - 1) / 2 for each dimension (N, D), in
        nats. Kingma and Welling 2014, arXiv:1312.6114, appendix B."""
        variance = torch.exp(self.log_variance)
        return 0.5 * (self.mean.square() + variance - self.log_variance - 1)


class GaussianLatent(nn.Module):
    """mu = W_m h + b_m, log sigma^2 = W_s h + b_s, the latter within +-8.

    A new one starts with sigma = 1/e, so that the first samples say something of their input.
    """

    def __init__(self, in_dim: int, dim: int):
        super().__init__()
        self.out_dim = dim
        self.mean, self.log_variance = nn.Linear(in_dim, dim), nn.Linear(in_dim, dim)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -2.0)

    def forward(self, h: Tensor) -> Gaussian:
        """h (N, in_dim) -> means and log variances (N, dim), float32."""
        mean, log_variance = self.mean(h).float(), self.log_variance(h).float()
        return Gaussian(mean, log_variance.clamp(-_FARTHEST, _FARTHEST))
