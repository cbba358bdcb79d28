"""bf16 is taken where it is fast and holds the ranking, and the reason is on record."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from molgnn.chem.graph import PackedGraphs
from molgnn.models import precision
from molgnn.models.precision import SAMPLE, agreement, choose_precision, has_fast_bf16


class Rounding:
    """A model with a value an atom count; in bf16 ``share`` of the molecules get a random one."""

    device, recipe, blocks = torch.device("cpu"), "parent", ()

    def __init__(self, share):
        self.share = share

    def predict_graphs(self, graphs, precision):
        rng = np.random.default_rng(0)
        values = np.arange(len(graphs), dtype=float)
        wrong = rng.random(len(graphs)) < (self.share if precision == "bf16" else 0)
        values[wrong] = rng.uniform(0, len(graphs), wrong.sum())
        return values[:, None], np.zeros((len(graphs), 1))


@pytest.fixture(scope="module")
def many(graphs) -> PackedGraphs:
    return graphs.select(np.arange(SAMPLE) % len(graphs))


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(precision, "has_fast_bf16", lambda device: True)


@pytest.mark.parametrize(("share", "used"), [(0.0, "bf16"), (0.05, "fp32")])
def test_bf16_is_used_where_it_holds_the_ranking(share, used, many, fast):
    choice = choose_precision(Rounding(share), 0)
    assert choice["used"] == used
    assert f"{agreement(Rounding(share), many, 0):.6f}" in choice["reason"]
    assert f"{SAMPLE} approved drugs" in choice["reason"]


def test_a_model_that_gives_all_molecules_one_value_is_left_in_fp32(fast):
    class Flat(Rounding):
        def predict_graphs(self, graphs, precision):
            return np.ones((len(graphs), 1)), np.zeros((len(graphs), 1))

    assert choose_precision(Flat(0), 0)["used"] == "fp32"


def test_the_agreement_is_spearmans(many):
    model = Rounding(0.3)
    exact, rounded = (model.predict_graphs(many, p)[0][:, 0] for p in ("fp32", "bf16"))
    assert agreement(model, many, 0) == pytest.approx(spearmanr(exact, rounded)[0], abs=1e-12)


def test_a_slow_device_is_left_in_fp32(monkeypatch):
    monkeypatch.setattr(precision, "has_fast_bf16", lambda device: False)
    choice = choose_precision(Rounding(0), 0)
    assert choice == {"used": "fp32", "reason": "this cpu has no fast bf16"}


def test_what_no_device_says_of_itself_is_no():
    assert has_fast_bf16(torch.device("cpu")) in (True, False)
    assert not has_fast_bf16(torch.device("meta"))


def test_a_real_model_keeps_its_ranking(drugs):
    from molgnn.chem.graph import featurize
    from molgnn.models.bundle import load_bundle

    model = load_bundle("solubility", device="cpu")
    assert agreement(model, featurize(drugs[::6])[0], 0) > 0.9999
