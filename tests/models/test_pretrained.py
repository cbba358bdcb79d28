"""Pretrained encoders: what is written is what is read, what is damaged is refused in one line."""

import hashlib
import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.cli.main import main
from molgnn.errors import Refusal
from molgnn.models import stored
from molgnn.models.build import ENCODERS, build_encoder, whole_spec
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.pretrained import (
    FILES,
    load_pretrained,
    pretrained_models,
    save_pretrained,
)


@pytest.fixture
def saved(pretrain):
    return pretrain()


@pytest.fixture
def edited(saved):
    """edited(change) -> the folder after ``change(config)``."""

    def edit(change):
        path = saved / "config.json"
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))
        return saved

    return edit


@pytest.fixture
def tampered(saved, edited):
    """tampered(change) -> the folder after ``change(tensors)``, its hash made to fit."""

    def tamper(change):
        path = saved / "model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return edited(lambda config: config.update(weights_sha256=digest))

    return tamper


def refused(folder, said):
    with pytest.raises(Refusal, match=said) as refusal:
        load_pretrained(folder)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_saved_is_what_is_loaded(name, pretrain):
    folder = pretrain(name, options={"norm": "batch"}, recipe="neutral", metrics={"auc": 0.5})
    tensors, found = load_file(folder / "model.safetensors"), load_pretrained(folder)
    encoder = {k[8:]: t for k, t in tensors.items() if k.startswith("encoder.")}
    assert encoder.keys() == found.encoder_state.keys() == found.encoder().state_dict().keys()
    for key, tensor in found.encoder().state_dict().items():
        assert torch.equal(encoder[key], tensor)
    assert list(found.others) == ["latent.mean.weight"]
    assert torch.equal(found.others["latent.mean.weight"], tensors["latent.mean.weight"])
    sizes = [[count.tolist() for count in own] for own in found.counts]
    assert sizes == [[list(range(n)) for n in own] for own in (ATOM_SIZES, BOND_SIZES)]
    assert found.spec == whole_spec({"name": name, "dim": 8, "depth": 2, "norm": "batch"})
    assert (found.name, found.recipe, found.path) == ("tiny", "neutral", folder)
    assert found.config["metrics"] == {"auc": 0.5}
    weights = (folder / "model.safetensors").read_bytes()
    assert found.sha256 == hashlib.sha256(weights).hexdigest()


def test_the_folder_is_three_files_and_says_what_it_is(saved):
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    page = (saved / "README.md").read_text()
    assert "| encoder | gin (dim 8, depth 2, " in page
    assert "| pretrained on | ten drugs |" in page


def test_saving_twice_writes_the_same_bytes(saved, pretrain):
    again = pretrain(out="again")
    for file in FILES:
        assert (again / file).read_bytes() == (saved / file).read_bytes()


def test_a_run_folder_stands_for_the_encoder_in_it(saved):
    assert load_pretrained(str(saved.parent)).path == saved


def test_options_not_told_have_their_defaults(edited):
    folder = edited(lambda config: config.update(encoder={"name": "gin", "dim": 8, "depth": 2}))
    assert load_pretrained(folder).spec == whole_spec({"name": "gin", "dim": 8, "depth": 2})


def test_what_could_not_be_loaded_is_not_saved(pretrain, tmp_path):
    with pytest.raises(ValueError, match="do not fit"):
        pretrain(change=lambda tensors: tensors.pop("encoder.atom_in.weight"))
    with pytest.raises(ValueError, match="no numbers"):
        pretrain(change=lambda tensors: tensors["latent.mean.weight"].fill_(torch.nan))
    with pytest.raises(ValueError, match="unknown standardisation"):
        pretrain(recipe="wash")
    with pytest.raises(ValueError, match="no tensor may be called"):
        pretrain(change=lambda tensors: tensors.update({"counts.atom.0": torch.zeros(1)}))
    spec = {"name": "gin", "dim": 8, "depth": 2}
    tensors = {f"encoder.{k}": t for k, t in build_encoder(spec).state_dict().items()}
    told = {"name": "x", "encoder": spec, "recipe": "parent"}
    with pytest.raises(ValueError, match="how often each code"):
        save_pretrained(tmp_path / "x", tensors, ([], []), told)
    assert not any(tmp_path.iterdir())


# What is refused.


@pytest.mark.parametrize(
    "key, value, said",
    [
        ("format", "other", "not the config of a molgnn pretrained encoder"),
        ("version", 2, "version 2 of a pretrained encoder, this molgnn reads version 1"),
        ("version", None, "version None"),
        ("version", [1] * 1000, "version"),
        ("features", {"hash": "0000"}, "other atom and bond features .0000, here"),
        ("features", None, "'features' is missing"),
        ("recipe", "wash", "unknown standardisation 'wash'"),
        ("recipe", ["parent"], "'recipe' is missing"),
        ("name", 5, "'name' is missing"),
        ("name", "a\nb", "'name' is no name"),
        ("weights_sha256", None, "'weights_sha256' is missing"),
        ("weights_sha256", "00", "not the file that was saved"),
        ("encoder", "gin", "'encoder' is missing"),
        ("encoder", {"name": "transformer"}, "unknown encoder 'transformer': choose one of"),
        ("encoder", {"name": ["gin"]}, "unknown encoder"),
        ("encoder", {"name": "gin", "heads": 2}, "unknown option of encoder gin: 'heads'"),
        ("encoder", {"name": "gin", "dim": "8"}, "encoder.dim='8': must be a whole number"),
        ("encoder", {"name": "gin", "dim": 10**9}, "too large"),
        ("encoder", {"name": "gin", "dim": 60_000}, "do not fit config.json"),
        ("encoder", {"name": "gin", "dim": 8, "norm": "odd"}, "unknown norm"),
        ("encoder", {"name": "dmpnn", "dim": 8}, "do not fit config.json"),
    ],
)
def test_a_config_that_cannot_be_followed_is_refused(edited, key, value, said):
    folder = edited(lambda config: config.update({key: value}))
    assert str(folder) in refused(folder, said)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_a_config_that_is_no_config_is_refused(saved, text):
    (saved / "config.json").write_text(text)
    refused(saved, r"config\.json: not")


