"""Small tiles for few molecules: the bits of large ones, or else large ones."""

import numpy as np
import pytest
import torch
from torch import nn

from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.data.tiles import CACHE_SIZED
from molgnn.models import scorer as scorer_room
from molgnn.models.build import ENCODERS, READOUTS, build_model
from molgnn.models.scorer import Scorer
from molgnn.models.small import SMALL, probes, same_bits

CPU = torch.device("cpu")
ALONE = ["C", "[Na+]", "[H][H]", "CC(=O)Oc1ccccc1C(=O)O", "C" * 31, "C" * 32, "C" * 200, "C" * 256]
TOGETHER = [["C", "CC", "c1ccccc1C#N", "F/C=C/Cl"], ["C"] * 16, ["C"] * 17, ["CCN", "C" * 40] * 2]


def model_of(encoder="dmpnn", readout="sum", dim=24, seed=0):
    torch.manual_seed(seed)
    spec = {"name": encoder, "dim": dim, "depth": 2}
    return build_model(spec, readout, {"name": "mlp", "hidden": 24}, out_dim=2).eval()


@pytest.fixture(scope="module")
def requests(drugs):
    """Requests of each kind: small tiles of each size, and what is too much for them."""
    together = [*TOGETHER, drugs[7:16]]
    return [featurize(texts, "none")[0] for texts in [*([text] for text in ALONE), *together]]


@pytest.fixture
def trials(monkeypatch):
    """The sizes that were tried, in order."""
    tried = []

    def watched(compute, small, large):
        tried.append(small)
        return same_bits(compute, small, large)

    monkeypatch.setattr(scorer_room, "same_bits", watched)
    return tried


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_request_gets_the_bits_of_a_library(encoder, readout, requests, trials):
    models = [model_of(encoder, readout), model_of(encoder, readout, dim=16, seed=1)]
    small, large = Scorer(models, CPU), Scorer(models, CPU, shape=CACHE_SIZED)
    library = PackedGraphs.concat(requests)
    logits = np.concatenate([small.logits(request) for request in requests], axis=1)
    vectors = np.concatenate([small.embed(request) for request in requests])
    np.testing.assert_array_equal(logits, large.logits(library))
    np.testing.assert_array_equal(vectors, large.embed(library))
    assert sorted(trials) == list(SMALL)


def test_the_number_of_threads_changes_no_bit_of_a_request(requests, trials):
    model, before = model_of(dim=64), torch.get_num_threads()
    scorer, found = Scorer([model], CPU), []
    try:
        for threads in (1, 2, 1):
            torch.set_num_threads(threads)
            found.append([scorer.logits(request) for request in requests])
    finally:
        torch.set_num_threads(before)
    for one, two, again in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, again)
    assert sorted(trials) == sorted(SMALL * 2)  # for one thread and for two, not again for one


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="elsewhere products may differ")
def test_few_molecules_take_a_small_tile():
    scorer = Scorer([model_of()], CPU)
    with torch.inference_mode():
        taken = [
            scorer._sizes(featurize(["C" * n])[0], scorer._answers)
            for n in (1, 31, 32, 63, 64, 255)
        ]
    assert taken == [SMALL[i] for i in (0, 0, 1, 1, 2, 3)]


def test_a_trial_is_made_once_for_a_size_however_many_requests_come(trials):
    scorer = Scorer([model_of()], CPU)
    for text in ["CCO", "CC", "CCO"]:
        scorer.logits(featurize([text])[0])
        scorer.embed(featurize([text])[0])
    assert trials == [SMALL[0]]


def test_libraries_bf16_a_chosen_shape_and_no_molecules_need_no_trial(drugs, trials):
    few, many = featurize(["CCO"])[0], featurize(drugs[:40])[0]
    model = model_of()
    assert Scorer([model], CPU).logits(many).shape == (1, 40, 2)
    assert Scorer([model], CPU).logits(featurize([])[0]).shape == (1, 0, 2)
    assert Scorer([model], CPU, "bf16").logits(few).shape == (1, 1, 2)
    assert Scorer([model], CPU, shape=CACHE_SIZED).logits(few).shape == (1, 1, 2)
    assert Scorer([model], CPU).logits(featurize(["C" * 300])[0]).shape == (1, 1, 2)
    assert trials == []


class Shy(nn.Module):
    """A part that gives other last bits to one row where it sees ``rows`` rows or fewer."""

    def __init__(self, part, rows, row):
        super().__init__()
        self.part, self.rows, self.row, self.out_dim = part, rows, row, part.out_dim

    def forward(self, h, *others):
        out = self.part(h, *others)
        if len(h) <= self.rows:
            out[self.row] = torch.nextafter(out[self.row], torch.tensor(torch.inf))
        return out


@pytest.mark.parametrize("row", [0, 13, 30])
@pytest.mark.parametrize("part", ["encoder", "readout", "head"])
def test_where_one_row_of_a_small_tile_rounds_otherwise_large_ones_stay(part, row, trials):
    model, few = model_of(readout="attention", dim=128), 256
    if part != "encoder":
        row = row // 2  # of 16 molecules
    setattr(model, part, Shy(getattr(model, part), 16 if part == "head" else few, row))
    scorer, expected = Scorer([model], CPU), Scorer([model], CPU, shape=CACHE_SIZED)
    graphs = featurize(["C" * 30])[0]
    np.testing.assert_array_equal(scorer.logits(graphs), expected.logits(graphs))
    assert trials == list(SMALL)
    assert not any(scorer._tried.values())


def test_where_the_smallest_tile_rounds_otherwise_the_next_is_taken(trials):
    model = model_of(readout="attention")
    model.encoder = Shy(model.encoder, 32, 3)
    graphs = featurize(["CCO"])[0]
    found = Scorer([model], CPU).logits(graphs)
    np.testing.assert_array_equal(found, Scorer([model], CPU, shape=CACHE_SIZED).logits(graphs))
    assert trials == list(SMALL[:2])


def test_probes_that_overflow_show_nothing():
    model = model_of()
    with torch.no_grad():
        model.head.layers[-1].bias.fill_(torch.inf)
    scorer = Scorer([model], CPU)
    scorer.logits(featurize(["CCO"])[0])
    assert not any(scorer._tried.values())


@pytest.mark.parametrize("sizes", SMALL, ids=lambda sizes: str(sizes.shape.atoms))
def test_probes_leave_no_row_of_a_small_tile_free(sizes):
    one, filling, several = probes(sizes)
    assert all(sizes.hold(graphs) for graphs in (one, filling, several))
    assert (len(one), len(one.atoms)) == (1, 1)
    assert (len(filling), len(several)) == (1, sizes.shape.molecules)
    assert len(filling.atoms) == len(several.atoms) == sizes.shape.atoms - 1
    assert 2 * len(filling.bonds) == sizes.shape.edges
    assert (filling.bond_ends.min(), filling.bond_ends.max()) == (0, len(filling.atoms) - 1)


def test_a_size_holds_what_leaves_its_last_atom_free():
    held = [["C" * 31], ["C"] * 16, ["CC"] * 15]
    refused = [["C" * 32], ["C"] * 17, ["CC"] * 16, []]
    assert all(SMALL[0].hold(featurize(texts)[0]) for texts in held)
    assert not any(SMALL[0].hold(featurize(texts)[0]) for texts in refused)
