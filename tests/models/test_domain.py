"""The stored rule: what is written is what is read, what is damaged is refused in a line."""

import json

import pytest

from molgnn.errors import Refusal
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.domain import ORIGINS, Rule, Side

RULE = Rule("error", 0.41, "absolute error, log mol/L", Side(101, 0.52), Side(12, 0.81))


@pytest.fixture
def saved(tmp_path, spec_of, predictor_of, training):
    def save(**card):
        spec = spec_of("gin")
        save_bundle(tmp_path, predictor_of(spec, **card), spec, training)
        return tmp_path

    return save


def test_a_rule_comes_back_from_the_bundle_and_stands_on_its_card_in_words(saved):
    folder = saved(domain=RULE.to_json())
    assert load_bundle(folder, "cpu").rule == RULE
    assert json.loads((folder / "config.json").read_text())["domain"] == RULE.to_json()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert RULE.words() in card
    assert "similarity ≥ 0.41 to some training molecule" in card
    assert "there the validation error was 0.52, outside 0.81" in card


def test_a_card_without_a_rule_says_so(saved):
    folder = saved()
    assert load_bundle(folder, "cpu").rule is None
    assert "No rule was learnt" in (folder / "README.md").read_text()


@pytest.mark.parametrize("origin", ORIGINS)
def test_words_say_where_the_threshold_is_from(origin):
    rule = Rule(origin, 0.3, "log loss", Side(5, None), Side(0, None))
    assert ORIGINS[origin] in rule.words()
    assert "error was" not in rule.words()
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": "0.4"},
        {"threshold": float("nan")},
        {"threshold": 1.5},
        {"threshold": -0.1},
        {"threshold": True},
        {"threshold": 10**400},
        {"threshold": None},
        {"rule": "guess"},
        {"rule": ["error"]},
        {"measure": 5},
        {"inside": None},
        {"inside": {"count": -1, "error": 0.5}},
        {"inside": {"count": 1, "error": float("inf")}},
        {"outside": {"count": 1.5, "error": 0.5}},
        {"outside": {"count": 1, "error": 0.5, "more": 1}},
        {"fingerprint": {"kind": "Morgan", "radius": 3, "bits": 2048}},
        {"fingerprint": None},
    ],
)
def test_a_damaged_rule_is_refused(saved, change):
    folder = saved(domain=RULE.to_json())
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["domain"].update(change)
    path.write_text(json.dumps(config))
    with pytest.raises(Refusal, match=r"config\.json: damaged: 'domain'") as refused:
        load_bundle(folder, "cpu")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("odd", [5, "inside", [], {}, {"threshold": 0.4}])
def test_what_is_no_rule_at_all_is_refused(saved, odd):
    folder = saved(domain=RULE.to_json())
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"domain": odd}))
    with pytest.raises(Refusal, match="'domain' is no rule"):
        load_bundle(folder, "cpu")
