"""The applicability domain of runs: the rule on data whose truth is known, and what runs write."""

import json

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molgnn.data.levels import Levels
from molgnn.data.targets import Task
from molgnn.models.domain import Rule
from molgnn.train import domain
from molgnn.train.domain import learn_rule, sides, task_errors

RNG = np.random.default_rng(0)


def molecules(n, error_of):
    """n similarities, and errors about ``error_of`` them."""
    similarity = RNG.uniform(0.1, 0.9, n)
    return similarity, error_of(similarity) * RNG.exponential(1.0, n)


# The rule.


def test_a_step_of_the_error_is_found():
    similarity, error = molecules(2000, lambda s: np.where(s < 0.35, 2.0, 0.5))
    rule = learn_rule(similarity, error, "m")
    assert rule.rule == "error"
    assert rule.threshold == pytest.approx(0.35, abs=0.01)
    assert rule.outside.error / rule.inside.error == pytest.approx(4.0, rel=0.15)
    assert rule.inside.count + rule.outside.count == 2000


@pytest.mark.parametrize("step, share", [(0.17, 0.1), (0.8, 0.5)])
def test_a_tenth_to_a_half_of_the_validation_molecules_is_outside(step, share):
    similarity, error = molecules(2000, lambda s: np.where(s < step, 3.0, 0.5))
    rule = learn_rule(similarity, error, "m")
    assert rule.rule == "error"
    assert rule.outside.count == pytest.approx(2000 * share, abs=1)


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_where_the_error_does_not_fall_a_tenth_is_outside(slope):
    similarity, error = molecules(500, lambda s: 1 + slope * s)
    rule = learn_rule(similarity, error, "m")
    assert rule.rule == "quantile"
    assert rule.outside.count == 50
    assert rule.threshold == np.quantile(similarity, 0.1)


def test_few_molecules_show_no_dependence_and_fewer_no_quantile():
    similarity = np.linspace(0.1, 0.9, 19)
    assert learn_rule(similarity, 1 - similarity, "m").rule == "quantile"
    similarity = np.linspace(0.1, 0.9, 20)
    assert learn_rule(similarity, 1 - similarity, "m").rule == "error"
    known = np.linspace(0, 1, 101)
    rule = learn_rule(similarity[:9], similarity[:9], "m", lambda: known)
    assert (rule.rule, rule.threshold) == ("leave-one-out", pytest.approx(0.05))
    assert learn_rule(similarity[:9], similarity[:9], "m") is None


def test_errors_that_are_missing_do_not_count():
    similarity, error = molecules(300, lambda s: np.where(s < 0.4, 2.0, 0.5))
    more = np.concatenate([similarity, np.zeros(500)])
    missing = np.concatenate([error, np.full(500, np.nan)])
    assert learn_rule(more, missing, "m") == learn_rule(similarity, error, "m")


def test_a_molecule_at_the_threshold_is_inside():
    inside, outside = sides(np.array([0.2, 0.4, 0.6]), np.array([3.0, 1.0, 2.0]), 0.4)
    assert (inside.count, inside.error, outside.count, outside.error) == (2, 1.5, 1, 3.0)
    inside, outside = sides(np.array([0.2]), np.array([np.nan]), 0.4)
    assert (inside.count, inside.error, outside.count, outside.error) == (0, None, 0, None)


# Errors.


def test_errors_are_absolute_and_of_classes_the_log_loss_and_bounds_have_none():
    tasks = [
        Task("y", "regression"),
        Task("a", "binary", classes=("0", "1")),
        Task("k", "multiclass", classes=("x", "y", "z")),
    ]
    labels = np.array([[1.0, 1, 2], [np.nan, 0, np.nan], [2.0, np.nan, 0], [5.0, 1, 0]])
    signs = np.zeros((4, 3), dtype=np.int8)
    signs[3, 0] = 1
    outputs = np.array([[0.5, 0.8, 0.1, 0.2, 0.7], [9, 0.3, 0.2, 0.2, 0.6],
                        [4.0, 0.1, 0.5, 0.3, 0.2], [0.0, 0.0, 1.0, 0.0, 0.0]])  # fmt: skip
    found = task_errors(*map(Levels.of_molecules, (labels, signs, outputs)), tasks)
    expected = [
        [0.5, -np.log(0.8), -np.log(0.7)],
        [np.nan, -np.log(0.7), np.nan],
        [2.0, np.nan, -np.log(0.5)],
        [np.nan, -np.log(1e-6), 0.0],
    ]
    np.testing.assert_allclose(found, expected)


def test_the_error_of_a_molecule_is_the_mean_over_its_atoms():
    offsets = np.array([0, 2, 2, 5])
    none = np.zeros((3, 0)), np.zeros((0, 0)), np.zeros(4, dtype=int)

    def of(values):
        return Levels(none[0], np.array(values)[:, None], none[1], offsets, none[2])

    labels, signs = of([1.0, 2.0, 3.0, np.nan, 5.0]), of([0, 0, 0, 0, 0])
    task = Task("q", "regression", level="atom")
    found = task_errors(labels, signs, of([1.5, 2.5, 3.0, 9.0, 7.0]), [task])
    np.testing.assert_allclose(found[:, 0], [0.5, np.nan, 1.0])


# Runs.


