"""The comparison of ``bench accuracy --against ARM``: of rows of a CSV, no run is made."""

import json

import numpy as np
import pytest
from scipy.stats import sem

from molgnn.cli.bench.against import as_data, changed, changes, comparison, missing, over_sets
from molgnn.cli.bench.suites import Case

ARMS = ["gae", "scratch", "forest"]
SETS = [
    *(("moleculenet", name) for name in ("esol", "bbbp")),
    *(("tdc", name) for name in ("caco2_wang", "cyp2c9_veith", "clearance_hepatocyte_az")),
    ("moleculeace", "X"),
]


def cases(*shares, seeds=(0, 1, 2), sets=SETS):
    return [Case(*name, seed, 0, share) for seed in seeds for share in shares for name in sets]


def rows(of, arms=ARMS, split=None, **figures):
    """A row for each metric of each run: at random, but an arm named in ``figures`` has those."""
    random = np.random.default_rng(5)
    return [
        {
            "suite": case.suite,
            "set": case.set,
            "split": split or case.split,
            "metric": metric,
            "model": arm,
            "seed": case.seed,
            "value": figures.get(arm, lambda _: random.uniform(0.4, 0.9))(case),
            "part": "test",
            "labels": case.share,
        }
        for case in of
        for arm in arms
        for metric in case.metrics
    ]


