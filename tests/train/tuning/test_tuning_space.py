"""The space: plain data read strictly, and values that go together."""

from pathlib import Path

import optuna
import pytest
import yaml

from molgnn.errors import Refusal
from molgnn.train.tuning.space import Option, chosen, default_values, read_space

STANDARD = Path(__file__).parents[3] / "conf" / "space" / "standard.yaml"


def draw(space, defaults=None, **fixed):
    trial = optuna.trial.FixedTrial(fixed)
    return chosen(read_space(space), trial, defaults or {})


def keys(space):
    return [option.key for option in read_space(space)]


def test_options_keep_their_order_and_names_may_be_dotted():
    lr = {"low": 0.001, "high": 0.01}
    assert keys({"optim": {"lr": lr}, "fit.epochs": {"low": 1, "high": 2}}) == [
        "optim.lr",
        "fit.epochs",
    ]


def test_a_group_can_be_chosen_beside_its_options():
    space = {"encoder": {"choices": ["gin", "gat"], "dim": {"low": 4, "high": 8}}}
    assert keys(space) == ["encoder", "encoder.dim"]


def test_whole_bounds_give_whole_numbers_and_others_numbers():
    whole, number = read_space({"fit": {"a": {"low": 1, "high": 3}, "b": {"low": 0.0, "high": 1}}})
    assert type(whole.suggest(optuna.trial.FixedTrial({"fit.a": 2}))) is int
    assert type(number.suggest(optuna.trial.FixedTrial({"fit.b": 0.5}))) is float


def test_choices_can_be_lists_and_come_out_as_they_went_in():
    space = {"model": {"features": {"choices": [["morgan"], ["morgan", "rdkit"], None]}}}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = [chosen(read_space(space), study.ask(), {})["model.features"] for _ in range(20)]
    assert [["morgan"] in seen, ["morgan", "rdkit"] in seen, None in seen] == [True] * 3


def test_an_option_is_tried_only_where_its_condition_holds():
    space = {
        "encoder": {"choices": ["gin", "gat"], "heads": {"low": 1, "high": 4, "when": {}}},
        "optim": {"lr": {"low": 0.1, "high": 0.2, "when": {"fit": "standard"}}},
    }
    space["encoder"]["heads"]["when"] = {"encoder": ["gat"]}
    assert draw(space, encoder="gin") == {"encoder": "gin"}
    drawn = draw(space, {"fit": "standard"}, **{"encoder": "gat", "encoder.heads": 2,
                                                "optim.lr": 0.1})  # fmt: skip
    assert drawn == {"encoder": "gat", "encoder.heads": 2, "optim.lr": 0.1}


@pytest.mark.parametrize(
    "option, inside, outside",
    [
        (Option("a", 1, 7, 2), [1, 3, 7], [0, 2, 8, 1.5, "x", None, True]),
        (Option("a", 1, 3), [1, 2.0, 3], [2.5]),
        (Option("a", 0.0, 0.4, 0.1), [0.0, 0.3, 0.4], [0.25, 0.5]),
        (Option("a", 1e-4, 1e-2, log=True), [1e-4, 0.0033], [0.0]),
        (Option("a", choices=("sum", [1], 0.0)), ["sum", [1], 0], ["mean", [2], 1]),
    ],
)
def test_what_lies_in_an_option_s_range(option, inside, outside):
    assert [option.holds(value) for value in inside] == [True] * len(inside)
    assert [option.holds(value) for value in outside] == [False] * len(outside)


def test_defaults_outside_the_space_are_left_out():
    space = read_space({"a": {"low": 1, "high": 3}, "b": {"low": 1, "high": 3}})
    assert default_values(space, {"a": 2, "b": 9, "c": 1}) == {"a": 2}


def test_a_range_ends_at_its_last_step():
    (option,) = read_space({"a": {"low": 4, "high": 15, "step": 4}})
    assert option.high == 12
    option.suggest(optuna.create_study().ask())  # of a shorter step Optuna would warn


@pytest.mark.parametrize(
    "space, said",
    [
        ([1], "must be a mapping"),
        ({}, "the space is empty"),
        ({"optim": {"lr": 0.1}}, "space.optim.lr=0.1: must be {low: ..., high: ...}"),
        ({"optim": 3}, "space.optim=3"),
        ({"a": {"low": 1}}, "space.a: low, high and step must be numbers"),
        ({"a": {"low": "x", "high": 2}}, "must be numbers"),
        ({"a": {"low": True, "high": 2}}, "must be numbers"),
        ({"a": {"low": 2, "high": 1}}, "low=2 must be below high=1"),
        ({"a": {"low": 1, "high": 2, "step": 0}}, "a step above 0"),
        ({"a": {"low": 0.0, "high": 2, "log": True}}, "low must be above 0"),
        ({"a": {"low": 1, "high": 2, "log": True, "step": 1}}, "without step"),
        ({"a": {"low": 1, "high": 2, "log": "yes"}}, "space.a.log=yes"),
        ({"a": {"choices": []}}, "must be a list"),
        ({"a": {"choices": [1], "low": 1}}, "without low"),
        ({"a": {"choices": [1], "when": "b"}}, "space.a.when=b"),
        ({"data": {"path": {"choices": ["a"]}}}, "data is the same in all trials"),
        ({"seed": {"low": 1, "high": 2}}, "seed is the same in all trials"),
    ],
)
def test_what_is_no_space_is_refused(space, said):
    with pytest.raises(Refusal) as refused:
        read_space(space)
    assert said in str(refused.value)


def test_the_shipped_space_holds_the_default_configuration():
    from molgnn.models.build import ENCODERS
    from molgnn.train.api import options_of
    from molgnn.train.folder import plain
    from molgnn.train.tuning.api import _at, _defaults

    space = read_space(yaml.safe_load(STANDARD.read_text()))
    nested = plain(options_of("solubility"))
    nested["encoder"] |= _defaults(ENCODERS, nested["encoder"])
    nested["head"] |= {"hidden": 300, "layers": 1, "dropout": 0.0}
    known = {option.key: _at(nested, option.key)[0] for option in space}
    assert default_values(space, known) == known
