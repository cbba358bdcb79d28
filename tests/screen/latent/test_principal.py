"""Principal components: those that scikit-learn finds."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from molgnn.screen.latent.principal import principal


@pytest.mark.parametrize("rows, width", [(40, 9), (9, 40), (3, 2), (2, 5), (60, 60)])
def test_places_and_shares_are_those_of_scikit_learn(rows, width):
    vectors = np.random.default_rng(rows).normal(size=(rows, width)) * np.linspace(1, 4, width) + 3
    place, shares = principal(vectors)
    pca = PCA(2, svd_solver="full")
    wanted = pca.fit_transform(vectors)
    signs = np.sign((wanted * place).sum(axis=0))
    np.testing.assert_allclose(place, wanted * np.where(signs == 0, 1, signs), atol=1e-6)
    np.testing.assert_allclose(shares, pca.explained_variance_ratio_, atol=1e-12)


def test_a_map_is_not_turned_over_by_the_order_of_the_rows():
    vectors = np.random.default_rng(1).normal(size=(30, 6))
    order = np.random.default_rng(2).permutation(30)
    np.testing.assert_allclose(principal(vectors[order])[0], principal(vectors)[0][order])


def test_vectors_that_are_all_the_same_lie_on_one_spot():
    for shape in ((5, 4), (4, 50)):
        place, shares = principal(np.full(shape, 2.5, dtype=np.float32))
        assert not place.any()
        assert shares == (0.0, 0.0)
