"""Bundles: what is written is what is read, what is damaged is refused, nothing in one can run."""

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from molgnn.errors import Refusal
from molgnn.models import bundle
from molgnn.models.build import ENCODERS, READOUTS
from molgnn.models.bundle import FILES, find_bundle, load_bundle, resolve_device, save_bundle
from molgnn.models.shallow.model import KINDS

KEPT = sorted((Path(__file__).parent / "bundles").glob("*/*/config.json"))
ODD = "exit(1)"


@pytest.fixture
def saved(tmp_path, spec_of, predictor_of, training):
    """The folder of a bundle with two members."""
    spec = spec_of("gin")
    save_bundle(tmp_path / "it", predictor_of(spec, members=2, name="it"), spec, training)
    return tmp_path / "it"


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


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("readout", READOUTS)
def test_a_loaded_model_predicts_bit_for_bit_what_the_saved_one_did(
    encoder, readout, tmp_path, graphs, spec_of, predictor_of, training
):
    spec = spec_of(encoder, readout, norm="batch", jk="cat", residual=True)
    model = predictor_of(spec, members=2)
    save_bundle(tmp_path, model, spec, training)
    for before, after in zip(
        model.predict_graphs(graphs), load_bundle(tmp_path).predict_graphs(graphs), strict=True
    ):
        np.testing.assert_array_equal(before, after)


def test_a_bundle_is_four_files_and_says_what_it_is(saved):
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    model = load_bundle(saved, "cpu")
    assert (model.name, model.num_members, model.recipe) == ("it", 2, "parent")
    assert [task.name for task in model.tasks] == ["logS", "toxic", "class"]
    assert model.tasks[0].unit == "log mol/L"
    assert model.path == saved
    weights = (saved / "model.safetensors").read_bytes()
    assert model.sha256 == hashlib.sha256(weights).hexdigest()
    assert "logS" in (saved / "README.md").read_text()
    assert pd.read_parquet(saved / "training.parquet")["smiles"].tolist() == ["CCO"]


def test_saving_twice_writes_the_same_bytes(saved, tmp_path, spec_of, predictor_of, training):
    spec = spec_of("gin")
    save_bundle(tmp_path / "two", predictor_of(spec, members=2, name="it"), spec, training)
    for file in FILES:
        assert (tmp_path / "two" / file).read_bytes() == (saved / file).read_bytes()


