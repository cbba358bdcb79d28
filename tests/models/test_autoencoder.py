"""The molecular autoencoder: its parts, its latents, and how it comes back from disk."""

import numpy as np
import pytest
import torch

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.chem.graph import featurize
from molgnn.data.batch import to_batch
from molgnn.errors import Refusal
from molgnn.models.autoencoder import MoleculeAutoencoder, autoencoder_of
from molgnn.models.pretrained import load_pretrained, save_pretrained

TINY = {"name": "dmpnn", "dim": 16, "depth": 2}
ALL = ("links", "pairs", "atoms", "descriptors")
TEXTS = ["CC(=O)Oc1ccccc1C(=O)O", "C", "CN1CCC[C@H]1c1cccnc1", "C/C=C/C#N"]


@pytest.fixture
def batch():
    return to_batch(featurize(TEXTS)[0])


def built(parts=ALL, graph_dim=12, variational=True):
    torch.manual_seed(0)
    return MoleculeAutoencoder(TINY, parts, 8, graph_dim, 5, variational)


def saved(folder, model, **changes):
    counts = tuple([torch.ones(n, dtype=torch.int64) for n in s] for s in (ATOM_SIZES, BOND_SIZES))
    known = {
        "parts": list(model.parts),
        "dim": 8,
        "graph_dim": 12,
        "variational": model.variational,
    }
    config = {"name": "mine", "encoder": TINY, "recipe": "parent", "autoencoder": known | changes}
    save_pretrained(folder, dict(model.state_dict()), counts, config)
    return load_pretrained(folder)


def test_latents_are_sampled_in_training_and_means_otherwise(batch):
    model = built()
    one, two = model(batch), model(batch)
    assert not torch.equal(one.z, two.z)
    model.eval()
    calm = model(batch)
    torch.testing.assert_close(calm.z, calm.atoms.mean)
    torch.testing.assert_close(calm.z_graph, calm.graph.mean)
    plain = built(variational=False)(batch)
    torch.testing.assert_close(plain.z, plain.atoms.mean)


def test_what_no_term_needs_is_not_built(batch):
    links = built(("links",))
    assert links.graph_latent is None
    assert links.pairs is None
    alone = built(("descriptors",))
    assert alone.latent is None
    assert alone(batch).z is None
    assert built(("atoms",), graph_dim=0).graph_latent is None


@pytest.mark.parametrize("parts, width", [(ALL, 12), (("links",), 8), (("descriptors",), 12)])
def test_the_vector_of_a_molecule_does_not_depend_on_its_neighbours_or_spelling(
    batch, parts, width
):
    model = built(parts).eval()
    whole = model.vectors(batch)
    assert whole.shape == (len(TEXTS), width)
    for row, text in enumerate(TEXTS):
        alone = model.vectors(to_batch(featurize([text])[0]))
        torch.testing.assert_close(alone[0], whole[row], rtol=1e-4, atol=1e-6)
    other = model.vectors(to_batch(featurize(["OC(=O)c1ccccc1OC(C)=O"])[0]))
    torch.testing.assert_close(other[0], whole[0], rtol=1e-4, atol=1e-5)


def test_it_comes_back_from_disk_as_it_was(batch, tmp_path):
    model = built()
    model.features.fit(np.random.default_rng(0).normal(size=(20, 5)))
    again = autoencoder_of(saved(tmp_path, model))
    assert not again.training
    torch.testing.assert_close(again.vectors(batch), model.eval().vectors(batch))
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"dim": 9}, "do not fit"),
        ({"dim": 1 << 40}, "describes none"),
        ({"graph_dim": -1}, "describes none"),
        ({"parts": ["pairs", "spells"]}, "describes none"),
        ({"parts": "pairs"}, "describes none"),
        ({"parts": ["pairs"]}, "describes none"),
        ({"dim": True}, "describes none"),
        ({"parts": []}, "describes none"),
        ({"graph_dim": 0}, "describes none"),
        ({"variational": "no"}, "describes none"),
        ({"more": 1}, "an encoder alone"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, changes, said):
    pretrained = saved(tmp_path, built(), **changes)
    with pytest.raises(Refusal, match=said):
        autoencoder_of(pretrained)


def test_a_wide_latent_is_refused_before_it_is_built():
    with pytest.raises(Refusal, match="dimensions"):
        MoleculeAutoencoder(TINY, ALL, 1 << 40, 12, 5)
