"""Options from plain data: what is wrong is refused with its full name."""

import dataclasses

import pytest

from molgnn.errors import Refusal
from molgnn.train.options import DataOptions, FitOptions, OptimOptions, RunOptions
from molgnn.train.plain import from_plain


def test_plain_data_becomes_options_and_numbers_keep_their_type():
    options = from_plain(
        RunOptions,
        {
            "data": {"path": "a.csv", "targets": "y", "split": {"sizes": [0.7, 0.2, 0.1]}},
            "optim": {"lr": 1},
            "fit": {"epochs": 5.0},
            "seed": 3,
        },
    )
    assert options.data.targets == ("y",)
    assert options.data.split.sizes == (0.7, 0.2, 0.1)
    assert (options.optim.lr, options.fit.epochs, options.seed) == (1.0, 5, 3)
    assert type(options.optim.lr) is float
    assert type(options.fit.epochs) is int


def test_names_may_look_like_numbers_and_a_single_target_needs_no_list():
    data = from_plain(DataOptions, {"path": 2024, "targets": 5, "smiles": None, "id": 0})
    assert data == DataOptions(path="2024", targets=("5",), id="0")
    assert from_plain(DataOptions, {"targets": ["a", 1]}).targets == ("a", "1")
    assert from_plain(DataOptions, {"targets": None}).targets == ()


def test_what_is_not_given_has_its_default():
    options = from_plain(RunOptions, {"data": {}})
    assert (options.fit, options.optim) == (FitOptions(), OptimOptions())


@pytest.mark.parametrize(
    "plain, said",
    [
        ({"fit": {"epoch": 5}}, "unknown option 'fit.epoch': choose one of .*fit.epochs"),
        ({"data": {"split": {"kind": "x"}}}, "unknown option 'data.split.kind'"),
        ({"fit": {"epochs": "many"}}, "fit.epochs=many: must be a number"),
        ({"fit": {"epochs": None}}, "fit.epochs=None: must be a number"),
        ({"fit": {"epochs": 2.5}}, "fit.epochs=2.5: must be a whole number"),
        ({"fit": {"epochs": float("inf")}}, "fit.epochs=inf: must be a whole number"),
        ({"fit": {"epochs": True}}, "fit.epochs=True: must be a number"),
        ({"fit": {"baseline": 1}}, "fit.baseline=1: must be true or false"),
        ({"fit": {"epochs": 0}}, "fit.epochs=0: must be at least 1"),
        ({"fit": {"members": 0}}, "fit.members=0"),
        ({"fit": {"batch_size": -4}}, "fit.batch_size=-4"),
        ({"fit": {"devices": 0}}, "fit.devices=0"),
        ({"fit": {"ema": 1.0}}, "fit.ema=1.0"),
        ({"fit": {"patience": -1}}, "fit.patience=-1"),
        ({"fit": 5}, "fit=5"),
        ({"optim": {"lr": 0}}, "optim: lr must be positive"),
        ({"optim": {"lr": float("nan")}}, "optim"),
        ({"optim": {"clip": -1}}, "optim: "),
        ({"data": {"split": {"sizes": 0.8}}}, "data.split.sizes=0.8: must be a list of numbers"),
        ({"data": {"split": {"sizes": ["a", 1, 2]}}}, "data.split.sizes=.*a list of numbers"),
        ({"data": {"split": "random"}}, "data.split=random"),
        ({"data": {"smiles": ["a"]}}, "data.smiles=.*: must be text"),
        ({"data": {"targets": [["a"]]}}, "data.targets=.*: must be text"),
        ({"data": {"name": None}}, "data.name=None: must be text"),
        ({"data": {"units": "mg"}}, "data.units=mg"),
        ({"encoder": "gin"}, "encoder=gin"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5: must be a whole number"),
        ({"sede": 1}, "unknown option 'sede'"),
    ],
)
def test_a_wrong_option_is_refused_with_its_name(plain, said):
    with pytest.raises(Refusal, match=said):
        from_plain(RunOptions, {"data": {}} | plain)


def test_the_network_is_described_without_the_kind_of_its_targets():
    options = RunOptions(DataOptions(), head={"name": "mlp", "kind": "binary", "hidden": 7})
    assert options.spec["head"] == {"name": "mlp", "hidden": 7}
    assert options.kind == "binary"


def test_options_cannot_change_after_they_were_made():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FitOptions().epochs = 3
