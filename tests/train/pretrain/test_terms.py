"""The terms of the loss: against plain loops, without a trace of padding."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from molgnn.chem.descriptors import molecule_features
from molgnn.chem.features import ATOM_SIZES
from molgnn.chem.graph import featurize
from molgnn.chem.smiles import parse
from molgnn.models.autoencoder import MoleculeAutoencoder
from molgnn.nn.pairs import pair_frequencies
from molgnn.train.pretrain.api import term_options
from molgnn.train.pretrain.options import TermOptions
from molgnn.train.pretrain.terms import (
    descriptor_error,
    field_nats,
    kl_by_dimension,
    link_nats,
    losses,
    total,
    without_padding,
    work_of,
)
from molgnn.train.pretrain.watch import collapsed, judged

TINY = {"name": "dmpnn", "dim": 32, "depth": 3}


@pytest.fixture(scope="module")
def described(drug_texts):
    """described(blocks) -> graphs of drugs with these descriptors."""
    chosen = drug_texts[:24]
    molecules, plain = [parse(text) for text in chosen], featurize(chosen)[0]
    return lambda blocks: replace(plain, features=molecule_features(molecules, blocks))


@pytest.fixture(scope="module")
def graphs(described):
    return described(["rdkit2d"])


def model_of(graphs, terms, encoder=TINY):
    torch.manual_seed(0)
    width = graphs.features.shape[1]
    model = MoleculeAutoencoder(
        encoder, terms.parts, terms.dim, terms.graph_dim, width, terms.kl > 0
    )
    model.frequencies.copy_(pair_frequencies(graphs))
    if model.features is not None:
        model.features.fit(graphs.features)
    return model


def found(model, graphs, terms, pad=False):
    work = work_of(graphs, terms, np.random.default_rng(0), pad)
    torch.manual_seed(1)
    return losses(model, without_padding(model(work.seen), work), work, terms)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_padding_changes_no_term(graphs, norm):
    terms = TermOptions()
    model = model_of(graphs, terms, TINY | {"norm": norm}).eval()
    plain, padded = (found(model, graphs, terms, pad) for pad in (False, True))
    assert set(plain) == {"links", "pairs", "atoms", "descriptors", "kl"}
    for name, value in plain.items():
        torch.testing.assert_close(padded[name], value, rtol=1e-4, atol=1e-5)


def test_the_kl_is_the_mean_over_molecules_of_the_mean_over_their_atoms(graphs):
    terms = TermOptions(free_bits=0.0)
    model = model_of(graphs, terms).eval()
    work = work_of(graphs, terms, np.random.default_rng(0))
    latents = model(work.seen)
    by_dimension = kl_by_dimension(latents, work.graph_id, len(graphs))
    mean, log = latents.atoms
    rows, start = [], 0
    for size in graphs.num_atoms.tolist():
        q = torch.distributions.Normal(
            mean[start : start + size], (0.5 * log[start : start + size]).exp()
        )
        prior = torch.distributions.Normal(torch.zeros(1), torch.ones(1))
        rows.append(torch.distributions.kl_divergence(q, prior).mean(dim=0))
        start += size
    torch.testing.assert_close(by_dimension["atoms"], torch.stack(rows).mean(dim=0))
    whole = losses(model, latents, work, terms)["kl"]
    torch.testing.assert_close(whole, sum(each.sum() for each in by_dimension.values()))


def test_below_the_free_bits_a_dimension_costs_the_same_and_has_no_gradient(graphs):
    terms = TermOptions(free_bits=50.0)
    model = model_of(graphs, terms)
    value = found(model, graphs, terms)["kl"]
    assert value.item() == pytest.approx(50.0 * (terms.dim + terms.graph_dim))
    value.backward()
    assert not model.latent.mean.weight.grad.any()


def test_links_weigh_bonds_and_gaps_the_same():
    logits, types = torch.randn(50), torch.randint(0, 3, (50,))
    target = (types > 0).float()
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    expected = (each[types > 0].mean() + each[types == 0].mean()) / 2
    torch.testing.assert_close(link_nats(logits, types), expected)
    assert link_nats(torch.zeros(0), torch.zeros(0, dtype=torch.long)).item() == 0


def test_fields_are_cross_entropies_of_their_own_codes():
    logits = torch.randn(7, sum(ATOM_SIZES))
    codes = torch.stack([torch.randint(0, size, (7,)) for size in ATOM_SIZES], dim=1)
    start, each = 0, []
    for field, size in enumerate(ATOM_SIZES):
        each.append(F.cross_entropy(logits[:, start : start + size], codes[:, field]))
        start += size
    torch.testing.assert_close(field_nats(logits, codes), torch.stack(each).mean())


def test_descriptors_that_are_missing_do_not_count(graphs):
    terms = TermOptions(part=1.0)
    model = model_of(graphs, terms)
    features = torch.from_numpy(graphs.features.copy())
    z = torch.randn(len(graphs), terms.graph_dim)
    first = descriptor_error(model, z, features, terms)
    features[:, 3] = float("nan")
    rest = descriptor_error(model, z, features, terms)
    target = model.features(features)
    known = torch.isfinite(features)
    expected = ((model.descriptors(z) - target) ** 2)[known].mean()
    torch.testing.assert_close(rest, expected)
    assert rest.item() != first.item()


def test_blocks_of_descriptors_weigh_the_same(graphs, drug_texts):
    mols = [parse(text) for text in drug_texts[:24]]
    blocks = ("rdkit2d", "erg")
    graphs = replace(graphs, features=molecule_features(mols, blocks))
    terms = TermOptions(part=1.0, blocks=blocks)
    model = model_of(graphs, terms)
    features, z = torch.from_numpy(graphs.features), torch.randn(len(graphs), terms.graph_dim)
    error = ((model.descriptors(z) - model.features(features)) ** 2).detach()
    known = torch.isfinite(features)
    each = [error[:, own][known[:, own]].mean() for own in (slice(217), slice(217, None))]
    torch.testing.assert_close(descriptor_error(model, z, features, terms).detach(), sum(each) / 2)


def test_the_kl_warms_up(graphs):
    terms = TermOptions(kl=0.5, warmup=0.5)
    values = {"kl": torch.tensor(2.0), "pairs": torch.tensor(3.0)}
    weighed = [total(values, terms, done).item() for done in (0.0, 0.25, 0.5, 1.0)]
    assert weighed == pytest.approx([3.0, 3.5, 4.0, 4.0])


@pytest.mark.parametrize("kind", ["vgae", "autoencoder", "gae", "masked", "descriptors"])
def test_each_choice_gives_every_parameter_a_gradient(described, kind):
    terms = TermOptions(**term_options(kind))
    graphs = described(terms.blocks)
    model = model_of(graphs, terms)
    values = found(model, graphs, terms)
    assert set(values) == {*terms.parts, *(["kl"] if terms.kl else [])}
    total(values, terms, 1.0).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_a_few_molecules_are_learnt_by_heart(graphs):
    terms = TermOptions(mask=0.0, shown=1.0, kl=0.0, links=0.0, descriptors=0.0, dim=32)
    # Atoms that a molecule's symmetry exchanges have one vector, so no decoder of pairs can tell
    # which of them is bonded to which: these have no symmetry that matters.
    few = featurize(["CC(=O)OCC", "NC(=O)CO", "C#CCN", "O=CCF", "CN=C(S)CBr", "CC1CC1=O"])[0]
    few = replace(few, features=graphs.features[:6])
    model = model_of(few, terms)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(250):
        optimizer.zero_grad()
        total(found(model, few, terms), terms, 1.0).backward()
        optimizer.step()
    figures = judged(model, few, terms, torch.device("cpu"))
    assert figures["molecules_right"] == 1.0
    assert figures["bonds_right"] == 1.0


def test_judging_twice_says_the_same_and_leaves_the_model_as_it_was(graphs):
    terms = TermOptions()
    model = model_of(graphs, terms).train()
    one, two = (judged(model, graphs, terms, torch.device("cpu")) for _ in range(2))
    assert one == two
    assert model.training
    assert len(one["kl_by_dimension"]["atoms"]) == terms.dim
    assert one["kl_per_molecule"] > 0


def test_latents_that_are_not_sampled_have_no_kl_to_tell_of(graphs):
    terms = TermOptions(kl=0.0)
    figures = judged(model_of(graphs, terms), graphs, terms, torch.device("cpu"))
    assert "kl_per_molecule" not in figures
    assert figures["kl_by_dimension"] == {}
    assert set(figures["active_units"]) == {"atoms", "graph"}


def test_a_collapsed_posterior_is_told():
    widths = {"atoms": 64, "graph": 128}
    assert collapsed({"active_units": {"atoms": 60, "graph": 128}}, widths) == []
    (line,) = collapsed({"active_units": {"atoms": 60, "graph": 2}}, widths)
    assert "posterior collapse: 2 of 128" in line