def test_a_run_folder_stands_for_the_bundle_in_it(saved, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    shutil.move(saved, run / "model")
    assert find_bundle(run) == run / "model"
    assert load_bundle(str(run)).name == "it"


@pytest.mark.parametrize("path", KEPT, ids=lambda p: f"{p.parts[-3]}-{p.parts[-2]}")
def test_a_bundle_of_an_older_molgnn_is_still_read_and_predicts_the_same(path):
    expected = json.loads((path.parent / "expected.json").read_text())
    table = load_bundle(path.parent, "cpu").predict(expected.pop("smiles"))
    new = [name for name in table.columns if name.endswith("_std") and name not in expected]
    assert list(table.columns.drop(new)) == [*expected, "reason"]  # forests came to speak of errors
    assert bool(new) == (path.parent.name == "forest")
    for column, values in expected.items():
        np.testing.assert_allclose(table[column], values, atol=1e-5, err_msg=column)


def test_there_is_a_kept_bundle_for_every_encoder_and_every_kind_of_model():
    kept = {version: set() for version in ("v1", "v2")}
    for path in KEPT:
        kept[path.parts[-3]].add(path.parts[-2])
    assert kept["v1"] == set(ENCODERS)
    assert kept["v2"] == {*KINDS, "hybrid", "blend"}


# What is refused, each naming the file.


@pytest.mark.parametrize(
    "key, value, said",
    [
        ("format", "other", "not the config of a molgnn model"),
        ("version", 4, "bundle version 4, this molgnn reads versions up to 3"),
        ("version", None, "bundle version None"),
        ("features", {"hash": "0000"}, "other atom and bond features .0000, here"),
        ("features", {}, "other atom and bond features"),
        ("features", None, "'features' is missing"),
        ("model", None, "'model' is missing"),
        ("model", {"encoder": "gin"}, "'model' must hold encoder, readout, head"),
        ("members", "2", "'members' is missing"),
        ("members", 3, "holds 2 members, config.json says 3"),
        ("members", 1, "holds 2 members, config.json says 1"),
        ("members", 0, "holds 2 members, config.json says 0"),
        ("members", -1, "holds 2 members, config.json says -1"),
        ("members", 10**12, "holds 2 members"),
        ("tasks", None, "'tasks' is missing"),
        ("tasks", ["logS"], "'logS|logS describes no task"),
        ("tasks", [{"name": "logS"}], "describes no task"),
        ("tasks", [], "None describes no task"),
        ("recipe", "wash", "unknown standardisation 'wash'"),
        ("name", 5, "'name' or the range"),
        ("data", [], "'name' or the range"),
        ("data", {"range": 5}, "'name' or the range"),
        ("data", {"range": {"logS": ["a", "b"]}}, "'name' or the range"),
        ("data", {"range": {"logS": [1.0]}}, "'name' or the range"),
        ("data", {"range": {"logS": [1.0, 10**400]}}, "'name' or the range"),
        ("data", {"range": {"logS": [1.0, float("nan")]}}, "'name' or the range"),
    ],
)
def test_a_config_of_another_kind_is_refused_with_its_name(edited, key, value, said):
    folder = edited(lambda config: config.update({key: value}))
    with pytest.raises(Refusal, match=said) as refused:
        load_bundle(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "key, value",
    [
        ("kind", "guess"),
        ("kind", "binary"),  # of no classes
        ("std", "1"),
        ("std", 0.0),
        ("std", 10**400),
        ("mean", None),
        ("unit", 5),
        ("name", "\ud800"),
        (ODD, 1),
    ],
)
def test_a_task_that_cannot_be_is_refused(edited, key, value):
    folder = edited(lambda config: config["tasks"][0].update({key: value}))
    with pytest.raises(Refusal, match="describes no task"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '"molgnn-bundle"', "\xff\xfe"])
