"""Likelihoods of heads that say how far they may be off, beside torch's distributions."""

import math

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.distributions import Normal, StudentT

from molgnn.nn.loss import MaskedLoss, TaskLoss
from molgnn.nn.spread import (
    Evidence,
    evidence_of,
    evidential_nll,
    normal_nll,
    normal_of,
    variance_of,
)

WIDTH = {"mve": 2, "evidential": 4}
SAYS = {"mve": "variance", "evidential": "evidential"}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def drawn(width, rows=50):
    return 2 * torch.randn(rows, width, dtype=torch.float64), torch.randn(rows).double()


def student(evidence):
    gamma, nu, alpha, beta = evidence
    return StudentT(2 * alpha, gamma, (beta * (1 + nu) / (nu * alpha)).sqrt())


def test_the_normal_likelihood_is_torchs():
    outputs, y = drawn(2)
    mean, variance = normal_of(outputs)
    expected = -Normal(mean, variance.sqrt()).log_prob(y)
    torch.testing.assert_close(normal_nll(mean, variance, y, None), expected)


def test_a_bound_costs_the_probability_of_what_it_says():
    outputs, y = drawn(2)
    mean, variance = normal_of(outputs)
    below = Normal(mean, variance.sqrt()).cdf(y)
    least, most, exact = (
        normal_nll(mean, variance, y, torch.full_like(y, b)) for b in (1.0, -1.0, 0.0)
    )
    torch.testing.assert_close((-least).exp(), 1 - below)
    torch.testing.assert_close((-most).exp(), below)
    torch.testing.assert_close(exact, normal_nll(mean, variance, y, None))


def test_a_bound_far_off_has_a_finite_cost_and_a_slope_that_leads_to_it():
    mean = torch.zeros(1, requires_grad=True)
    loss = normal_nll(mean, torch.full((1,), 1e-6), torch.tensor([30.0]), torch.ones(1))
    loss.backward()
    assert torch.isfinite(loss)
    assert -math.inf < mean.grad.item() < 0


def test_the_normal_likelihood_is_best_at_mean_and_variance_of_the_labels():
    y = 3 + 2 * torch.randn(200, dtype=torch.float64)
    mean = y.mean().requires_grad_()
    variance = y.var(correction=0).requires_grad_()
    normal_nll(mean.expand(200), variance.expand(200), y, None).sum().backward()
    assert mean.grad.item() == pytest.approx(0, abs=1e-9)
    assert variance.grad.item() == pytest.approx(0, abs=1e-9)


def test_the_evidential_likelihood_is_that_of_a_students_t_and_eq_8_as_it_is_printed():
    outputs, y = drawn(4)
    evidence = gamma, nu, alpha, beta = evidence_of(outputs)
    found = evidential_nll(evidence, y, None)
    torch.testing.assert_close(found, -student(evidence).log_prob(y))
    omega = 2 * beta * (1 + nu)
    printed = (
        0.5 * (math.pi / nu).log()
        - alpha * omega.log()
        + (alpha + 0.5) * ((y - gamma) ** 2 * nu + omega).log()
        + torch.lgamma(alpha)
        - torch.lgamma(alpha + 0.5)
    )
    torch.testing.assert_close(found, printed)


def test_the_evidential_variance_is_that_of_the_students_t_and_of_draws():
    evidence = Evidence(*(torch.tensor(v).double() for v in (0.5, 2.0, 6.0, 3.0)))
    torch.testing.assert_close(evidence.variance, student(evidence).variance)
    precision = torch.distributions.Gamma(evidence.alpha, evidence.beta).sample((400_000,))
    mu = evidence.gamma + torch.randn_like(precision) / (evidence.nu * precision).sqrt()
    y = mu + torch.randn_like(precision) / precision.sqrt()
    assert y.var().item() == pytest.approx(evidence.variance.item(), rel=0.03)


def test_wrong_evidence_costs_as_eq_9_says_and_a_bound_that_is_kept_is_not_wrong():
    outputs, y = drawn(4)
    gamma, nu, alpha, _ = evidence_of(outputs)

    def loss(weight, bound=None):
        task = TaskLoss("evidential", 4, evidence=weight)
        bounds = None if bound is None else torch.full((len(y), 1), bound)
        return MaskedLoss([task])(outputs, y[:, None], bounds)

    wrong = (y - gamma).abs() * (2 * nu + alpha)
    torch.testing.assert_close(loss(0.3) - loss(0.0), 0.3 * wrong.sum())
    torch.testing.assert_close(
        loss(0.3, 1.0) - loss(0.0, 1.0), 0.3 * wrong[gamma < y].sum(), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", WIDTH)
def test_slopes_are_those_of_small_differences(name):
    outputs, y = drawn(WIDTH[name], 9)
    loss = MaskedLoss([TaskLoss(name, WIDTH[name], evidence=0.2)])
    bounds = torch.tensor([-1.0, 0.0, 1.0]).repeat(3)[:, None]
    outputs.requires_grad_()
    assert torch.autograd.gradcheck(lambda logits: loss(logits, y[:, None]), outputs)
    assert torch.autograd.gradcheck(lambda logits: loss(logits, y[:, None], bounds), outputs)


@pytest.mark.parametrize("name", WIDTH)
def test_noise_that_differs_is_found_where_it_is(name):
    """y = x + noise, of deviation 0.05 on the left and 0.8 on the right."""
    x = torch.linspace(-1, 1, 600)[:, None]
    sigma = 0.05 + 0.375 * (x[:, 0] + 1)
    y = x + sigma[:, None] * torch.randn_like(x)
    net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, WIDTH[name]))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    loss = MaskedLoss([TaskLoss(name, WIDTH[name], evidence=0.01)])
    for _ in range(400):
        optimizer.zero_grad()
        (loss(net(x), y) / len(x)).backward()
        optimizer.step()
    with torch.inference_mode():
        outputs = net(x)
    std = variance_of(SAYS[name], outputs).sqrt()
    assert spearmanr(std, sigma).statistic > 0.9
    assert std[500:].mean() > 3 * std[:100].mean()
    if name == "mve":
        assert torch.median((std / sigma).log().abs()) < 0.3