@pytest.mark.parametrize("name", ["encoder.atom_in.weight", "latent.mean.weight"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_refused(name, value, tampered):
    folder = tampered(lambda tensors: tensors[name][0].fill_(value))
    refused(folder, f"{name}' has weights that are no numbers")


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float8_e5m2])
def test_weights_of_odd_types_are_refused(dtype, tampered):
    name = "latent.mean.weight"
    refused(tampered(lambda tensors: tensors.update({name: tensors[name].to(dtype)})), "no numbers")


@pytest.mark.parametrize("change", ["wider", "missing", "extra", "doubled"])
def test_weights_that_do_not_fit_the_spec_are_refused(change, tampered):
    name = "encoder.convs.1.nn.0.weight"
    others = {
        "wider": {name: torch.zeros(8, 9)},
        "missing": {},
        "extra": {name: torch.zeros(8, 8), "encoder.surprise": torch.zeros(1)},
        "doubled": {name: torch.zeros(8, 8, dtype=torch.float64)},
    }

    def put(tensors):
        del tensors[name]
        tensors.update(others[change])

    refused(tampered(put), "weights do not fit config.json")


@pytest.mark.parametrize(
    "count",
    [
        None,
        torch.tensor([1, 0, 2], dtype=torch.int32),
        torch.tensor([-1, 0, 2]),
        torch.tensor([1 << 60, 1, 2]),
        torch.tensor([1, 2, 3, 4]),
        torch.tensor([0.5, 0.5, 1.0]),
    ],
    ids=["none", "int32", "negative", "huge", "long", "float"],
)
def test_counts_that_are_none_are_refused(count, tampered):
    def put(tensors):
        del tensors["counts.bond.2"]
        tensors.update({} if count is None else {"counts.bond.2": count})

    refused(tampered(put), "how often each code was seen")


def test_damaged_weights_are_refused(saved):
    weights = saved / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"x")
    refused(saved, "damaged: not the file that was saved")
    weights.write_bytes(whole[:100])
    refused(saved, "unreadable weights")
    weights.write_bytes(pickle.dumps({"encoder": 1}))
    refused(saved, "unreadable weights")
    weights.unlink()
    refused(saved, "unreadable weights")


def test_what_is_no_pretrained_encoder_is_refused_each_in_its_way(tmp_path):
    (tmp_path / "lib.smi").write_text("C\n")
    refused(tmp_path, "no config.json here")
    refused(tmp_path / "lib.smi", "is a file: a pretrained encoder is a folder")
    refused("no-such", "unknown pretrained encoder 'no-such': give the folder")
    refused("", "pretrained='': give the folder")
    refused(5, "pretrained=5: give the folder")


def test_a_trained_model_is_no_pretrained_encoder_and_the_other_way_round(
    saved, tmp_path, spec_of, predictor_of, training
):
    run = tmp_path / "run"
    save_bundle(run / "model", predictor_of(spec_of("gin")), spec_of("gin"), training)
    for model in (run, run / "model", "solubility"):
        refused(model, "a trained model, not a pretrained encoder: molgnn pretrain makes those")
    for folder in (saved, saved.parent):
        with pytest.raises(Refusal, match="a pretrained encoder, which predicts nothing yet: tr"):
            load_bundle(folder)


@pytest.fixture
def shipped(saved, tmp_path, monkeypatch):
    """The saved encoder as one that ships with molgnn, named ``tiny``."""
    root = tmp_path / "package"
    shutil.copytree(saved, root / "pretrained_models" / "tiny")
    monkeypatch.setattr(stored, "files", lambda package: root)
    monkeypatch.chdir(root)


@pytest.mark.usefixtures("shipped")
def test_a_shipped_encoder_is_found_by_name(tmp_path):
    assert list(pretrained_models()) == ["tiny"]
    assert load_pretrained("tiny").path == tmp_path / "package" / "pretrained_models" / "tiny"
    refused("tinny", "unknown pretrained encoder 'tinny': .*, or one of tiny")
    with pytest.raises(Refusal, match="a pretrained encoder, which predicts nothing yet"):
        load_bundle("tiny")


@pytest.mark.usefixtures("shipped")
def test_models_lists_pretrained_encoders_with_what_they_learnt_from(capsys):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert "tiny: a pretrained encoder, for molgnn train pretrained=tiny" in shown
    assert "pretrained on ten drugs" in shown
    assert main(["models", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)["tiny"]
    assert (card["format"], card["library"]) == ("molgnn-pretrained", "ten drugs")


def test_every_shipped_encoder_loads():
    for name, folder in pretrained_models().items():
        assert load_pretrained(name).path == folder
        assert {file.name for file in folder.iterdir()} == set(FILES)
