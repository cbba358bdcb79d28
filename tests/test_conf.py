"""``conf/`` says the same as the options' defaults, and every choice in it composes."""

import dataclasses
import inspect
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from molgnn.cli.make import run_options
from molgnn.cli.train import check
from molgnn.data.named.registry import DATASETS
from molgnn.errors import Refusal
from molgnn.models.build import ENCODERS, HEADS, READOUTS, build_model
from molgnn.train.finetune import FINETUNES, FinetuneOptions, finetune_options
from molgnn.train.options import (
    DataOptions,
    FitOptions,
    LossOptions,
    OptimOptions,
    RunOptions,
)
from molgnn.train.parts import MODELS, ModelOptions, model_options
from molgnn.train.plain import from_plain

CONF = Path(__file__).parents[1] / "conf"
CHOICES = sorted(
    (path.parent.name, path.stem)
    for path in CONF.glob("*/*.yaml")
    if path.parent.name not in ("screen", "space", "terms")  # of those commands
)
CSV = ["data=csv", "data.path=a.csv", "data.targets=[y]"]


def composed(*overrides):
    with initialize_config_module("molgnn.conf", version_base="1.3"):
        return compose("train", list(overrides))


def options(*overrides):
    return run_options(composed(*overrides))


def defaults(function, given=("atom_sizes", "bond_sizes", "dim", "in_dim", "out_dim", "reduce")):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.name not in given or p.default != p.empty}


@pytest.mark.parametrize("group, choice", CHOICES, ids="=".join)
def test_every_choice_composes_into_options_that_build_a_model(group, choice):
    further = {"data": CSV[1:] if choice == "csv" else [], "finetune": ["pretrained=it"]}
    chosen = options(f"{group}={choice}", *further.get(group, []))
    build_model(**chosen.spec, out_dim=1)


def test_the_choices_are_those_of_the_code():
    of = {group: {c for g, c in CHOICES if g == group} for group, _ in CHOICES}
    assert of["encoder"] == set(ENCODERS)
    assert of["readout"] == set(READOUTS)
    assert of["data"] == {*DATASETS, "csv"}
    assert of["model"] == set(MODELS)
    assert of["finetune"] == set(FINETUNES)
    parts = {"data", "model", "encoder", "readout", "head", "loss", "optim", "fit", "finetune"}
    assert set(of) == parts


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_python_is_the_one_of_the_command_line(name):
    assert from_plain(ModelOptions, model_options(name)) == options(f"model={name}").model


@pytest.mark.parametrize("name", FINETUNES)
def test_a_fine_tuning_in_python_is_the_one_of_the_command_line(name):
    here = options("pretrained=it", f"finetune={name}")
    assert here.finetune == from_plain(FinetuneOptions, finetune_options(name))
    assert here.pretrained == "it"


def test_the_values_of_loss_fit_and_optim_are_the_defaults_of_the_code():
    standard = options("loss=standard", "fit=standard", "optim=adamw")
    assert standard.loss == LossOptions()
    assert standard.fit == FitOptions()
    assert standard.optim == OptimOptions()
    assert options("model=network").model == ModelOptions()
    assert options("finetune=staged").finetune == FinetuneOptions()
    assert options("fit=kfold").fit == FitOptions(folds=5)


@pytest.mark.parametrize(
    "group, name, kind",
    [
        ("fit", "standard", FitOptions),
        ("loss", "standard", LossOptions),
        ("optim", "adamw", OptimOptions),
        ("model", "network", ModelOptions),
        ("finetune", "staged", FinetuneOptions),
    ],
)
def test_every_option_of_the_code_is_shown_in_the_file(group, name, kind):
    shown = OmegaConf.load(CONF / group / f"{name}.yaml")
    assert set(shown) == {field.name for field in dataclasses.fields(kind)}


def test_the_values_of_one_s_own_table_are_the_defaults_of_the_code():
    chosen = options(*CSV).data
    assert chosen == dataclasses.replace(DataOptions(), path="a.csv", targets=("y",))
    assert set(OmegaConf.load(CONF / "data" / "csv.yaml")) == {
        field.name for field in dataclasses.fields(DataOptions)
    }


@pytest.mark.parametrize("name", DATASETS)
def test_a_named_data_set_differs_from_the_defaults_by_its_name(name):
    chosen = options(f"data={name}").data
    assert dataclasses.replace(chosen, split=DataOptions().split) == DataOptions(name=name)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_values_of_an_encoder_are_the_defaults_of_the_code(name):
    shown = dict(OmegaConf.load(CONF / "encoder" / f"{name}.yaml"))
    known = defaults(ENCODERS[name], ("atom_sizes", "bond_sizes"))
    assert shown == {"name": name, **known}


@pytest.mark.parametrize("name", READOUTS)
def test_the_values_of_a_readout_are_the_defaults_of_the_code(name):
    shown = dict(OmegaConf.load(CONF / "readout" / f"{name}.yaml"))
    parameters = inspect.signature(READOUTS[name]).parameters
    known = {n: p.default for n, p in parameters.items() if n not in ("dim", "reduce")}
    assert shown == {"name": name, **known}


@pytest.mark.parametrize("kind", ["auto", "binary", "multiclass", "regression"])
def test_the_values_of_a_head_are_the_defaults_of_the_code(kind):
    shown = dict(OmegaConf.load(CONF / "head" / f"{kind}.yaml"))
    parameters = inspect.signature(HEADS["mlp"]).parameters
    known = {n: p.default for n, p in parameters.items() if n not in ("in_dim", "out_dim")}
    assert shown == {"name": "mlp", "kind": kind, **known}


def test_without_arguments_it_is_the_shipped_data_set():
    chosen = options()
    assert (chosen.data.name, chosen.encoder["name"], chosen.seed) == ("solubility", "dmpnn", 0)
    assert chosen == dataclasses.replace(
        RunOptions(DataOptions(name="solubility")),
        encoder=chosen.encoder,
        readout=chosen.readout,
        head=chosen.head,
        data=chosen.data,
    )


@pytest.mark.parametrize(
    "overrides, said",
    [
        (
            ["encoder=transformer"],
            "unknown encoder 'transformer': choose one of .*dmpnn, fixed_point, gat",
        ),
        (["data=esoll"], "unknown data 'esoll': choose one of .*esol"),
        (["fit.epoch=3"], "unknown option of fit 'epoch': choose one of .*epochs"),
        (["seeds=3"], "unknown option 'seeds': choose one of .*seed"),
        (["data=csv"], "data.path is missing: give data.path=..."),
        (["loss=l3"], "unknown loss 'l3': choose one of evidential, focal, huber, l1"),
        (["finetune=thawed"], "unknown finetune 'thawed': choose one of frozen, full, layerwise"),
        (["finetune=frozen"], "no encoder to go on from: give pretrained="),
        (["pretrained=it", "model=forest"], "no network in this model"),
        (["pretrained=true"], "pretrained=True: must be text"),
        (["loss.regression=l3"], "unknown loss.regression 'l3'"),
        (["loss.quantiles=[0.1]"], "with the median"),
        (["fit.class_weights=true"], "unknown option of fit"),
        (["fit.epochs=many"], "fit.epochs=many: must be a number"),
        (["fit.epochs="], "fit.epochs"),
        (["fit.epochs=3", "fit.epochs"], "."),
        (["data.path=lib,v2.csv"], "."),
    ],
)
def test_a_wrong_override_is_refused_in_one_line(overrides, said):
    with pytest.raises(Refusal, match=said) as refused:
        check(overrides)
    assert "\n" not in str(refused.value)
