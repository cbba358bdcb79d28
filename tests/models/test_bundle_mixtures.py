"""Bundles of models without a graph, and of several kinds together: kept whole, damage refused."""

import hashlib
import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from molgnn.chem.descriptors import values_of
from molgnn.chem.graph import featurize
from molgnn.errors import Refusal
from molgnn.models.bundle import FILES, load_bundle, save_bundle

MIXTURES = ("hybrid", "blend", "boosting", "forest", "neighbours", "mean")
TEXTS = ["CCO", "CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "c1ccncc1", "CCN.Cl"]


@pytest.fixture
def saved(tmp_path, mixture_of, training):
    """saved(kind, ...) -> (the folder of a bundle, the model in it)."""

    def make(kind, **options):
        model, spec = mixture_of(kind, **options)
        save_bundle(tmp_path / kind, model, spec, training)
        return tmp_path / kind, model

    return make


def resigned(folder, tensors=None, change=lambda config: None):
    """As one who tampers with a bundle would: the hash fits the weights."""
    path = folder / "model.safetensors"
    if tensors is not None:
        save_file(tensors, path)
    config = json.loads((folder / "config.json").read_text())
    config["weights_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def refusal(folder):
    with pytest.raises(Refusal) as refused:
        load_bundle(folder)
    assert "\n" not in str(refused.value)
    assert str(folder) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("blocks", [("morgan", "avalon"), ("morgan", "erg", "rdkit2d")])
@pytest.mark.parametrize("kind", MIXTURES)
def test_a_loaded_model_predicts_bit_for_bit_what_the_saved_one_did(kind, blocks, saved, drugs):
    folder, model = saved(kind, blocks=blocks)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    again = load_bundle(folder, "cpu")
    graphs = featurize(drugs[::60], "parent", blocks)[0]
    for before, after in zip(
        model.predict_graphs(graphs), again.predict_graphs(graphs), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    assert again.blocks == tuple(blocks)
    assert again.num_members == model.num_members
    assert not again.predict(TEXTS)["logS"].isna().any()


def test_trees_on_the_vectors_of_networks_are_kept_with_them(saved):
    folder, model = saved("blend", embeddings=True, members=2)
    again = load_bundle(folder, "cpu")
    assert again.shallow[0].embeddings
    one, other = model.predict(TEXTS), again.predict(TEXTS)
    np.testing.assert_array_equal(one["logS"], other["logS"])
    np.testing.assert_array_equal(again.shares, [0.25, 0.25, 0.5])


@pytest.mark.parametrize("kind", MIXTURES)
def test_a_molecule_has_the_same_bits_alone_and_among_many(kind, mixture_of, drugs):
    model, _ = mixture_of(kind, members=2 if kind in ("hybrid", "blend") else 1)
    graphs = featurize(drugs[::5], "parent", model.blocks)[0]
    assert len(graphs) > 512  # more than one block of rows, and more than a small tile takes
    whole = model.predict_graphs(graphs)
    for rows in ([3], [7, 3], range(12), range(100, 220)):
        rows = np.array(rows)
        for few, many in zip(model.predict_graphs(graphs.select(rows)), whole, strict=True):
            np.testing.assert_array_equal(few, many[rows])


@pytest.mark.parametrize("kind", MIXTURES)
def test_two_spellings_of_a_molecule_have_one_prediction(kind, mixture_of):
    """To the bit where there is no network, whose sums run in the order of the atoms."""
    from rdkit import Chem

    model, _ = mixture_of(kind)
    texts = [t for t in TEXTS if "." not in t]
    spelled = [
        text
        for text in texts
        for text in Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(text), 6, randomSeed=1)
    ]
    found = model.predict(spelled)[model.columns].to_numpy().reshape(len(texts), 6, -1)
    spread = np.ptp(found, axis=1).max()
    assert spread < 1e-5 if model.members else spread == 0
    assert kind == "mean" or np.ptp(found[:, 0, 0]) > 0


def test_shares_say_what_each_part_counts(mixture_of, graphs):
    model, _ = mixture_of("blend", members=2)
    graphs = featurize(TEXTS, "parent", model.blocks)[0]
    each = model.predict_members(graphs)
    networks = each[:2].mean(axis=0)
    np.testing.assert_allclose(model.predict_graphs(graphs)[0], (networks + each[2]) / 2)


def test_a_model_without_a_network_has_no_vectors(mixture_of):
    model, _ = mixture_of("forest")
    with pytest.raises(Refusal, match="no network, so it has no vectors"):
        model.embed(["CCO"])


def test_graphs_without_features_are_a_mistake_of_the_caller(mixture_of, graphs):
    model, _ = mixture_of("forest")
    with pytest.raises(ValueError, match="need the features"):
        model.predict_graphs(graphs)


# Damage, by accident and on purpose.


def test_weights_that_were_changed_are_refused(saved):
    folder, _ = saved("forest")
    path = folder / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    assert "damaged: not the file that was saved with config.json" in refusal(folder)


def put(name, place, value):
    def change(tensors):
        tensors[name] = tensors[name].clone()
        tensors[name].view(-1)[place] = value

    return change


def inner(name, value):
    """At the first node of the first task that is no leaf."""

    def change(tensors):
        node = int(torch.nonzero(tensors["shallow.0.0.feature"] >= 0)[0])
        put(f"shallow.0.0.{name}", node, value)(tensors)

    return change


def drop(name):
    return lambda tensors: tensors.pop(name)


def cast(name, kind):
    return lambda tensors: tensors.update({name: tensors[name].to(kind)})


def leaf(value):
    def change(tensors):
        node = int(torch.nonzero(tensors["shallow.0.0.feature"] < 0)[0])
        put("shallow.0.0.values", node, value)(tensors)

    return change


TREES = [
    (inner("left", 0), "its trees are damaged"),  # a child before its parent
    (inner("right", 10**6), "its trees are damaged"),
    (inner("feature", 3072), "its trees are damaged"),
    (inner("threshold", float("nan")), "its trees are damaged"),
    (leaf(float("nan")), "its trees are damaged"),
    (leaf(float("inf")), "its trees are damaged"),
    (put("shallow.0.fill", 5, float("nan")), "its features are damaged"),
    (cast("shallow.0.fill", torch.float64), "its features are damaged"),
    (cast("shallow.0.0.feature", torch.int64), "its trees are damaged"),
    (cast("shallow.0.0.values", torch.bfloat16), "arrays are missing or of another kind"),
    (drop("shallow.0.1.left"), "arrays are missing"),
    (drop("shallow.0.fill"), "arrays are missing"),
    (drop("shallow.0.2.values"), "arrays are missing"),
]


@pytest.mark.parametrize("kind", ["forest", "boosting", "blend"])
@pytest.mark.parametrize("change, said", TREES)
def test_trees_that_were_tampered_with_are_refused(kind, change, said, saved):
    folder, _ = saved(kind)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    resigned(folder, tensors)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    "kind, change, said",
    [
        ("boosting", drop("shallow.0.0.start"), "arrays are missing"),
        ("boosting", put("shallow.0.0.start", 0, float("nan")), "its trees are damaged"),
        ("forest", put("shallow.0.1.values", slice(None), 0.0), "its trees are damaged"),
        ("mean", put("shallow.0.0.value", 0, float("nan")), "its mean is damaged"),
        ("mean", cast("shallow.0.0.value", torch.complex64), "its mean is damaged"),
        ("neighbours", put("shallow.0.0.k", 0, 0), "its nearest neighbours are damaged"),
        ("neighbours", put("shallow.0.0.k", 0, 10**6), "its nearest neighbours are damaged"),
        ("neighbours", cast("shallow.0.1.bits", torch.int16), "its nearest neighbours are damaged"),
        ("neighbours", put("shallow.0.2.labels", 0, float("nan")), "neighbours are damaged"),
        ("neighbours", put("shallow.0.2.weight", 0, -1.0), "neighbours are damaged"),
        ("neighbours", drop("shallow.0.0.k"), "arrays are missing"),
        ("neighbours", cast("shallow.0.0.k", torch.float64), "of another kind"),
        ("neighbours", put("shallow.0.1.labels", slice(None), 77.0), "its shares of classes"),
        ("mean", put("shallow.0.1.value", 0, -1.0), "its shares of classes"),
    ],
)
def test_arrays_of_the_others_that_were_tampered_with_are_refused(kind, change, said, saved):
    folder, _ = saved(kind)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    resigned(folder, tensors)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    "name", ["shallow.1.fill", "shallow.surprise", "shallow.0.0.surprise", "shallow.0.9.value"]
)
def test_arrays_that_belong_to_nothing_are_refused(name, saved):
    folder, _ = saved("forest")
    tensors = load_file(folder / "model.safetensors")
    resigned(folder, tensors | {name: torch.zeros(2)})
    refusal(folder)


