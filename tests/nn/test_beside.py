"""Features beside a graph: scaled by what the training molecules show, and never too much."""

import numpy as np
import pytest
import torch

from molgnn.nn.beside import FeatureInput


@pytest.fixture(scope="module")
def x():
    """Features (300, 6): normal, counts, mostly zero, huge, constant, partly missing."""
    draw = np.random.default_rng(0)
    columns = [
        draw.normal(5, 2, 300),
        draw.integers(0, 3, 300),
        draw.random(300) < 0.05,
        np.exp(draw.normal(0, 20, 300)),
        np.full(300, 7.0),
        np.where(draw.random(300) < 0.3, np.nan, draw.normal(-3, 1, 300)),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def scaled(x, asked=None, columns=range(6)):
    part = FeatureInput(columns)
    part.fit(x)
    return part(torch.from_numpy(x if asked is None else asked)).numpy()


def by_numpy(x, asked):
    """The formula of the docstring, column by column, in double precision."""
    found = np.zeros(asked.shape)
    for i, column in enumerate(x.T.astype(np.float64)):
        known = column[np.isfinite(column)]
        middle = np.median(known)
        low, high = np.percentile(known, [16, 84])
        width = (high - low) / 2 or np.abs(known - middle).mean()
        if not width:
            continue
        bent = np.arcsinh((known - middle) / width)
        z = (
            np.arcsinh((asked[:, i].astype(np.float64) - middle) / width) - bent.mean()
        ) / bent.std()
        found[:, i] = np.where(np.isnan(z), 0, np.clip(z, -5, 5))
    return found


def test_it_is_the_formula(x):
    found = scaled(x)
    np.testing.assert_allclose(found, by_numpy(x, x), atol=1e-4)
    known = ~np.isnan(x)
    for i in (0, 1, 3, 5):
        assert abs(found[known[:, i], i].mean()) < 0.05
        assert found[known[:, i], i].std() == pytest.approx(1, abs=0.1)


def test_whatever_is_computed_stays_finite_and_small(x):
    odd = np.repeat(np.array([np.nan, 1e30, -1e30, 3e38, 0, 1e-38], np.float32)[:, None], 6, 1)
    found = scaled(x, odd)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 5
    assert not found[0].any()  # missing: as the mean
    assert (found[1, [0, 1]] == 5).all()
    assert (found[2, [0, 1]] == -5).all()


def test_huge_training_features_are_scaled_too():
    x = np.stack([np.arange(20), 1e30 * (-1.0) ** np.arange(20)], axis=1).astype(np.float32)
    x[-1, 0] = 1e30  # one among ordinary ones does not make these alike
    found = scaled(x, columns=range(2))
    assert np.isfinite(found).all()
    assert len(np.unique(found[:, 0])) == 20
    assert len(np.unique(found[:, 1])) == 2


def test_what_never_changes_gives_nothing_whatever_comes_later(x):
    later = x.copy()
    later[:, 4] = np.linspace(-1e6, 1e6, 300)
    assert not scaled(x, later)[:, 4].any()


def test_features_that_no_training_molecule_has_give_nothing(x):
    train = x.copy()
    train[:, 0] = np.nan
    assert not scaled(train, x)[:, 0].any()


def test_only_the_molecules_it_is_fitted_to_decide(x):
    one, other = FeatureInput(range(6)), FeatureInput(range(6))
    one.fit(x[:200])
    other.fit(x[:200].copy())
    before = one.scaling.clone()
    one(torch.from_numpy(x[200:] * 100))
    assert torch.equal(one.scaling, before)
    assert torch.equal(other.scaling, before)


def test_it_takes_its_own_columns_of_many(x):
    found = scaled(x, columns=[3, 0])
    np.testing.assert_array_equal(found, scaled(x)[:, [3, 0]])
    part = FeatureInput([3, 0])
    assert (part.out_dim, part.in_dim) == (2, 4)


def test_its_scaling_is_saved_with_the_weights_and_nothing_else_is(x):
    part, other = FeatureInput(range(6)), FeatureInput(range(6))
    part.fit(x)
    assert list(part.state_dict()) == ["scaling"]
    other.load_state_dict(part.state_dict())
    asked = torch.from_numpy(x)
    assert torch.equal(part(asked), other(asked))


def test_neighbours_do_not_change_a_bit(x):
    part = FeatureInput(range(6))
    part.fit(x)
    asked = torch.from_numpy(x)
    rows = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    assert torch.equal(part(asked[rows]), part(asked)[rows])
    assert torch.equal(torch.cat([part(row[None]) for row in asked]), part(asked))
