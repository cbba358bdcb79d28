"""Gaussian latents beside what they claim: closed forms against samples, with the samples' own
standard error as the tolerance."""

import pytest
import torch

from molgnn.nn.latent import Gaussian, GaussianLatent

SAMPLES = 200_000
ERRORS = 5  # standard errors: chance alone would fail one comparison in two million


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def given():
    """Six dimensions: means and log variances, from narrow to wide."""
    mean = torch.tensor([0.0, 0.5, -1.5, 2.0, 0.1, -0.3], dtype=torch.float64)
    log_variance = torch.tensor([0.0, -2.0, 0.7, -0.5, 1.2, -4.0], dtype=torch.float64)
    return Gaussian(mean.requires_grad_(), log_variance.requires_grad_())


def drawn(latent, generator):
    """(SAMPLES, 6), through the reparameterised sample."""
    many = Gaussian(*(part.expand(SAMPLES, -1) for part in latent))
    return many.sample(generator)


def agrees(samples, exact):
    """Whether the mean of samples (S, D) is the exact value (D,), within its standard error."""
    error = samples.std(dim=0) / len(samples) ** 0.5
    return bool(((samples.mean(dim=0) - exact).abs() <= ERRORS * error).all())


def test_samples_have_the_mean_and_the_variance_that_were_asked_for(given, generator):
    z = drawn(given, generator).detach()
    assert agrees(z, given.mean)
    assert agrees((z - given.mean.detach()) ** 2, given.log_variance.exp())


def test_the_divergence_in_closed_form_is_that_of_many_samples(given, generator):
    """KL = E_q[log q(z) - log p(z)]."""
    z = drawn(given, generator).detach()
    q = torch.distributions.Normal(given.mean.detach(), (0.5 * given.log_variance.detach()).exp())
    p = torch.distributions.Normal(torch.zeros_like(given.mean), torch.ones_like(given.mean))
    ratio = q.log_prob(z) - p.log_prob(z)
    assert agrees(ratio, given.kl())
    assert not agrees(ratio, given.kl() + 0.02)  # the comparison can fail
    torch.testing.assert_close(given.kl(), torch.distributions.kl_divergence(q, p))


def test_the_divergence_is_zero_of_the_standard_normal_alone(given):
    zero = torch.zeros(3, 4)
    assert (Gaussian(zero, zero).kl() == 0).all()
    assert (given.kl()[1:] > 0).all()


def gradients(latent, function, generator):
    """d/d mu and d/d log sigma^2 of E[f(z)], one estimate a sample: (SAMPLES, 6) each."""
    many = [part.detach().expand(SAMPLES, -1).clone().requires_grad_() for part in latent]
    return torch.autograd.grad(function(Gaussian(*many).sample(generator)).sum(), many)


def scores(latent, function, generator):
    """The same by f(z) d log q(z): it needs no gradient of f, and none through the sample."""
    mean, log_variance = (part.detach() for part in latent)
    off = drawn(Gaussian(mean, log_variance), generator) - mean
    inverse, values = torch.exp(-log_variance), function(mean + off)
    return values * off * inverse, values * (off**2 * inverse - 1) / 2


# f, and E[f(z)] as a function of mu and sigma^2
FUNCTIONS = {
    "quadratic": (lambda z: z**2 - 3 * z, lambda m, v: m**2 + v - 3 * m),
    "sine": (torch.sin, lambda m, v: torch.sin(m) * torch.exp(-v / 2)),
    "exponential": (lambda z: torch.exp(z / 2), lambda m, v: torch.exp(m / 2 + v / 8)),
}


@pytest.mark.parametrize("estimate", [gradients, scores])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_through_the_sample_are_those_of_the_expectation(
    name, estimate, given, generator
):
    function, expected = FUNCTIONS[name]
    value = expected(given.mean, given.log_variance.exp()).sum()
    exact = torch.autograd.grad(value, list(given))
    for found, wanted in zip(estimate(given, function, generator), exact, strict=True):
        assert agrees(found, wanted)
        assert not agrees(found, wanted + 0.3 * (1 + wanted.abs()))


def test_the_gradient_through_the_sample_needs_fewer_samples_than_the_score(given, generator):
    for name, (function, _) in FUNCTIONS.items():
        pairs = (estimate(given, function, generator) for estimate in (gradients, scores))
        for path, score in zip(*pairs, strict=True):
            assert path.var(dim=0).sum() < score.var(dim=0).sum(), name


def test_the_same_generator_gives_the_same_sample(given):
    first, again = (given.sample(torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, given.sample(torch.Generator().manual_seed(8)))


def test_a_new_latent_is_narrow_and_an_extreme_one_stays_finite():
    torch.manual_seed(0)
    latent, h = GaussianLatent(5, 3), torch.randn(7, 5)
    assert (latent(h).log_variance == -2).all()
    torch.nn.init.constant_(latent.log_variance.weight, 1e4)
    wide = latent(1e4 * h)
    assert wide.log_variance.abs().max() == 8
    assert wide.kl().isfinite().all()