def test_a_config_that_is_no_config_is_refused(saved, text):
    (saved / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(Refusal, match=r"config\.json"):
        load_bundle(saved)


def test_truncated_weights_are_refused(saved):
    weights = saved / "model.safetensors"
    for size in (0, 7, 100, weights.stat().st_size - 1):
        with weights.open("r+b") as file:
            file.truncate(size)
        with pytest.raises(Refusal, match=r"model\.safetensors: unreadable weights"):
            load_bundle(saved)


def resigned(folder):
    """As one who tampers with the weights would, and with their hash as well."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    weights = (folder / "model.safetensors").read_bytes()
    config["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    path.write_text(json.dumps(config))


@pytest.mark.parametrize("change", ["wider", "missing", "extra", "renamed"])
def test_weights_that_do_not_fit_the_config_are_refused(saved, change):
    path = saved / "model.safetensors"
    tensors = load_file(path)
    name = "1.encoder.atom_in.weight"
    tensor = tensors.pop(name)
    if change == "wider":
        tensors[name] = torch.zeros(len(tensor), 9)
    elif change == "extra":
        tensors |= {name: tensor, "1.encoder.surprise": tensor.clone()}
    elif change == "renamed":
        tensors["1.encoder.atoms_in.weight"] = tensor
    save_file(tensors, path)
    with pytest.raises(Refusal, match=r"model\.safetensors: damaged: not the file that was saved"):
        load_bundle(saved)
    resigned(saved)
    with pytest.raises(Refusal, match=r"model\.safetensors: member 1 does not fit config\.json"):
        load_bundle(saved)


def test_another_architecture_in_the_config_is_refused(edited):
    folder = edited(lambda config: config["model"]["encoder"].update(depth=3))
    with pytest.raises(Refusal, match="does not fit"):
        load_bundle(folder)


def test_missing_weights_are_refused(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(Refusal, match=r"model\.safetensors: unreadable weights"):
        load_bundle(saved)


def test_a_folder_a_file_and_a_name_that_are_no_model_are_refused_each_in_its_way(tmp_path):
    (tmp_path / "lib.smi").write_text("C\n")
    for path, said in (
        (tmp_path, "no config.json here"),
        (tmp_path / "lib.smi", "is a file: a model is a folder"),
        (tmp_path / "nowhere", "unknown model"),
        ("solubilty", "unknown model 'solubilty': give the folder of a run"),
    ):
        with pytest.raises(Refusal, match=said):
            load_bundle(path)


def test_a_bundled_model_is_found_by_name_unless_a_folder_has_it(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "bundled", lambda: {"it": saved})
    monkeypatch.chdir(tmp_path / "it")
    assert load_bundle("it").name == "it"
    with pytest.raises(Refusal, match="one of the bundled models: it"):
        load_bundle("that")
    monkeypatch.chdir(tmp_path)
    assert find_bundle("it") == Path("it")


def test_every_bundled_model_loads_and_predicts():
    models = bundle.bundled()
    if not models:
        pytest.skip("no model is bundled yet: molgnn/models/bundled is empty")
    for name, folder in models.items():
        table = load_bundle(name, "cpu").predict(["CCO", "c1ccccc1", "bad"])
        assert table["reason"].tolist() == ["", "", "not valid SMILES"]
        assert np.isfinite(table.iloc[:2, 0].astype(float)).all()
        assert {file.name for file in folder.iterdir()} == set(FILES)


# A stranger's bundle runs nothing.


class Trap:
    """Unpickling this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_the_place_of_the_weights_is_refused_unread(saved, tmp_path):
    trap = tmp_path / "sprung"
    for write in (
        lambda path: path.write_bytes(pickle.dumps(Trap(trap))),
        lambda path: torch.save({"0.encoder": Trap(trap)}, path),
    ):
        write(saved / "model.safetensors")
        with pytest.raises(Refusal, match="unreadable weights"):
            load_bundle(saved)
    assert not trap.exists()


def test_targets_in_the_config_are_refused_or_ignored_and_never_called(edited, tmp_path):
    trap = str(tmp_path / "sprung")
    target = {"_target_": "os.mkdir", "path": trap, "_args_": [trap]}
    assert load_bundle(edited(lambda config: config.update(target))).name == "it"
    for part in ("encoder", "readout", "head"):
        folder = edited(lambda config, part=part: config["model"].update({part: dict(target)}))
        with pytest.raises(Refusal, match="unknown"):
            load_bundle(folder)
    assert not Path(trap).exists()


@pytest.mark.parametrize("part", ["encoder", "readout", "head"])
@pytest.mark.parametrize("odd", [5, None, [1], {"name": ["x"]}, {"name": None}])
def test_a_part_of_another_type_is_refused(part, odd, edited):
    with pytest.raises(Refusal, match=f"unknown {part}"):
        load_bundle(edited(lambda config: config["model"].update({part: odd})))


@pytest.mark.parametrize(
    "part, option",
    [("encoder", "depth"), ("encoder", "dim"), ("head", "layers"), ("head", "hidden")],
)
@pytest.mark.parametrize("value", [60_000, 10**9, 10**400], ids=["wide", "wider", "widest"])
def test_a_giant_is_refused_before_it_is_built(part, option, value, edited):
    folder = edited(lambda config: config["model"][part].update({option: value}))
    with pytest.raises(Refusal, match=r"too large|does not fit config"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_json_that_python_cannot_hold_is_refused(text, saved):
    (saved / "config.json").write_text(text)
    with pytest.raises(Refusal, match="not readable as JSON"):
        load_bundle(saved)


def test_odd_keys_in_the_config_are_kept_and_change_nothing(edited, saved):
    before = load_bundle(saved).predict(["CCO"])
    folder = edited(lambda config: config.update({ODD: 1, "__class__": "x", "notes": "mine"}))
    model = load_bundle(folder)
    assert model.card["notes"] == "mine"
    pd.testing.assert_frame_equal(model.predict(["CCO"]), before)


def test_a_device_that_is_not_there_is_refused_in_one_line():
    assert resolve_device("cpu") == torch.device("cpu")
    for device in ("cuda:99", "abacus", ""):
        with pytest.raises(Refusal, match="cannot be used here") as refused:
            resolve_device(device)
        assert "\n" not in str(refused.value)
