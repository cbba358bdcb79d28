"""The deletion check: hiding what attributions name moves the score more than hiding at random."""

import numpy as np
import pytest

from molgnn.chem.graph import featurize
from molgnn.errors import Refusal
from molgnn.models.ensemble import Predictor
from molgnn.screen.explain.check import _less, deletion_ratio

SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "CCCCCCCCCO", "Clc1ccc(Cl)cc1CCN", "OCC(O)CCCCC", "C(")


def test_the_shipped_model_loses_more_with_the_atoms_that_it_names(solubility):
    found = deletion_ratio(solubility, SMILES)
    assert found.molecules == 4
    assert found.ratio == pytest.approx(found.top / found.random)
    assert found.ratio > 1.5
    assert found == deletion_ratio(solubility, SMILES)
    assert found.random != deletion_ratio(solubility, SMILES, seed=1).random


def test_the_highest_ranks_of_each_molecule_are_hidden():
    graphs = featurize(["CCCCC", "O"])[0]
    less = _less(graphs, np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.0]), 0.4)
    changed = (less.atoms != graphs.atoms).any(axis=1)
    assert changed.tolist() == [False, True, False, True, False, True]


def test_what_cannot_be_checked_is_refused(solubility, model_of):
    with pytest.raises(Refusal, match="network"):
        deletion_ratio(Predictor([], model_of().tasks), ["CC"])
    with pytest.raises(Refusal, match="molecules"):
        deletion_ratio(solubility, ["C("])
    with pytest.raises(Refusal, match="share"):
        deletion_ratio(solubility, ["CC"], share=1.0)