def table(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def test_changes_are_paired_by_seed_and_their_standard_error_is_that_of_scipy():
    of = cases(0.1, 1)
    given = rows(of)
    value = {(r["labels"], r["set"], r["model"], r["seed"]): r["value"]
             for r in given if r["metric"] != "rmse_cliffs"}  # fmt: skip
    found = changes(given[::-1], "scratch", ARMS, of)  # in any order of rows
    assert len(found) == 2 * len(SETS) * 2
    for change in found:
        at = change.case.share, change.case.set
        own, base = (
            np.array([value[*at, arm, seed] for seed in (0, 1, 2)])
            for arm in (change.arm, "scratch")
        )
        relative = change.case.metrics[0] in ("rmse", "mae")
        expected = 100 * (own / base - 1) if relative else 100 * (own - base)
        assert list(change.seeds.values()) == pytest.approx(expected)
        assert change.mean == pytest.approx(expected.mean())
        assert change.error == pytest.approx(sem(expected))
        gain = -expected.mean() if relative else expected.mean()
        assert change.worse == (gain < 0)
        assert change.verdict == (
            "worse" if gain < -sem(expected) else "better" if gain > sem(expected) else ""
        )


def test_what_a_seed_does_to_both_arms_drops_out():
    of = cases(1, seeds=range(5), sets=SETS[:2])
    noisy = rows(
        of,
        ["gae", "scratch"],
        scratch=lambda case: 1.0 + case.seed / 10,
        gae=lambda case: (1.0 + case.seed / 10) * (0.9 if case.set == "esol" else 1) + 0.0,
    )
    esol, bbbp = changes(noisy, "scratch", ["gae", "scratch"], of)
    assert (esol.mean, esol.error) == (pytest.approx(-10), pytest.approx(0, abs=1e-9))
    assert str(esol) == "-10.00 ± 0.00 better"
    assert str(bbbp) == "+0.00 ± 0.00"  # equal: neither better nor worse
    assert not bbbp.worse


@pytest.mark.parametrize("own", [0.1, 0.3, 0.4, 0.45, 0.7])
def test_a_tie_on_one_of_two_seeds_is_no_verdict(own):
    of = cases(1, seeds=(0, 1), sets=SETS[:2])
    given = rows(of, ARMS[:2], scratch=lambda _: 0.5, gae=lambda case: 0.5 if case.seed else own)
    assert [change.verdict for change in changes(given, "scratch", ARMS[:2], of)] == ["", ""]


def test_folds_of_a_seed_are_one_figure_and_those_of_all_predictions_none():
    folds = [Case("antibiotic", "ecoli", seed, fold) for seed in (0, 1) for fold in range(10)]
    one = {"gae": lambda case: 0.8 + case.fold / 100, "scratch": lambda case: 0.8}
    given = rows(folds, ARMS[:2], **one) + rows(folds[::10], ARMS[:2], split="pooled")
    (change,) = changes(given, "scratch", ARMS[:2], folds)
    assert change.seeds == {0: pytest.approx(4.5), 1: pytest.approx(4.5)}
    assert missing(given, ARMS[:2], folds) == {}


GOLDEN = """\
**against scratch**, test, 10 % of labels

| set | change of | gae | forest |
| --- | --- | --- | --- |
| esol | RMSE, % ↓ | -5.00 ± 15.00 | +10.00 ± 0.00 worse |
| bbbp | ROC-AUC, points ↑ | -2.50 ± 7.50 | +10.00 ± 0.00 better |
| caco2_wang | MAE, % ↓ | -5.00 ± 15.00 | +10.00 ± 0.00 worse |
| cyp2c9_veith | PR-AUC, points ↑ | -2.50 ± 7.50 | +10.00 ± 0.00 better |
| clearance_hepatocyte_az | Spearman, points ↑ | +50.00 ± 0.00 better | -50.00 ± 0.00 worse |
| X | RMSE, % ↓ | -5.00 ± 15.00 | +10.00 ± 0.00 worse |
| mean of 3 sets | RMSE and MAE, % ↓ | -5.00 | +10.00 |
| mean of 2 sets | ROC-AUC and PR-AUC, points ↑ | -2.50 | +10.00 |
| sets worse by more than one standard error |  | 0 of 6 | 4 of 6 |
| sets worse at all |  | 2 of 6 | 4 of 6 |

Mean ± standard error of the changes of 2 seeds; better, worse: by more than one standard error. \
%: of the error of scratch; points: hundredths of a score.\x20\x20
Spearman counts by itself: in neither mean, but among the sets worse.\x20\x20
A set counts by its first metric alone.
"""


def golden_rows(of):
    def gae(case):
        if case.metrics == ("spearman",):
            return 1.0
        return 0.55 if case.seed else 0.4

    def forest(case):
        if case.metrics == ("spearman",):
            return 0.0
        return 0.55 if case.metrics[0] in ("rmse", "mae") else 0.6

    return rows(of, gae=gae, scratch=lambda case: 0.5, forest=forest)


def test_given_rows_give_the_golden_tables_a_share_each():
    of = cases(0.1, 1, seeds=(0, 1))
    text = comparison(golden_rows(of), "scratch", ARMS, of)
    assert text.startswith(GOLDEN)
    few, whole = text.split("**against scratch**, ")[1:]
    assert whole.startswith("test, all labels\n")
    assert few.rstrip().splitlines()[1:] == whole.rstrip().splitlines()[1:]
    alone = comparison(golden_rows(cases(1, seeds=(0, 1))), "scratch", ARMS, cases(1, seeds=(0, 1)))
    assert alone.startswith("**against scratch**, test\n")


def test_where_a_run_is_missing_there_is_no_mean_of_that_set_nor_of_the_sets():
    of = cases(1)
    whole = rows(of)
    lacking = [r for r in whole if (r["set"], r["model"], r["seed"]) != ("esol", "gae", 2)]
    lacking = [r | {"value": None} if (r["set"], r["model"], r["seed"]) == ("bbbp", "forest", 0)
               else r for r in lacking]  # fmt: skip
    assert missing(lacking, ARMS, of) == {"gae": 1, "forest": 1}
    text = comparison(lacking, "scratch", ARMS, of)
    lines = {line[0]: line[2:] for line in table(text)}
    before = {line[0]: line[2:] for line in table(comparison(whole, "scratch", ARMS, of))}
    assert lines["esol"] == ["–", before["esol"][1]]
    assert lines["bbbp"] == [before["bbbp"][0], "–"]
    assert lines["mean of 3 sets"] == ["–", before["mean of 3 sets"][1]]
    assert lines["mean of 2 sets"] == [before["mean of 2 sets"][0], "–"]
    assert [cell.split(" of ")[1] for cell in lines["sets worse at all"]] == ["5", "5"]
    assert "missing: 2 of 54 figures (gae 1, forest 1): no mean" in text
    base = [r for r in whole if (r["set"], r["model"]) != ("esol", "scratch")]
    assert table(comparison(base, "scratch", ARMS, of))[2][2:] == ["–", "–"]


def test_one_seed_has_no_standard_error_and_no_verdict():
    of = cases(1, seeds=(4,))
    text = comparison(golden_rows(of), "scratch", ARMS, of)
    lines = {line[0]: line[2:] for line in table(text)}
    assert lines["esol"] == ["+10.00", "+10.00"]
    assert lines["sets worse by more than one standard error"] == ["–", "–"]
    assert lines["sets worse at all"] == ["3 of 6", "4 of 6"]
    assert "One seed, so no standard error and no verdict." in text


def test_the_change_of_an_error_of_zero_is_not_known():
    assert changed(0.5, 0.0, "rmse") is None
    assert changed(0.5, 0.0, "roc_auc") == 50
    assert changed(None, 0.5, "mae") is changed(0.5, None, "mae") is None


def test_the_data_hold_each_change_and_the_means_over_sets():
    of = cases(0.1, 1, seeds=(0, 1))
    found = as_data(golden_rows(of), "scratch", ARMS, of)
    assert len(found["against"]) == 2 * 6 * 2
    first = found["against"][0]
    assert first["changes"] == pytest.approx([-20, 10])
    assert {**first, "changes": 0, "mean": 0, "standard_error": 0} == {
        "labels": 0.1, "suite": "moleculenet", "set": "esol", "metric": "rmse", "arm": "gae",
        "against": "scratch", "unit": "%", "seeds": [0, 1], "verdict": "",
        "changes": 0, "mean": 0, "standard_error": 0,
    }  # fmt: skip
    assert (first["mean"], first["standard_error"]) == (pytest.approx(-5), pytest.approx(15))
    gae = [c for c in changes(golden_rows(of), "scratch", ARMS, of)
           if (c.arm, c.case.share) == ("gae", 0.1)]  # fmt: skip
    over = {"labels": 0.1, "arm": "gae", "against": "scratch", **over_sets(gae)}
    assert found["against_over_sets"][0] == over
    json.dumps(found, allow_nan=False)
