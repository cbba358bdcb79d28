"""Every kind of model: trained, kept, loaded, and the same numbers wherever it predicts."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import molgnn
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.train import learn as learning
from molgnn.train.members import train_member
from molgnn.train.parts import MODELS, ModelOptions, model_options

SEEN = ["morgan", "erg"]
KINDS = {
    "hybrid": {"name": "hybrid"},
    "blend": {"name": "blend", "features": SEEN},
    "vectors": {"name": "blend", "features": SEEN, "embeddings": True},
    "boosting": {"name": "boosting", "features": SEEN},
    "linear": {"name": "linear", "features": SEEN},
    "forest": {"name": "forest", "features": [*SEEN, "rdkit2d"], "trees": 20},
    "neighbours": {"name": "neighbours", "neighbours": 3},
    "mean": {"name": "mean"},
}
WITH_NETWORK = ("hybrid", "blend", "vectors")
ALL = ["y", "active", "kind"]
HEAD = {"y": "regression", "active": "binary", "kind": "multiclass"}


def columns(model):
    return [*model.columns, *(f"{c}_std" for c in model.columns if model.num_members > 1)]


@pytest.mark.parametrize("name", KINDS)
def test_it_trains_and_predicts_and_screens_the_same_bits_everywhere(
    name, fit, table, drugs, tmp_path
):
    run = fit(table(), ALL, model=KINDS[name], kind=HEAD, members=2 if name == "blend" else 1)
    model = molgnn.load(run.folder)
    named = columns(model)
    assert ("y_std" in named) == (name in ("blend", "vectors"))
    first = run.model.predict(drugs)[named]
    pd.testing.assert_frame_equal(model.predict(drugs)[named], first)
    assert not first.isna().any(axis=None)
    told = run.predictions.set_index("smiles")
    here = model.predict(told.index.tolist())[named]
    np.testing.assert_array_equal(told[named].to_numpy(), here.to_numpy())
    alone = pd.concat([model.predict(text)[named] for text in drugs[:7]], ignore_index=True)
    pd.testing.assert_frame_equal(alone, first[:7])

    library = tmp_path / "lib.smi"
    library.write_text("\n".join(f"{t} m{i}" for i, t in enumerate(drugs)) + "\nbad x\n")
    hits = molgnn.screen(model, library, top=80, task="y", workers=0, precision="fp32").hits
    order = hits["id"].str.slice(1).astype(int)
    np.testing.assert_array_equal(hits["score"], first["y"].to_numpy()[order])


@pytest.fixture
def packed(tmp_path):
    """packed(file) -> the same molecules as a packed library, in several chunks."""
    from molgnn.data.packed.build import build_library

    def build(file):
        build_library(file, tmp_path / "packed", chunk=16, workers=0)
        return tmp_path / "packed"

    return build


@pytest.mark.parametrize("name", ["blend", "neighbours"])  # a blend holds the others
def test_workers_and_a_packed_library_give_the_same_screen(
    name, fit, table, drugs, tmp_path, packed
):
    run = fit(table(), "y", model=KINDS[name])
    library = tmp_path / "lib.smi"
    library.write_text("\n".join(f"{t} m{i}" for i, t in enumerate(drugs)) + "\n")
    there = packed(library)
    how = {"top": 10, "precision": "fp32", "chunk": 16}
    found = [
        molgnn.screen(run.model, source, workers=workers, **how).hits
        for source, workers in ((library, 0), (library, 2), (there, 0), (there, 2))
    ]
    for hits in found[1:]:
        assert hits["id"].tolist() == found[0]["id"].tolist()
        np.testing.assert_array_equal(hits["score"], found[0]["score"])


@pytest.mark.parametrize("name", ["blend", "boosting", "forest", "neighbours", "mean"])
def test_missing_labels_of_many_targets_are_left_out(name, fit, table):
    """As in Tox21: most cells are empty, and no molecule has them all."""

    def sparse(rows):
        for i, row in enumerate(rows):
            row |= {f"t{k}": "" if (i + k) % 3 else str((i // 3) % 2) for k in range(5)}

    targets = [f"t{k}" for k in range(5)]
    run = fit(table(sparse), targets, model=KINDS[name])
    predicted = run.predictions[targets].to_numpy()
    assert predicted.shape == (80, 5)
    assert ((predicted >= 0) & (predicted <= 1)).all()
    assert (run.model.blocks == ()) == (name == "mean")


@pytest.mark.parametrize("name", ["blend", "boosting", "forest", "neighbours", "mean"])
def test_a_class_that_only_the_test_part_has_can_be_told_and_never_is(name, fit, table):
    def rare(rows):
        for row in rows:
            row["kind"] = "0" if row["kind"] == "0" else "3"
        rows[-1]["kind"] = "4"

    run = fit(table(rare), "kind", kind="multiclass", model=KINDS[name])
    found = run.predictions[[f"kind={c}" for c in range(5)]].to_numpy()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    if name != "blend":
        assert found[:, [1, 2, 4]].max() < 1e-9


@pytest.mark.parametrize("name", ["boosting", "forest", "neighbours", "mean"])
def test_bounds_are_no_labels_for_models_without_a_graph(name, fit, table):
    def bounded(by):
        def change(rows):
            for row in rows[:56:4]:
                row["y"] = f">{by}"

        return change

    found = [
        fit(table(bounded(by), f"t{by}.csv"), "y", out=f"r{by}", model=KINDS[name]).predictions["y"]
        for by in ("0.5", "9.5")
    ]
    np.testing.assert_array_equal(*found)


def test_a_network_of_a_blend_learns_from_bounds_that_its_trees_do_not_see(fit, table):
    def bounded(rows):
        for row in rows[:56:4]:
            row["y"] = ">9.5"

    run = fit(table(bounded), "y", model=KINDS["blend"])
    assert run.metrics["test"]["rmse"] > 0
    assert "y (bound)" in pd.read_parquet(run.folder / "model" / "training.parquet")


# What models without a graph cannot do.


def test_quantiles_are_the_networks_alone_and_the_run_says_so(fit, table, drugs):
    said = []
    run = fit(table(), "y", model={"name": "blend"}, loss="quantile", say=said.append)
    (line,) = [line for line in said if "predict alone" in line]
    assert line == (
        "networks predict alone: boosting and linear can do neither atoms and bonds nor quantiles"
    )
    assert run.model.shallow == []
    assert run.model.blocks == ("rdkit2d",)
    told = run.predictions.set_index("smiles")
    here = molgnn.load(run.folder).predict(told.index.tolist())  # from features of its own
    names = run.model.columns
    assert len(names) == 3
    np.testing.assert_array_equal(told[names].to_numpy(), here[names].to_numpy())


def charges(rows):
    from rdkit import Chem

    for row in rows:
        atoms = Chem.MolFromSmiles(row["smiles"]).GetAtoms()
        row["charge"] = " ".join(str(atom.GetAtomicNum() / 6) for atom in atoms)


def test_atoms_are_the_networks_alone(fit, table):
    said = []
    run = fit(table(charges), (), atom_targets="charge", model="blend", say=said.append)
    assert any("networks predict alone" in line for line in said)
    assert run.model.shallow == []


@pytest.mark.parametrize("asked", ["atoms", "quantiles"])
def test_without_a_network_they_are_refused_before_anything_is_written(asked, fit, table, tmp_path):
    given = {"atom_targets": "charge"} if asked == "atoms" else {"loss": "quantile"}
    name = "charge" if asked == "atoms" else "y"
    with pytest.raises(Refusal, match=f"cannot predict '{name}'.*choose model=network"):
        fit(table(charges), () if asked == "atoms" else "y", model="forest", **given)
    assert not (tmp_path / "run").exists()


def test_a_network_alone_says_nothing_of_that(fit, table):
    said = []
    fit(table(), "y", loss="quantile", say=said.append)
    assert not any("predict alone" in line for line in said)


# Interruption.


def test_a_blend_that_was_interrupted_goes_on_to_the_same_weights(fit, table, weights, monkeypatch):
    path = table()
    options = {"model": KINDS["vectors"], "members": 2}
    whole = weights(fit(path, "y", out="whole", **options))

    def stop(member, row):
        if (member, row["epoch"]) == (1, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(path, "y", out="cut", epoch_done=stop, **options)
    assert weights(fit(path, "y", out="cut", **options)) == whole


def test_a_blend_interrupted_among_its_trees_does_not_train_its_network_again(
    fit, table, weights, monkeypatch
):
    path, options = table(), {"model": KINDS["blend"]}
    whole = weights(fit(path, "y", out="whole", **options))

    def killed(*_):
        raise KeyboardInterrupt

    trained = []
    with monkeypatch.context() as patched:
        patched.setattr(learning, "fit_shallow", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(path, "y", out="cut", **options)

    def noted(*args, **more):
        trained.append(args)
        return train_member(*args, **more)

    monkeypatch.setattr("molgnn.train.members.train_member", noted)
    assert weights(fit(path, "y", out="cut", **options)) == whole
    assert trained == []


@pytest.mark.parametrize("name", ["hybrid", "blend", "forest", "boosting"])
def test_the_same_seed_gives_the_same_weights(name, fit, table, weights):
    path = table()
    one, two = (weights(fit(path, "y", out=out, model=KINDS[name])) for out in ("1", "2"))
    assert one == two
    assert weights(fit(path, "y", out="3", model=KINDS[name], seed=1)) != one


def test_features_that_a_job_did_not_ask_for_are_a_mistake_of_the_caller(options):

    from molgnn.data.tables.features import with_features
    from molgnn.data.wishes import Wishes, make_tasks
    from molgnn.train.run import read_data, split_data

    given = replace(options(), model=ModelOptions(parts=("hybrid",)))
    data, *_ = read_data(given.data, "auto", None)
    parts = split_data(data, given)
    tasks = make_tasks(data.names, data.labels, data.bounds, parts.train, Wishes())
    for blocks in ((), ("morgan",), ("morgan", "rdkit2d")):
        with pytest.raises(ValueError, match="no others"):
            learning.job_of(given, with_features(data, blocks, workers=0), tasks, parts)


# Options.


def test_the_names_of_models_are_those_of_the_configs(tmp_path):
    from importlib.resources import files

    there = {path.stem for path in (files("molgnn.conf") / "model").iterdir() if path.suffix}
    assert there == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_name_means_the_same_in_python_and_on_the_command_line(name):
    from molgnn.cli.train import check

    assert check([f"model={name}"]).model == ModelOptions(
        **{k: tuple(v) for k, v in model_options(name).items()}
    )


@pytest.mark.parametrize(
    "options, said",
    [
        ({"parts": ("network", "svm")}, "part in model.parts"),
        ({"parts": ()}, "name one at least"),
        ({"parts": ("forest", "forest")}, "each part once"),
        ({"network_features": ("mordred",)}, "block in model.network_features"),
        ({"features": ("mordred",)}, "block in model.features"),
        ({"trees": 0}, "at least 1"),
        ({"parts": ("forest",), "embeddings": True}, "there is no network"),
        ({"parts": ("forest",), "forest_features": ()}, "forest has nothing to learn from"),
        ({"parts": ("hybrid",), "network_features": ()}, "network_features is empty"),
        ({"class_parts": ("network", "network")}, "each part once"),
        ({"parts": (), "class_parts": ("network",)}, "name one at least"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(Refusal, match=said):
        ModelOptions(**options)


def test_parts_that_are_named_are_those_that_learn_whatever_the_targets_are():
    from molgnn.cli.train import check

    number, label = Task("y", "regression"), Task("c", "binary")
    named = check(["model.parts=[hybrid,forest]"]).model
    blend = check([]).model
    for tasks in ([number], [label], [number, label]):
        assert named.for_tasks(tasks).parts == ("hybrid", "forest")
    assert blend.for_tasks([number]).parts == ("hybrid", "boosting", "linear", "network")
    assert blend.for_tasks([label]).parts == ("hybrid", "boosting", "linear", "forest")
    assert blend.for_tasks([number, label]).parts == ("hybrid", "boosting", "linear")
    apart = replace(blend, regression_parts=("network",), class_parts=("forest",))
    with pytest.raises(Refusal, match="no part is in both"):
        apart.for_tasks([number, label])


def test_what_is_written_of_a_run_tells_its_parts(fit, table):
    said = []
    run = fit(table(), "y", model=KINDS["forest"], say=said.append)
    assert said[0].endswith("forest, seed 0")
    card = json.loads((run.folder / "model" / "config.json").read_text())
    assert (card["members"], card["model"], card["shares"]) == (0, {}, None)
    assert card["shallow"][0]["kind"] == "forest"
    assert run.metrics["epochs"] == []
    assert not (run.folder / "learning_curve.png").exists()
