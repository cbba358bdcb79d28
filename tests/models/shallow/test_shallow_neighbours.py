"""The nearest neighbours are those that a plain loop over RDKit's similarities finds."""

from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molgnn.chem.descriptors import molecule_features
from molgnn.errors import Refusal
from molgnn.models.shallow.neighbours import Neighbours


@pytest.fixture(scope="module")
def mols(drugs):
    return [Chem.MolFromSmiles(text) for text in drugs[3::22]]


@pytest.fixture(scope="module")
def counts(mols):
    return molecule_features(mols, ["morgan"])


@pytest.fixture(scope="module")
def labels(mols):
    sizes = np.array([mol.GetNumAtoms() for mol in mols], dtype=np.float64)
    return np.stack([sizes, sizes % 3], axis=1)


def nearest(counts, labels, k):
    return Neighbours(np.packbits(counts > 0, axis=1), labels, np.ones(len(labels)), k)


@pytest.mark.parametrize("k", [1, 5])
def test_a_prediction_is_the_mean_of_the_most_similar_weighted_by_similarity(
    k, mols, counts, labels
):
    known, asked = slice(0, 80), slice(80, None)
    found = nearest(counts[known], labels[known], k).outputs(counts[asked])
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(mol) for mol in mols]
    for row, query in zip(found, prints[asked], strict=True):
        similar = np.array(DataStructs.BulkTanimotoSimilarity(query, prints[known]))
        # As similarity has it, and of equally similar ones the first.
        best = sorted(range(80), key=lambda i: (-similar[i], i))[:k]
        share = similar[best] + 1e-9
        np.testing.assert_allclose(row, share @ labels[best] / share.sum(), rtol=1e-5)


def test_a_training_molecule_is_its_own_nearest_neighbour(counts, labels):
    unique = np.unique(np.packbits(counts > 0, axis=1), axis=0, return_index=True)[1]
    found = nearest(counts[unique], labels[unique], 1).outputs(counts[unique])
    np.testing.assert_allclose(found, labels[unique])


def test_a_molecule_has_the_same_neighbours_whatever_stands_beside_it(counts, labels):
    model = nearest(counts[:60], labels[:60], 5)
    rows = np.random.default_rng(0).integers(0, len(counts), 1200)
    whole = model.outputs(counts)
    np.testing.assert_array_equal(model.outputs(counts[rows]), whole[rows])
    np.testing.assert_array_equal(np.concatenate([model.outputs(c[None]) for c in counts]), whole)
    assert model.outputs(counts[:0]).shape == (0, 2)


def test_of_equal_neighbours_the_heavier_says_more(counts, labels):
    model = nearest(counts[:60], labels[:60], 5)
    heavy = replace(model, weight=np.where(np.arange(60) == 3, 3.0, 1.0))
    found = heavy.outputs(np.zeros((1, 2048)))
    np.testing.assert_allclose(found[0], labels[[0, 1, 2, 3, 3, 3, 4]].mean(axis=0))


def test_where_nothing_is_similar_the_first_ones_count_alike(counts, labels):
    found = nearest(counts[:60], labels[:60], 5).outputs(np.zeros((1, 2048)))
    np.testing.assert_allclose(found[0], labels[:5].mean(axis=0))


def test_neighbours_that_do_not_fit_each_other_are_refused(counts, labels):
    model = nearest(counts[:60], labels[:60], 5)
    model.check(2048, 2)
    damaged = [
        replace(model, k=0),
        replace(model, k=61),
        replace(model, bits=model.bits[:, :-1]),
        replace(model, bits=model.bits.astype(np.int64)),
        replace(model, labels=model.labels[:-1]),
        replace(model, weight=model.weight[:-1]),
        replace(model, weight=-model.weight),
        replace(model, weight=model.weight * np.nan),
        replace(model, labels=model.labels[:, :1]),
        replace(model, labels=np.where(model.labels == model.labels[0, 0], np.nan, model.labels)),
    ]
    for each in damaged:
        with pytest.raises(Refusal, match="its nearest neighbours are damaged"):
            each.check(2048, 2)
