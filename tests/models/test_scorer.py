"""Scoring on tiles: the plain forward pass is the oracle."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.data.batch import to_batch
from molgnn.models.build import ENCODERS, READOUTS, build_model
from molgnn.models.scorer import Scorer

CPU = torch.device("cpu")
OPTIONS = {
    "plain": {},
    "deep": {"depth": 4},
    "single": {"depth": 1},
    "batch": {"norm": "batch"},
    "layer": {"norm": "layer"},
    "residual": {"residual": True},
    "straight": {"residual": False},
    "cat": {"jk": "cat"},
    "max": {"jk": "max"},
}

# What an encoder has of its own. Powers of A overflow at the atom that fills a tile up, with its
# hundreds of loops: nobody may notice.
VARIANTS = [
    ("gat", {"heads": 1}),
    ("graphsage", {"aggregate": "max"}),
    ("chebnet", {"taps": 5}),
    ("fixed_point", {"contraction": 0.5, "tolerance": 1e-5}),
    ("graph_filter", {"mix": False}),
    ("graph_filter", {"shift": "adjacency", "taps": 5, "depth": 4, "norm": "batch"}),
    ("graph_filter", {"shift": "random_walk", "loops": True}),
    ("graph_filter", {"shift": "laplacian", "basis": "chebyshev"}),
]


def plain(members, graphs):
    """Each molecule by itself, through the modules' own forward pass."""
    with torch.inference_mode():
        alone = [to_batch(graphs.select([i])) for i in range(len(graphs))]
        each = [[member(batch)["molecule"] for batch in alone] for member in members]
        return np.stack([torch.cat(logits).numpy() for logits in each])


def model_of(encoder, readout="sum", **options):
    torch.manual_seed(1)
    spec = {"name": encoder, "dim": 16, "depth": 3} | options
    model = build_model(spec, readout, {"name": "mlp", "hidden": 16}, out_dim=3)
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    with torch.no_grad():
        model.head.layers[-1].weight.mul_(10)  # an untrained head hardly tells molecules apart
    return model.eval()


@pytest.fixture(scope="module")
def awkward(graphs):
    """Drugs, lone atoms, a bond alone, two fragments, a big ring system, a chain of 1,500 atoms."""
    texts = ["C", "[Na+]", "CC", "[H][H]", "C" * 1500, "C1CC1", "c1ccc2ccccc2c1" * 30]
    return PackedGraphs.concat([featurize(texts, "none")[0], graphs])


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_single_precision_equals_the_plain_forward_pass(encoder, readout, awkward):
    models = [model_of(encoder, readout), model_of(encoder, readout, depth=2)]
    found = Scorer(models, CPU).logits(awkward)
    expected = plain(models, awkward)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-6)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_option_of_an_encoder_is_followed(encoder, options, awkward):
    check_is_followed(encoder, options, awkward)


@pytest.mark.parametrize("encoder, options", VARIANTS, ids=str)
def test_every_option_of_its_own_is_followed(encoder, options, awkward):
    check_is_followed(encoder, options, awkward)


def check_is_followed(encoder, options, awkward):
    model = model_of(encoder, **options)
    expected = plain([model], awkward)
    found = Scorer([model], CPU).logits(awkward)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("readout", ["sum", "max", "attention"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("encoder, options", VARIANTS, ids=str)
def test_neighbours_change_no_bit_whatever_the_options(
    encoder, options, precision, readout, graphs
):
    scorer = Scorer([model_of(encoder, readout, **options)], CPU, precision)
    every = scorer.logits(graphs)
    assert np.isfinite(every).all()
    for rows in (np.array([3]), np.arange(len(graphs))[::-1]):
        np.testing.assert_array_equal(scorer.logits(graphs.select(rows)), every[:, rows])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_neighbours_change_no_bit_by_the_kinds_of_bonds_they_bring(encoder):
    texts = ["CC", "c1ccccc1C(=O)OCC=CC#N", "CCO", "F/C=C/F", "CC[Pt]", "N->[Cu]"]
    texts += ["C/C=C\\C=C/C#N", "C$C", "CC~O", "C[C@H](N)C(=O)O"]
    graphs = featurize(texts, "none")[0]
    scorer = Scorer([model_of(encoder, dim=dim) for dim in (16, 64)], CPU)
    every = scorer.logits(graphs)
    for i in range(len(graphs)):
        np.testing.assert_array_equal(scorer.logits(graphs.select([i]))[:, 0], every[:, i])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_bf16_keeps_the_ranking(encoder, drugs):
    graphs = featurize(drugs[::8])[0]
    model = model_of(encoder, dim=64)
    exact, rounded = (Scorer([model], CPU, p).logits(graphs)[0] for p in ("fp32", "bf16"))
    assert (exact != rounded).any()
    for column in range(3):
        assert spearmanr(exact[:, column], rounded[:, column])[0] > 0.999


def test_an_encoder_without_a_fast_form_is_scored_through_its_own(awkward):
    class Own(type(model_of("dmpnn").encoder)):
        """Not the class that the fast form knows, though it computes the same."""

    model = model_of("dmpnn")
    expected = plain([model], awkward)
    model.encoder.__class__ = Own
    found = Scorer([model], CPU).logits(awkward)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    alone = Scorer([model], CPU).logits(awkward.select([9]))
    np.testing.assert_array_equal(alone[:, 0], found[:, 9])


def test_the_number_of_threads_does_not_change_a_bit(awkward):
    model, before = model_of("dmpnn", dim=64), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = Scorer([model], CPU).logits(awkward)
        torch.set_num_threads(2)
        two = Scorer([model], CPU).logits(awkward)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_molecules_without_any_bond_may_be_alone(encoder, precision):
    graphs, model = featurize(["C", "[Na+]"], "none")[0], model_of(encoder)
    found = Scorer([model], CPU, precision).logits(graphs)
    np.testing.assert_allclose(found, plain([model], graphs), rtol=0.05, atol=0.05)


def test_no_molecules_give_no_rows():
    assert Scorer([model_of("gin")], CPU).logits(featurize([])[0]).shape == (1, 0, 3)


def test_a_device_that_knows_no_tiles_is_served_by_the_plain_forward_pass(awkward):
    model = model_of("gin")
    scorer = Scorer([model], CPU)
    fast = scorer.logits(awkward)
    scorer._vectors = scorer._vectors_plain
    np.testing.assert_allclose(scorer.logits(awkward), fast, rtol=1e-4, atol=1e-4)
