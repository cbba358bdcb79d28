"""Features of a table: each molecule its own row, and none of them stops a training."""

from dataclasses import replace

import numpy as np
import pytest

from molgnn.chem.descriptors import BLOCKS, Block
from molgnn.chem.graph import features_of
from molgnn.data.tables import features
from molgnn.data.tables.features import with_features
from molgnn.data.tables.table import read_dataset


@pytest.fixture
def dataset(tmp_path):
    """Forty chains."""
    path = tmp_path / "mine.csv"
    rows = [f"{'C' * (1 + i % 20)}{'O' * (i // 20)},{0.1 * i}" for i in range(40)]
    path.write_text("\n".join(["smiles,y", *rows]) + "\n")
    return read_dataset(path, targets=("y",))


def test_features_stand_beside_the_graphs_they_are_of(dataset):
    done = []
    found = with_features(dataset, ("erg", "morgan"), lambda *told: done.append(told), workers=0)
    wanted = features_of(dataset.smiles, "none", ("erg", "morgan"))
    np.testing.assert_array_equal(found.graphs.features, wanted)
    assert done == [(40, 40)]
    assert dataset.graphs.features is None


def test_without_blocks_nothing_is_computed(dataset):
    assert with_features(dataset, ()) is dataset


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_and_chunks_do_not_change_the_features(dataset, workers, monkeypatch):
    here = with_features(dataset, ("morgan",), workers=0).graphs.features
    monkeypatch.setattr(features, "_CHUNK", 7)
    there = with_features(dataset, ("morgan",), workers=workers).graphs.features
    np.testing.assert_array_equal(there, here)


def test_a_molecule_that_takes_too_long_has_no_features_and_the_others_have(dataset, slow_smiles):
    texts = list(dataset.smiles)
    texts[3] = slow_smiles  # as if it were its features that take long
    slow = replace(dataset, smiles=texts)
    found = with_features(slow, ("morgan",), workers=1, timeout=2.0).graphs.features
    wanted = with_features(dataset, ("morgan",), workers=0).graphs.features
    assert np.isnan(found[3]).all()
    rows = np.arange(40) != 3
    np.testing.assert_array_equal(found[rows], wanted[rows])


def test_rows_that_were_taken_away_are_missing_not_shifted(monkeypatch):
    block = Block(("length",), lambda mol: np.array([mol.GetNumAtoms()]))
    monkeypatch.setitem(BLOCKS, "length", lambda: block)
    found = features._features(["CC", "", "CCC"], "none", ["length"])[:, 0]
    np.testing.assert_array_equal(found, np.array([2, np.nan, 3], dtype=np.float32))
