"""Butina clusters and MaxMin picks are RDKit's, molecule by molecule."""

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.ML.Cluster import Butina
from rdkit.SimDivFilters.rdSimDivPickers import MaxMinPicker

from molgnn.chem import clusters, fingerprint
from molgnn.chem.clusters import butina, maxmin
from molgnn.chem.fingerprint import morgan


@pytest.fixture(scope="module")
def mols(shipped_drugs):
    found = [Chem.MolFromSmiles(text) for text in shipped_drugs[:400]]
    return [mol for mol in found if mol]


@pytest.fixture(scope="module")
def vectors(mols):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [generator.GetFingerprint(mol) for mol in mols]


def groups(found):
    return [np.flatnonzero(found == number).tolist() for number in range(found.max() + 1)]


def rdkits(vectors, similarity):
    """RDKit settles ties by the later molecule: so it is given them the other way round."""
    turned, count = vectors[::-1], len(vectors)
    distances = [
        1 - each
        for i in range(1, count)
        for each in DataStructs.BulkTanimotoSimilarity(turned[i], turned[:i])
    ]
    found = Butina.ClusterData(distances, count, 1 - similarity + 1e-9, isDistData=True)
    return [sorted(count - 1 - i for i in members) for members in found]


@pytest.mark.parametrize("similarity", [0.2, 0.35, 0.6, 1.0])
def test_butina_is_rdkits(mols, vectors, similarity):
    assert groups(butina(morgan(mols), similarity)) == rdkits(vectors, similarity)


@pytest.mark.parametrize("rows, block, threads", [(1, 7, 1), (16, 64, 3), (1000, 1000, 2)])
def test_what_is_compared_at_once_does_not_matter(mols, monkeypatch, rows, block, threads):
    expected = butina(morgan(mols), 0.4)
    monkeypatch.setattr(clusters, "_ROWS", rows)
    monkeypatch.setattr(clusters, "_BLOCK", block)
    assert (butina(morgan(mols), 0.4, threads) == expected).all()


def test_equal_molecules_are_one_cluster_and_those_without_a_bit_are_none():
    one, nothing = np.full((1, 256), 3, np.uint8), np.zeros((1, 256), np.uint8)
    bits = np.concatenate([nothing, one, nothing, one, one])
    assert butina(bits, 0.5).tolist() == [1, 0, 2, 0, 0]
    assert butina(bits[:0], 0.5).tolist() == []
    assert butina(nothing, 0.5).tolist() == [0]


def test_numpy_before_2_finds_the_same_clusters(mols, monkeypatch):
    expected = butina(morgan(mols[:60]), 0.3)
    monkeypatch.setattr(clusters, "popcount", fingerprint._count_by_table)
    assert (butina(morgan(mols[:60]), 0.3) == expected).all()


def test_maxmin_is_rdkits(mols, vectors):
    found = MaxMinPicker().LazyBitVectorPick(vectors, len(vectors), 50, firstPicks=[0])
    assert maxmin(morgan(mols), 50).tolist() == list(found)


def test_maxmin_picks_each_once_also_among_equal_ones():
    bits = np.full((5, 256), 3, np.uint8)
    assert maxmin(bits, 4).tolist() == [0, 1, 2, 3]
    assert sorted(maxmin(bits, 9).tolist()) == [0, 1, 2, 3, 4]
    assert maxmin(bits[:0], 3).tolist() == maxmin(bits, 0).tolist() == []
