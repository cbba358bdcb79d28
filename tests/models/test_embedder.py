"""Vectors: of a trained model or an encoder, whatever stands beside a molecule or spells it."""

import pickle

import numpy as np
import pytest
import torch
from rdkit import Chem

from molgnn.data.batch import to_batch
from molgnn.errors import Refusal
from molgnn.models.autoencoder import autoencoder_of
from molgnn.models.build import ENCODERS
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.embedder import load_embedder
from molgnn.models.pretrained import load_pretrained

SHAPES = [{"graph_dim": 5}, {"graph_dim": 0}, {"graph_dim": 0, "parts": ("links",)}]


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("shape", SHAPES, ids=["graph", "atoms", "links"])
def test_vectors_of_an_encoder_are_those_of_its_autoencoder(
    name, shape, autoencoder_folder, graphs
):
    folder = autoencoder_folder(name, **shape)
    embedder, oracle = load_embedder(folder, "cpu"), autoencoder_of(load_pretrained(folder))
    found = embedder.vectors(graphs)
    with torch.inference_mode():
        wanted = oracle.vectors(to_batch(graphs)).numpy()
    assert found.shape == (len(graphs), embedder.width) == wanted.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)


def test_vectors_of_a_trained_model_are_what_its_heads_see(drugs):
    found = load_embedder("solubility", "cpu")
    wanted = load_bundle("solubility", "cpu").embed(drugs[:40])
    assert np.array_equal(found.embed(drugs[:40]), wanted)
    assert (found.name, found.width) == ("solubility", wanted.shape[1])


def test_neighbours_in_the_batch_do_not_matter(autoencoder_folder, drugs):
    embedder = load_embedder(autoencoder_folder(), "cpu")
    together = embedder.embed(drugs[:300])
    for row in (0, 7, 299):
        assert np.array_equal(embedder.embed(drugs[row])[0], together[row])
    assert np.array_equal(embedder.embed(drugs[299::-1]), together[::-1])


def test_two_spellings_agree_but_for_rounding(autoencoder_folder, drugs):
    embedder = load_embedder(autoencoder_folder("dmpnn"), "cpu")
    for text in drugs[5:200:40]:
        spellings = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(text), 6, randomSeed=1)
        vectors = embedder.embed([text, *spellings])
        np.testing.assert_allclose(vectors[1:], vectors[:-1], rtol=1e-4, atol=1e-5)


def test_a_bad_molecule_is_refused_by_its_number(autoencoder_folder):
    with pytest.raises(Refusal, match=r"molecule 2 of 2, 'C\(': not valid SMILES"):
        load_embedder(autoencoder_folder(), "cpu").embed(["C", "C("])


def test_it_travels_to_workers_and_stays_the_same(autoencoder_folder, graphs):
    embedder = load_embedder(autoencoder_folder(), "cpu")
    vectors = embedder.vectors(graphs)
    work = pickle.loads(pickle.dumps(embedder.job()))()
    assert np.array_equal(work(graphs).mean, vectors)


def test_what_has_no_vectors_is_refused(
    autoencoder_folder, mixture_of, pretrain, tmp_path, training
):
    model, spec = mixture_of("linear")
    save_bundle(tmp_path / "linear", model, spec, training)
    for wrong, said in (
        (tmp_path / "linear", "has no network, so it has no vectors"),
        (pretrain(out="alone"), "holds an encoder alone: its latents cannot be had"),
        ("no-such", "unknown model 'no-such': .* mcule, solubility"),
        (autoencoder_folder().parent / "nothing", "unknown model"),
    ):
        with pytest.raises(Refusal, match=said):
            load_embedder(wrong, "cpu")