def nearest_of(asked, known):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    bits = {t: generator.GetFingerprint(Chem.MolFromSmiles(t)) for t in {*asked, *known}}
    others = [bits[text] for text in known]
    return np.array([max(DataStructs.BulkTanimotoSimilarity(bits[text], others)) for text in asked])


@pytest.mark.parametrize("valid", ["judge", "refit"])
def test_the_rule_is_learnt_on_validation_and_judged_on_test(table, fit, valid):
    run = fit(table(), valid=valid)
    found = json.loads((run.folder / "metrics.json").read_text())["domain"]
    assert run.model.rule == Rule.from_json(found)
    assert (run.folder / "domain.png").read_bytes().startswith(b"\x89PNG")
    frame = run.predictions.assign(error=lambda f: (f["y"] - f["y (measured)"]).abs())
    train, held, test = (frame[frame["split"] == part] for part in ("train", "valid", "test"))
    # The validation molecules were judged by a model that had seen train alone, then learnt from.
    similarity = nearest_of(held["smiles"], train["smiles"])
    assert run.model.rule == learn_rule(similarity, held["error"].to_numpy(), "absolute error")
    assert run.model.rule.rule == "quantile"  # of twelve molecules
    known = pd.concat([train, held]) if valid == "refit" else train
    near = nearest_of(test["smiles"], known["smiles"])
    inside = near >= found["threshold"]
    assert found["parts"]["test"]["inside"]["count"] == inside.sum()
    assert found["parts"]["test"]["inside"]["error"] == pytest.approx(test["error"][inside].mean())
    out = found["parts"]["valid"]
    assert out["ratio"] == pytest.approx(out["outside"]["error"] / out["inside"]["error"])
    again = run.model.predict(test["smiles"], domain=True)
    np.testing.assert_array_equal(again["nearest_similarity"], near)
    assert again["in_domain"].tolist() == inside.tolist()
    assert run.model.rule.words() in (run.folder / "model" / "README.md").read_text()


def test_without_validation_it_is_learnt_from_the_training_molecules_alone(table, fit):
    run = fit(table(), valid="learn")
    frame = run.predictions
    known = frame[frame["split"] == "train"]["smiles"].tolist()
    assert len(known) == 68
    apart = [nearest_of([t], known[:i] + known[i + 1 :])[0] for i, t in enumerate(known)]
    assert run.model.rule.rule == "leave-one-out"
    assert run.model.rule.threshold == pytest.approx(np.quantile(apart, 0.05))
    assert "5 % of the training molecules" in run.model.rule.words()
    assert set(run.metrics["domain"]["parts"]) == {"test"}


def test_in_folds_a_molecule_is_compared_to_those_of_other_folds(table, fit):
    run = fit(table(), folds=3)
    frame = run.predictions.query("split == 'valid'")
    error = (frame["y"] - frame["y (measured)"]).abs().to_numpy()
    near = np.zeros(len(frame))
    for fold in (1, 2, 3):
        own = (frame["fold"] == fold).to_numpy()
        near[own] = nearest_of(frame["smiles"][own], frame["smiles"][~own])
    assert run.model.rule == learn_rule(near, error, "absolute error")


def test_several_tasks_count_alike_whatever_their_units(table, fit):
    def larger(rows):
        for row in rows:
            row["y"] = str(1000 * float(row["y"]))

    rules = [
        fit(table(change, f"{name}.csv"), ["y", "active"], out=name, seed=1).metrics["domain"]
        for name, change in (("a", lambda rows: None), ("b", larger))
    ]
    for one, other in zip(*(r["parts"].values() for r in rules), strict=True):
        assert one["inside"]["error"] == pytest.approx(other["inside"]["error"], rel=1e-3)
    assert "mean over the tasks" in rules[0]["measure"]
    both = rules[0]["parts"]["valid"]
    total = sum(both[s]["count"] * (both[s]["error"] or 0) for s in ("inside", "outside"))
    assert total / 12 == pytest.approx(1.0)


def test_one_run_learns_one_rule(table, fit):
    one, other = (fit(table(), ["active", "kind"], out=name) for name in ("a", "b"))
    assert one.metrics["domain"] == other.metrics["domain"]
    for file in ("model/config.json", "domain.png"):
        assert (one.folder / file).read_bytes() == (other.folder / file).read_bytes()


def test_a_large_part_is_sampled(table, fit, monkeypatch):
    whole = fit(table(), out="a").metrics["domain"]["parts"]["valid"]
    monkeypatch.setattr(domain, "SAMPLE", 10)
    some = fit(table(), out="b").metrics["domain"]["parts"]["valid"]
    assert sum(whole[side]["count"] for side in ("inside", "outside")) == 12
    assert sum(some[side]["count"] for side in ("inside", "outside")) == 10


def test_the_summary_of_a_run_says_where_the_domain_ends(table, fit):
    from molgnn.cli.figures import domain as said
    from molgnn.cli.figures import summary

    run = fit(table())
    found = run.metrics["domain"]
    (line,) = [line for line in summary(run) if line.startswith("domain: ")]
    test = found["parts"]["test"]
    assert f"{found['threshold']:.2f} or more to a training molecule" in line
    assert f"({test['inside']['count']})" in line
    assert f"{test['outside']['error']:.3g} outside" in line
    assert said({**found, "parts": {}}) == [line.partition(";")[0]]
    assert said(None) == []
