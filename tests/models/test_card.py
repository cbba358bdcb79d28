"""The model card and its short form tell what predicts, whatever that is."""

import json

import pytest

from molgnn.models.bundle import save_bundle
from molgnn.models.card import in_short

SHORT = {
    "hybrid": "2 x gin with avalon",
    "blend": "2 x gin with avalon, boosting",
    "boosting": "boosting",
    "forest": "forest",
    "neighbours": "neighbours",
    "mean": "mean",
}


@pytest.mark.parametrize("kind", SHORT)
def test_a_card_tells_the_parts_of_a_model(kind, tmp_path, mixture_of, training):
    model, spec = mixture_of(kind, members=2)
    save_bundle(tmp_path, model, spec, training)
    config = json.loads((tmp_path / "config.json").read_text())
    assert in_short(config) == SHORT[kind]
    card = (tmp_path / "README.md").read_text()
    assert ("| networks | 2 |" in card) == (kind in ("hybrid", "blend"))
    assert ("beside the graph avalon" in card) == (kind in ("hybrid", "blend"))
    assert ("| boosting | on morgan, avalon |" in card) == (kind in ("blend", "boosting"))
    assert ("| forest | on morgan, avalon |" in card) == (kind == "forest")
    assert ("| neighbours | on morgan |" in card) == (kind == "neighbours")
    assert ("| mean | on labels alone |" in card) == (kind == "mean")
    assert ("counts in the mean | 0.25, 0.25, 0.5 |" in card) == (kind == "blend")


def test_a_bundle_of_version_1_has_its_networks_alone():
    config = {"members": 3, "model": {"encoder": {"name": "dmpnn"}}}
    assert in_short(config) == "3 x dmpnn"
    assert in_short({"members": 1, "model": {"encoder": "gin"}}) == "1 x gin"
