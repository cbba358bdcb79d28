"""Heads that also say how far they may be off: a normal distribution, or the evidence for one.

R rows. Outputs are in the units in which a network learns, and so are variances. A floor keeps
each positive quantity away from 0, where the likelihood would be infinite.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = 1e-6


class Evidence(NamedTuple):
    """A Normal-Inverse-Gamma distribution over mean and variance, (R,) each: gamma the mean, nu and
    alpha > 1 the evidence for mean and variance, beta the scale of the variance."""

    gamma: Tensor
    nu: Tensor
    alpha: Tensor
    beta: Tensor

    @property
    def variance(self) -> Tensor:
        """Of the predictive Student-t: E[sigma^2] + Var[mu] = beta / (alpha - 1) (1 + 1 / nu)."""
        return self.beta / (self.alpha - 1.0) * (1.0 + 1.0 / self.nu)


def normal_of(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """outputs (R, 2) -> mean (R,), variance (R,) = softplus + floor: Nix and Weigend 1994,
    doi:10.1109/ICNN.1994.374138; softplus as in Lakshminarayanan 2017, arXiv:1612.01474."""
    return outputs[:, 0], F.softplus(outputs[:, 1]) + FLOOR


def evidence_of(outputs: Tensor) -> Evidence:
    """outputs (R, 4) -> the evidence: Amini 2020, arXiv:1910.02600, section 3.3."""
    gamma, nu, alpha, beta = outputs.unbind(1)
    nu, alpha, beta = (F.softplus(raw) + FLOOR for raw in (nu, alpha, beta))
    return Evidence(gamma, nu, alpha + 1.0, beta)


def variance_of(spread: str, outputs: Tensor) -> Tensor:
    """outputs (R, width) -> the predictive variance (R,) of a task's ``spread``, variance or
    evidential."""
    return evidence_of(outputs).variance if spread == "evidential" else normal_of(outputs)[1]


def normal_nll(mean: Tensor, variance: Tensor, y: Tensor, bound: Tensor | None) -> Tensor:
    """-log N(y; mean, variance), (R,); of a bound -log P, the probability of what it says: that
    the true value is at least y, or at most (Tobin 1958, doi:10.2307/1907382)."""
    exact = 0.5 * (math.log(2.0 * math.pi) + variance.log() + (y - mean).square() / variance)
    return exact if bound is None else _censored(exact, mean, variance, y, bound)


def evidential_nll(evidence: Evidence, y: Tensor, bound: Tensor | None) -> Tensor:
    """-log St(y; gamma, beta (1 + nu) / (nu alpha), 2 alpha), (R,): Amini 2020, eq. 8. The t has no
    distribution function in torch: for a bound it is the normal of the same mean and variance."""
    gamma, nu, alpha, beta = evidence
    omega = 2.0 * beta * (1.0 + nu)
    # Eq. 8 with -alpha log omega + (alpha + 1/2) log(nu (y - gamma)^2 + omega) put together.
    exact = (
        0.5 * (math.log(math.pi) - nu.log() + omega.log())
        + (alpha + 0.5) * torch.log1p(nu * (y - gamma).square() / omega)
        + torch.lgamma(alpha)
        - torch.lgamma(alpha + 0.5)
    )
    return exact if bound is None else _censored(exact, gamma, evidence.variance, y, bound)


def _censored(exact: Tensor, mean: Tensor, variance: Tensor, y: Tensor, bound: Tensor) -> Tensor:
    kept = bound * (mean - y) / variance.sqrt()
    return torch.where(bound == 0, exact, -torch.special.log_ndtr(kept))
