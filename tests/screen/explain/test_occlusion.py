"""Occlusion: the score's fall when an atom is hidden, as a plain loop finds it."""

import numpy as np
import pytest
import torch

from molgnn.chem.fields import ATOM_FIELDS, BOND_FIELDS
from molgnn.chem.graph import featurize
from molgnn.data.scaling import decode
from molgnn.screen.explain import occlusion
from molgnn.screen.explain.molecules import read_molecules
from molgnn.screen.explain.occlusion import occluded, occluded_without_graph
from molgnn.screen.explain.target import target_of

SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "C", "N[C@@H](C)C(=O)O", "c1cc[nH]c1")


@pytest.mark.parametrize("copies", [1, 7, 2048])
def test_occlusion_is_the_score_minus_that_without_the_atom(copies, model_of, monkeypatch):
    monkeypatch.setattr(occlusion, "_COPIES", copies)
    model, graphs = model_of("dmpnn", members=2), featurize(SMILES)[0]
    found = occluded(model, target_of(model, "logS"), graphs)
    expected = []
    for molecule in range(len(graphs)):
        alone = graphs.part(molecule, molecule + 1)
        score = model.predict_graphs(alone)[0][0, 0]
        for atom in range(len(alone.atoms)):
            less = graphs.select([molecule])
            less.atoms[atom] = [field.other for field in ATOM_FIELDS]
            less.bonds[(less.bond_ends == atom).any(axis=1)] = [f.other for f in BOND_FIELDS]
            expected.append(score - model.predict_graphs(less)[0][0, 0])
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_no_molecule_has_no_occlusion(model_of):
    model = model_of()
    assert occluded(model, target_of(model, None), featurize(["C("])[0]).shape == (0,)


def test_a_model_without_a_graph_loses_its_prediction_with_the_atom_that_it_counts(forest):
    read = read_molecules(["CCCO", "c1cc[nH]c1"], "parent", forest.blocks)
    found = occluded_without_graph(forest, target_of(forest, None), read.mols, read.graphs)
    assert found[:4].argmax() == 3
    assert found[3] > 0.3
    assert np.isfinite(found).all()


def test_decoded_scores_are_the_users_units(model_of):
    model, graphs = model_of(), featurize(SMILES)[0]
    logits = model.scorer().logits(graphs)[0]
    plain = decode(logits, model.tasks)[:, 0]
    scores = target_of(model, "logS").score(torch.from_numpy(logits))
    np.testing.assert_allclose(scores, plain, atol=1e-5)
