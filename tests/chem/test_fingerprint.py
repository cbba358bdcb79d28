"""Fingerprints on packed bits, beside RDKit's own."""

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molgnn.chem import fingerprint
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


def tanimoto(queries, references):
    """RDKit's own similarities (Q, R), of the molecules themselves."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    asked, known = ([generator.GetFingerprint(m) for m in ms] for ms in (queries, references))
    return np.array([DataStructs.BulkTanimotoSimilarity(one, known) for one in asked])


@pytest.mark.parametrize("rows, block", [(1, 1), (3, 7), (64, 16), (1000, 1000)])
def test_blocks_of_any_size_give_rdkits_similarities_and_the_first_of_equals(mols, rows, block):
    known = [*mols[:20], *mols[5:30], *mols[:20]]  # many ties, within blocks and across them
    expected = tanimoto(mols, known)
    similarity, row = nearest(morgan(mols), morgan(known), rows=rows, block=block)
    np.testing.assert_array_equal(similarity, expected.max(axis=1))
    np.testing.assert_array_equal(row, expected.argmax(axis=1))


@pytest.mark.parametrize("block", [1, 4, 2048])
def test_what_is_its_own_reference_can_be_left_out(mols, block):
    expected = tanimoto(mols, mols)
    np.fill_diagonal(expected, -1)
    similarity, row = nearest(morgan(mols), morgan(mols), np.arange(len(mols)), block=block)
    np.testing.assert_array_equal(similarity, expected.max(axis=1))
    np.testing.assert_array_equal(row, expected.argmax(axis=1))
    with pytest.raises(ValueError, match="no reference"):
        nearest(morgan(mols[:1]), morgan(mols[:1]), np.zeros(1, dtype=int))


def test_a_molecule_without_a_bit_is_similar_to_nothing_as_rdkit_has_it(mols):
    empty = Chem.MolFromSmiles("")
    assert not morgan([empty]).any()
    similarity, row = nearest(morgan([empty]), morgan([empty, *mols[:3]]))
    assert similarity.tolist() == tanimoto([empty], [empty, *mols[:3]]).max(axis=1).tolist() == [0]
    assert row.tolist() == [0]


@pytest.mark.parametrize("size", [8, 72, 512])
def test_bits_of_any_number_of_bytes_are_counted(size):
    bits = np.random.default_rng(0).integers(0, 256, (30, size // 8), dtype=np.uint8)
    both = np.unpackbits(bits[:, None] & bits, axis=2).sum(axis=2)
    either = np.unpackbits(bits[:, None] | bits, axis=2).sum(axis=2)
    similarity, row = nearest(bits[:10], bits[10:])
    expected = (both / np.maximum(either, 1))[:10, 10:]
    np.testing.assert_array_equal(similarity, expected.max(axis=1))
    np.testing.assert_array_equal(row, expected.argmax(axis=1))


def test_numpy_before_2_counts_the_same_bits(mols, monkeypatch):
    bits = morgan(mols)
    expected = nearest(bits[:20], bits[20:])
    monkeypatch.setattr(fingerprint, "popcount", fingerprint._count_by_table)
    words = np.array([[0, 1, 2**64 - 1]], dtype=np.uint64)
    found = fingerprint.popcount(words, np.empty(words.shape, dtype=np.uint8))
    assert found.tolist() == [[0, 1, 64]]
    for one, other in zip(nearest(bits[:20], bits[20:]), expected, strict=True):
        np.testing.assert_array_equal(one, other)
