"""Batches for the tests of the layers."""

from collections.abc import Sequence

import pytest
from rdkit import Chem

from molgnn.chem.graph import featurize, pack
from molgnn.data.batch import to_batch

TEXTS = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "C",
    "C[C@H](N)C(=O)O",
    "[Na+]",
    "C/C=C/C#N",
    "CN1CCC[C@H]1c1cccnc1",
    "C[N+](C)(C)CCS(=O)(=O)[O-]",
)


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    return TEXTS


@pytest.fixture(scope="session")
def batch_of():
    """batch_of(texts) -> GraphBatch, every text as it is written."""

    def make(texts: Sequence[str] = TEXTS):
        graphs, rows, _ = featurize(texts, "none")
        assert len(rows) == len(texts)
        return to_batch(graphs)

    return make


@pytest.fixture(scope="session")
def renumbered():
    """renumbered(text, order) -> GraphBatch of the molecule with its atoms in that order."""

    def make(text: str, order: Sequence[int]):
        return to_batch(pack([Chem.RenumberAtoms(Chem.MolFromSmiles(text), list(order))]))

    return make