def shallow(**values):
    return lambda config: config["shallow"][0].update(values)


def features(**values):
    return lambda config: config["molecule_features"].update(values)


ODD = [
    (shallow(kind="svm"), "unknown model 'svm': install a newer molgnn"),
    (shallow(kind=["forest"]), "describes no model without a graph"),
    (shallow(path="/etc"), "describes no model without a graph"),
    (shallow(tasks=[]), "describes no model without a graph"),
    (shallow(blocks="morgan"), "describes no model without a graph"),
    (shallow(blocks=["morgan"]), "its features are damaged"),
    (shallow(blocks=["morgan", "erg"]), "uses features that are not computed"),
    (shallow(blocks=[["morgan"]]), "uses features that are not computed"),
    (shallow(embeddings=1), "describes no model without a graph"),
    (lambda config: config.update(shallow=["forest"]), "describes no model without a graph"),
    (lambda config: config.update(shallow={}), "'shallow' is missing"),
    (features(blocks=["morgan", "mordred"]), "needs the molecule features 'mordred', unknown here"),
    (features(blocks=[["morgan"]]), "needs the molecule features"),
    (features(blocks="morgan"), "are no lists"),
    (features(hash="0000"), "which computes others than the one here: install that version"),
    (features(values=None), "'values' of its molecule features are missing"),
    (features(values={"morgan": [0.0] * 5}), "'values' of its molecule features are missing"),
    (features(values={"morgan": "x", "avalon": "y"}), "'values' of its molecule features are"),
    (features(values={"morgan": [1.0] * 5, "avalon": [1.0] * 5}), "(morgan, avalon) are those of"),
    (lambda config: config.pop("molecule_features"), "'molecule_features' is missing"),
    (lambda config: config.update(shares=[0.5, 0.5]), "'shares' are not one for each member"),
    (lambda config: config.update(shares="1"), "'shares' are not one for each member"),
    (lambda config: config.update(shares=[0.0]), "'shares' are not one for each member"),
    (lambda config: config.update(shares=[float("nan")]), "'shares' are not one for each member"),
    (lambda config: config.update(shares=[10**400]), "'shares' are not one for each member"),
]


