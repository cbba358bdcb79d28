"""What members say of their own errors, and how it comes into the standard deviation."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.batch import to_batch
from molgnn.data.scaling import decode, deviation, encode
from molgnn.data.targets import Task, widths
from molgnn.data.tiles import CACHE_SIZED
from molgnn.errors import Refusal
from molgnn.models.answers import said
from molgnn.models.build import build_model
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.ensemble import Predictor
from molgnn.models.lists import mean_and_spread
from molgnn.models.precision import agreement
from molgnn.models.scorer import Scorer
from molgnn.nn.head import MLPHead
from molgnn.nn.spread import evidence_of

TASKS = [
    Task("y", "regression", "mM", mean=3.0, std=2.0, spread="variance"),
    Task("active", "binary", classes=("0", "1")),
    Task("z", "regression", mean=1.0, std=0.5, spread="evidential"),
    Task("kind", "multiclass", classes=("0", "1", "2")),
]
PARTS = [
    Task("charge", "regression", mean=1.0, std=0.5, level="atom", spread="variance"),
    Task("order", "binary", classes=("0", "1"), level="bond"),
]
TEXTS = ["CCO", "C", "CC(=O)Oc1ccccc1C(=O)O", "C1CC1.Cl", "c1ccc2[nH]ccc2c1"]
DROPPED = {"dropout": 0.3, "samples": 5}


def spec_with(**head):
    return {
        "encoder": {"name": "gin", "dim": 16, "depth": 2},
        "readout": {"name": "mean"},
        "head": {"name": "mlp", "hidden": 16, **head},
    }


@pytest.fixture(scope="module")
def model_with():
    """model_with(tasks, members, ...) -> an untrained model, with options of its head."""

    def make(tasks=TASKS, members=1, **head):
        torch.manual_seed(0)
        models = [build_model(**spec_with(**head), out_dim=widths(tasks)) for _ in range(members)]
        return Predictor(models, tasks, "parent", {"name": "it"})

    return make


def test_outputs_beyond_the_mean_make_no_column_and_a_deviation_in_the_users_units():
    logits = np.random.default_rng(0).normal(size=(7, sum(task.width for task in TASKS)))
    mean, own = said(logits, TASKS)
    assert mean.shape == own.shape == (7, 6)
    np.testing.assert_allclose(mean[:, 0], 3 + 2 * logits[:, 0])
    softplus = np.logaddexp(0, logits[:, 1]) + 1e-6
    np.testing.assert_allclose(own[:, 0], 2 * np.sqrt(softplus))
    variance = evidence_of(torch.from_numpy(logits[:, 3:7])).variance.numpy()
    np.testing.assert_allclose(own[:, 2], 0.5 * np.sqrt(variance))
    assert np.isnan(own[:, [1, 3, 4, 5]]).all()
    np.testing.assert_array_equal(mean, decode(logits, TASKS))


@pytest.mark.parametrize("transform", ["standardize", "log10", "rank", "none"])
def test_a_deviation_is_half_of_what_lies_between_one_below_and_one_above(transform):
    knots = tuple((float(v), float(s)) for v, s in zip([1, 2, 5, 9], [-2, 0, 1, 2], strict=True))
    scaling = {} if transform == "none" else {"mean": 0.5, "std": 2.0}
    task = Task("y", "regression", transform=transform, spread="variance",
                **({"knots": knots} if transform == "rank" else scaling))  # fmt: skip
    value, std = np.array([-0.5, 0.0, 0.7]), np.array([0.1, 0.4, 1.0])
    above, below = (decode(np.stack([v, v], 1), [task])[:, 0] for v in (value + std, value - std))
    np.testing.assert_allclose(deviation(value, std, task), (above - below) / 2)
    back = encode(above[:, None], [task])[:, 0]
    np.testing.assert_allclose(back, value + std, atol=1e-5)


def test_a_head_that_knows_nothing_has_a_deviation_with_a_finite_square():
    task = Task("y", "regression", mean=1.0, std=3.0, transform="log10", spread="evidential")
    _, own = said(np.array([[0.0, -80.0, -80.0, 80.0]]), [task])
    assert np.isfinite(own**2).all()


def test_the_variance_is_that_between_members_plus_the_mean_of_their_own():
    """By draws: pick a member by its share, then a value of its own distribution."""
    rng = np.random.default_rng(0)
    means, own = np.array([1.0, 2.0, 4.0, 4.5]), np.array([0.5, np.nan, 2.0, 1.0])
    shares = np.array([0.1, 0.4, 0.2, 0.3])
    who = rng.choice(4, size=1_000_000, p=shares)
    draws = rng.normal(means[who], np.nan_to_num(own)[who])
    mean, std = mean_and_spread(means[:, None, None], shares, own[:, None, None])
    assert mean[0, 0] == pytest.approx(draws.mean(), abs=0.01)
    between = (shares * (means - mean[0, 0]) ** 2).sum()  # of the members as they are
    of_more = between / (1 - (shares**2).sum()) - between  # as if of more of their kind
    assert std[0, 0] ** 2 == pytest.approx(draws.var() + of_more, rel=0.01)


def test_members_that_count_the_same_need_no_shares_and_one_has_its_own():
    rng = np.random.default_rng(0)
    each, own = rng.normal(size=(3, 9, 2)), rng.random((3, 9, 2))
    mean, std = mean_and_spread(each, None, own)
    np.testing.assert_allclose(mean, each.mean(axis=0))
    np.testing.assert_allclose(std**2, each.var(axis=0, ddof=1) + (own**2).mean(axis=0))
    np.testing.assert_array_equal(mean_and_spread(each[:1], None, own[:1])[1], own[0])
    silent = mean_and_spread(each, None, np.full_like(own, np.nan))[1]
    np.testing.assert_allclose(silent, each.std(axis=0, ddof=1))


def test_samples_are_decoded_each_and_their_deviation_is_the_members_own(model_with):
    model, graphs = model_with(**DROPPED), featurize(TEXTS)[0]
    member = model.members[0]
    with torch.inference_mode():
        logits = member(to_batch(graphs), sampled=True)["molecule"].numpy()
    parts = [said(part, TASKS) for part in np.split(logits, 5, axis=1)]
    means, own = (np.stack(both) for both in zip(*parts, strict=True))
    mean, std = model.predict_graphs(graphs)
    np.testing.assert_allclose(mean, means.mean(axis=0), rtol=1e-4, atol=1e-5)
    expected = means.var(axis=0, ddof=1) + (np.nan_to_num(own) ** 2).mean(axis=0)
    np.testing.assert_allclose(std, np.sqrt(expected), rtol=1e-3, atol=1e-5)
    assert (std > 0).all()
    assert mean[:, 3:].sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("members", [1, 3])
def test_no_bit_of_a_sampled_molecule_depends_on_its_neighbours(model_with, drugs, members):
    model, graphs = model_with(members=members, **DROPPED), featurize(drugs[::60])[0]
    mean, std = model.predict_graphs(graphs)
    rng = np.random.default_rng(0)
    for rows in ([3], [7, 7, 2], rng.permutation(len(graphs)), np.arange(5, 30)):
        some = model.predict_graphs(graphs.select(rows))
        np.testing.assert_array_equal(some[0], mean[rows])
        np.testing.assert_array_equal(some[1], std[rows])
    large = Scorer(model.members, model.device, shape=CACHE_SIZED).logits(graphs)
    np.testing.assert_array_equal(large, model.scorer().logits(graphs))


def test_one_column_of_one_molecule_has_the_bits_of_many(model_with):
    """Twenty numbers in a row are added up in another order than twenty columns."""
    model = model_with([TASKS[1]], dropout=0.3, samples=20)
    graphs = featurize(TEXTS)[0]
    for i, row in enumerate(np.stack(model.predict_graphs(graphs))[:, :, 0].T):
        alone = np.stack(model.predict_graphs(graphs.select([i])))[:, 0, 0]
        np.testing.assert_array_equal(alone, row)


@pytest.mark.parametrize("head", [{}, DROPPED], ids=["spread", "samples"])
def test_a_loaded_model_says_of_itself_what_the_saved_one_did(head, model_with, tmp_path, training):
    model, graphs = model_with(**head), featurize(TEXTS)[0]
    save_bundle(tmp_path, model, spec_with(**head), training)
    loaded = load_bundle(tmp_path)
    assert loaded.has_std
    assert loaded.tasks == TASKS
    np.testing.assert_array_equal(model.predict_graphs(graphs), loaded.predict_graphs(graphs))


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda c: c["tasks"][0].update(spread="wild"), "describes no task"),
        (lambda c: c["tasks"][0].update(spread=["variance"]), "describes no task"),
        (lambda c: c["tasks"][0].update(quantiles=[0.1, 0.5]), "describes no task"),
        (lambda c: c["tasks"][1].update(spread="variance"), "describes no task"),
        (lambda c: c["tasks"][0].update(spread=""), "."),
        (lambda c: c["tasks"][0].update(spread="evidential"), "."),
        (lambda c: c["model"]["head"].update(dropout=0.0), "head.dropout"),
        (lambda c: c["model"]["head"].update(samples=-1), "too small"),
        (lambda c: c["model"]["head"].update(samples=10**6), "too large"),
        (lambda c: c["model"]["head"].update(samples="5"), "a whole number"),
    ],
)
def test_a_bundle_that_was_changed_is_refused(change, said, model_with, tmp_path, training):
    save_bundle(tmp_path, model_with(**DROPPED), spec_with(**DROPPED), training)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(Refusal, match=said):
        load_bundle(tmp_path)


def test_a_single_member_has_a_deviation_where_it_speaks_and_nothing_elsewhere(model_with):
    table = model_with().predict(TEXTS)
    columns = ["y", "active", "z", "kind=0", "kind=1", "kind=2"]
    assert list(table) == [*columns, *(f"{column}_std" for column in columns), "reason"]
    assert (table[["y_std", "z_std"]] > 0).all(axis=None)
    assert table[["active_std", "kind=1_std"]].isna().all(axis=None)
    silent = model_with(TASKS[1:2])
    assert not silent.has_std
    assert list(silent.predict(TEXTS)) == ["active", "reason"]


def test_atoms_and_bonds_have_a_deviation_too(model_with):
    plain = model_with(PARTS)
    table = plain.predict(TEXTS)
    assert list(table) == ["charge", "order", "charge_std", "order_std", "reason"]
    assert (table["charge_std"][0] > 0).all()
    assert np.isnan(table["order_std"][0]).all()
    sampled = model_with([*TASKS[:1], *PARTS], members=2, **DROPPED)
    levels = sampled.answers(featurize(TEXTS)[0])
    order = np.stack([member.bond for member in levels.means])
    own = np.stack([member.bond for member in levels.own])
    expected = np.sqrt(order.var(axis=0, ddof=1) + (own**2).mean(axis=0))
    found = sampled.predict(TEXTS[:1])
    np.testing.assert_allclose(found["order_std"][0], expected[:2, 0], rtol=1e-4)
    assert sampled.predict([]).shape == (0, 7)
    np.testing.assert_array_equal(
        np.stack([m.molecule for m in levels.means]), sampled.predict_members(featurize(TEXTS)[0])
    )


def test_only_molecules_that_speak_make_no_column_for_atoms(model_with):
    model = model_with([TASKS[0], PARTS[1]])
    assert list(model.predict(TEXTS)) == ["y", "y_std", "order", "reason"]


def test_bf16_ranks_by_the_mean_over_samples(model_with):
    assert 0.9 < agreement(model_with(**DROPPED), featurize(TEXTS)[0], 2) <= 1


def test_in_a_blend_the_networks_speak_and_the_others_count_as_sure(mixture_of, drugs):
    blend, _ = mixture_of("blend", members=2)
    tasks = [replace(blend.tasks[0], spread="variance"), *blend.tasks[1:]]
    for member in blend.members:
        member.head = MLPHead(member.head.layers[1].in_features, 6, hidden=8)
    given = {"shallow": blend.shallow, "blocks": blend.blocks, "shares": blend.shares}
    model = Predictor(blend.members, tasks, **given)
    graphs = featurize(drugs[:9], "parent", model.blocks)[0]
    each = model.predict_members(graphs)
    logits = model.scorer().logits(graphs)
    own = np.stack([said(of_one, tasks)[1] for of_one in logits])[..., 0]
    between = mean_and_spread(each, model.shares)
    mean, std = model.predict_graphs(graphs)
    np.testing.assert_array_equal(mean, between[0])
    variance = between[1][:, 0] ** 2 + 0.25 * (own**2).sum(axis=0)  # shares 1/4, 1/4 and 1/2
    np.testing.assert_allclose(std[:, 0], np.sqrt(variance))
    np.testing.assert_array_equal(std[:, 1:], between[1][:, 1:])
