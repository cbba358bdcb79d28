"""Fingerprints on packed bits, beside RDKit's own."""

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molgnn.chem.fingerprint import morgan, nearest


@pytest.fixture(scope="module")
def mols(drugs):
    return [Chem.MolFromSmiles(text) for text in drugs[::53]]


def test_bits_are_those_of_rdkit_packed_eight_to_a_byte(mols):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=3, fpSize=512)
    bits = np.unpackbits(morgan(mols, radius=3, size=512), axis=1)
    assert bits.shape == (len(mols), 512)
    np.testing.assert_array_equal(bits, [generator.GetFingerprintAsNumPy(mol) for mol in mols])


def test_no_molecule_gives_no_row():
    assert morgan([]).shape == (0, 256)


def test_nearest_is_the_argmax_of_rdkits_tanimoto(mols):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(mol) for mol in mols]
    queries, references = mols[:20], mols[20:]
    similarity, row = nearest(morgan(queries), morgan(references))
    for query in range(20):
        expected = DataStructs.BulkTanimotoSimilarity(prints[query], prints[20:])
        assert similarity[query] == max(expected)
        assert row[query] == int(np.argmax(expected))


def test_a_molecule_is_nearest_to_itself_and_ties_go_to_the_lower_row(mols):
    doubled = [*mols[:5], *mols[:5]]
    similarity, row = nearest(morgan(mols[:5]), morgan(doubled))
    assert similarity.tolist() == [1.0] * 5
    assert row.tolist() == [0, 1, 2, 3, 4]


def test_without_references_there_is_no_nearest(mols):
    with pytest.raises(ValueError, match="no reference"):
        nearest(morgan(mols[:1]), morgan([]))


def test_no_queries_give_no_answers(mols):
    similarity, row = nearest(morgan([]), morgan(mols[:2]))
    assert (len(similarity), len(row)) == (0, 0)