@pytest.mark.parametrize("change, said", ODD)
def test_a_config_that_was_tampered_with_is_refused(change, said, saved):
    folder, _ = saved("forest")
    resigned(folder, change=change)
    assert said in refusal(folder)


def test_neighbours_see_morgan_alone(saved):
    folder, _ = saved("neighbours")
    resigned(folder, change=shallow(blocks=["erg"]))
    assert "sees features that it cannot have" in refusal(folder)


@pytest.mark.parametrize("odd", [{"level": "atom"}, {"quantiles": [0.1, 0.5]}])
def test_a_model_without_a_graph_is_of_molecules_and_without_quantiles(odd, saved):
    folder, _ = saved("forest")
    resigned(folder, change=lambda config: config["tasks"][0].update(odd))
    assert "a model without a graph cannot predict" in refusal(folder)


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_weights_of_a_network_that_are_no_numbers_are_refused(odd, saved):
    folder, _ = saved("blend")
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if not name.startswith("shallow."))
    put(name, 0, odd)(tensors)
    resigned(folder, tensors)
    assert "weights that are no numbers" in refusal(folder)


def test_nan_among_the_shares_of_several_is_refused(saved):
    folder, _ = saved("blend")
    resigned(folder, change=lambda config: config.update(shares=[0.5, float("nan")]))
    assert "'shares' are not one for each member" in refusal(folder)


def test_trees_on_vectors_need_a_network(saved):
    folder, _ = saved("forest")
    resigned(folder, change=shallow(embeddings=True))
    assert "forest needs vectors, and there is no network" in refusal(folder)


def test_an_rdkit_that_computes_one_descriptor_otherwise_is_refused_by_name(saved):
    folder, _ = saved("forest", blocks=("morgan", "rdkit2d"))

    def change(config):
        config["versions"] = {"rdkit": "2019.03.1"}
        config["molecule_features"]["values"]["rdkit2d"][2] += 1e-3

    resigned(folder, change=change)
    said = refusal(folder)
    assert "molecule features (rdkit2d) are those of RDKit 2019.03.1" in said
    assert "install that version, or train it again" in said


def test_the_last_digits_of_another_machine_are_no_other_rdkit(saved):
    folder, model = saved("forest", blocks=("morgan", "rdkit2d"))
    known = {block: [v + 1e-6 for v in values_of(block)] for block in ("morgan", "rdkit2d")}
    resigned(folder, change=features(values=known))
    np.testing.assert_array_equal(
        load_bundle(folder, "cpu").predict(TEXTS)["logS"], model.predict(TEXTS)["logS"]
    )


@pytest.mark.parametrize("kind", ["forest", "blend"])
def test_nothing_of_a_bundle_is_ever_unpickled(kind, saved, monkeypatch):
    folder, _ = saved(kind)

    def sprung(*_, **__):
        raise AssertionError("unpickled")

    for where, name in ((pickle, "load"), (pickle, "loads"), (torch, "load"), (np, "load")):
        monkeypatch.setattr(where, name, sprung)
    monkeypatch.setattr(pickle, "Unpickler", sprung)
    assert len(load_bundle(folder, "cpu").predict(TEXTS)) == len(TEXTS)
