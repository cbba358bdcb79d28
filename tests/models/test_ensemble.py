"""A model in use: one molecule has one score, bad rows have reasons, members are averaged."""

import numpy as np
import pandas as pd
import pytest
import torch
from rdkit import Chem

from molgnn.chem.graph import featurize
from molgnn.data.batch import to_batch
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.build import ENCODERS, READOUTS
from molgnn.models.scorer import PRECISIONS

COLUMNS = ["logS", "toxic", "class=0", "class=1", "class=2"]


@pytest.fixture(scope="module")
def spellings(drugs):
    """Graphs of 200 drugs with stereo, each as it is written and in 20 random spellings."""
    marked = [text for text in drugs if set(text) & set("@/\\")]
    marked = marked[:: len(marked) // 200][:200]
    texts = []
    for text in marked:
        mol = Chem.MolFromSmiles(text)
        texts += [text, *Chem.MolToRandomSmilesVect(mol, 20, randomSeed=11)]
    graphs, rows, _ = featurize(texts)
    assert len(rows) == 200 * 21
    return graphs


@pytest.mark.parametrize("encoder", ENCODERS)
def test_one_molecule_has_one_score_however_it_is_written(
    encoder, spellings, spec_of, predictor_of
):
    task = Task("y", "regression", mean=1.0, std=2.0)
    model = predictor_of(spec_of(encoder, dim=32, depth=3), tasks=[task])
    with torch.no_grad():
        model.members[0].head.layers[-1].weight.mul_(10)  # untrained scores are all alike
    scores = model.predict_graphs(spellings)[0].reshape(200, 21)
    assert np.ptp(scores, axis=1).max() < 1e-5
    assert scores[:, 0].std() > 0.1


@pytest.mark.parametrize("encoder", ENCODERS)
def test_enantiomers_can_differ(encoder, spec_of, predictor_of):
    model = predictor_of(spec_of(encoder, dim=32))
    with torch.no_grad():
        model.members[0].head.layers[-1].weight.mul_(10)  # untrained scores are all alike
    scores = model.predict(["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC(N)C(=O)O"])["logS"]
    assert scores.nunique() == 3
    assert abs(scores[0] - scores[1]) > 1e-4


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_neighbours_do_not_change_one_bit_of_a_score(
    encoder, readout, precision, graphs, spec_of, predictor_of
):
    model = predictor_of(spec_of(encoder, readout), members=2)
    every = np.concatenate([np.arange(len(graphs))] * 3)
    every = np.random.default_rng(0).permutation(every)
    mean, spread = model.predict_graphs(graphs, precision)
    for rows in (every, np.arange(len(graphs))[::-1], np.array([3]), np.array([5, 5])):
        other = model.predict_graphs(graphs.select(rows), precision)
        np.testing.assert_array_equal(other[0], mean[rows])
        np.testing.assert_array_equal(other[1], spread[rows])


def test_an_ensemble_is_the_mean_and_the_sample_spread_of_its_members(
    graphs, spec_of, predictor_of
):
    ensemble = predictor_of(spec_of("gin"), members=3)
    alone = []
    for member in ensemble.members:
        single = predictor_of(spec_of("gin"))
        single.members = [member]
        mean, spread = single.predict_graphs(graphs)
        assert not spread.any()
        alone.append(mean)
    mean, spread = ensemble.predict_graphs(graphs)
    np.testing.assert_allclose(mean, np.mean(alone, axis=0))
    np.testing.assert_allclose(spread, np.std(alone, axis=0, ddof=1))
    assert spread.min() > 0


def test_predictions_are_in_the_users_units_and_probabilities(graphs, spec_of, predictor_of):
    model = predictor_of(spec_of())
    assert model.columns == COLUMNS
    batch = to_batch(graphs)
    logits = model.members[0](batch)["molecule"].detach().double()
    mean, _ = model.predict_graphs(graphs)
    np.testing.assert_allclose(mean[:, 0], logits[:, 0] * 2.0 - 2.5, rtol=1e-5)
    np.testing.assert_allclose(mean[:, 1], torch.sigmoid(logits[:, 1]), rtol=1e-5)
    np.testing.assert_allclose(mean[:, 2:], torch.softmax(logits[:, 2:], dim=1), rtol=1e-5)
    np.testing.assert_allclose(mean[:, 2:].sum(axis=1), 1)


def test_a_table_of_predictions_keeps_the_order_and_gives_reasons(spec_of, predictor_of):
    model = predictor_of(spec_of())
    table = model.predict(["CCO", "nonsense", "", "c1ccccc1"])
    assert list(table.columns) == [*COLUMNS, "reason"]
    assert table["reason"].tolist() == ["", "not valid SMILES", "empty", ""]
    assert table["logS"].isna().tolist() == [False, True, True, False]
    alone = model.predict("c1ccccc1")
    np.testing.assert_allclose(table[COLUMNS].iloc[3], alone[COLUMNS].iloc[0], atol=1e-6)


def test_a_table_of_an_ensemble_has_a_spread_for_each_column(spec_of, predictor_of):
    table = predictor_of(spec_of(), members=2).predict(["CCO", "bad"])
    assert list(table.columns) == [*COLUMNS, *(f"{c}_std" for c in COLUMNS), "reason"]
    assert table.loc[0, "logS_std"] > 0
    assert pd.isna(table.loc[1, "logS_std"])


def test_no_molecules_give_an_empty_table_and_no_vectors(spec_of, predictor_of):
    model = predictor_of(spec_of(), members=2)
    assert len(model.predict([])) == 0
    assert len(model.predict(["bad"])) == 1
    assert model.embed([]).shape == (0, 16)


def test_a_salt_scores_as_its_parent(spec_of, predictor_of):
    scores = predictor_of(spec_of()).predict(["CCN", "CCN.Cl", "Cl.CCN"])["logS"]
    assert scores.nunique() == 1


def test_embeddings_are_the_members_vectors_side_by_side(graphs, spec_of, predictor_of):
    model = predictor_of(spec_of("gin", "mean_max"), members=2)
    vectors = model.embed(["CCO", "c1ccccc1"])
    assert vectors.shape == (2, 32)
    batch = to_batch(featurize(["CCO", "c1ccccc1"])[0])
    for member, part in zip(model.members, np.split(vectors, 2, axis=1), strict=True):
        np.testing.assert_allclose(part, member.embed(batch).detach(), atol=1e-6)


def test_embedding_a_bad_molecule_is_refused_with_its_place(spec_of, predictor_of):
    with pytest.raises(Refusal, match="molecule 2 of 3, 'C1C': not valid SMILES"):
        predictor_of(spec_of()).embed(["CC", "C1C", "CCC"])


def test_a_model_in_use_is_in_evaluation_mode_and_keeps_no_gradients(spec_of, predictor_of):
    model = predictor_of(spec_of(dropout=0.5), members=2)
    assert not any(member.training for member in model.members)
    first, second = (model.predict(["CCO"])["logS"][0] for _ in range(2))
    assert first == second
