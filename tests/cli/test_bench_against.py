"""``bench accuracy --against ARM``: the comparison by itself, and the command with ``--labels``."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import sem

from molgnn.cli.bench.against import as_data, changed, changes, comparison, missing, over_sets
from molgnn.cli.bench.suites import Case
from molgnn.cli.main import main
from molgnn.train.run import run as train

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


RINGS = [f"{'C' * i}{ring}" for ring in ("c1ccccc1", "C1CCCCC1", "C1CC1") for i in range(12)]
CHAINS = ["C" * (2 + i // 2) + "ON"[i % 2] for i in range(60)]
FAST = [f"{part}:model.parts=[{part}],model.features=[morgan]" for part in ("mean", "neighbours")]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """The command on esol, bbbp and caco2_wang of chains and rings, by arms that take no time."""
    data = tmp_path / "given"
    part = (["train"] * 6 + ["valid"] * 2 + ["test"] * 2) * 6
    for name, label in (("esol", len), ("bbbp", lambda s: int(s.endswith("O")))):
        write(data / "moleculenet" / f"{name}.csv", ("smiles", "y", "split"),
              [(s, label(s), p) for s, p in zip(CHAINS, part, strict=True)])  # fmt: skip
    for name, few in (("train_val", RINGS), ("test", CHAINS[:20])):
        write(data / "tdc" / "caco2_wang" / f"{name}.csv", ("Drug_ID", "Drug", "Y"),
              [("x", s, len(s) / 10) for s in few])  # fmt: skip
    monkeypatch.setenv("MOLGNN_DATA", str(data))
    for picture in ("learning_curve", "predictions"):
        monkeypatch.setattr(f"molgnn.train.plots.{picture}", lambda *_: None)

    def run(*flags, suites="moleculenet"):
        asked = ["bench", "accuracy", "--suite", *suites.split(), "--arms", *FAST]
        return main([*asked, "--out", str(tmp_path / "out"), *flags])

    return run


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_the_command_trains_on_shares_and_compares_the_arms(bench, tmp_path, capsys):
    sets, file = ("--sets", "bbbp", "caco2_wang", "--seeds", "0", "1"), tmp_path / "f.json"
    suites = "moleculenet tdc"
    assert bench(*sets, suites=suites) == 0  # all labels, as ever
    before = capsys.readouterr().out
    kept = tmp_path / "out" / "runs.jsonl"
    lines = kept.read_text()
    asked = (*sets, "--labels", "0.25", "1", "--against", "mean")
    assert bench(*asked, "--dry-run", suites=suites) == 0
    dry = capsys.readouterr().out.splitlines()
    assert "moleculenet bbbp seed 0, 25 % of labels, mean: to do" in dry
    assert "moleculenet bbbp seed 0 mean: done" in dry
    assert len(dry) == 16
    assert bench(*asked, "--json", str(file), suites=suites) == 0
    assert kept.read_text().startswith(lines)
    assert len(kept.read_text().splitlines()) == 16
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / "tables.md").read_text()
    titles = [line for line in printed.splitlines() if line.startswith("**")]
    assert titles == [
        "**moleculenet**, test, 25 % of labels", "**tdc**, test, 25 % of labels",
        "**moleculenet**, test, all labels", "**tdc**, test, all labels",
        "**against mean**, test, 25 % of labels", "**against mean**, test, all labels",
    ]  # fmt: skip
    assert before.replace("test\n", "test, all labels\n") in printed
    data = json.loads(file.read_text())
    found = {(r["labels"], r["set"], r["model"], r["seed"]): r["value"] for r in data["rows"]}
    assert len(found) == 16
    for line in data["against"]:
        own, base = ([found[line["labels"], line["set"], arm, s] for s in (0, 1)]
                     for arm in ("neighbours", "mean"))  # fmt: skip
        assert line["changes"] == [
            changed(*pair, line["metric"]) for pair in zip(own, base, strict=True)
        ]
    few = [r for r in data["rows"] if (r["set"], r["labels"]) == ("caco2_wang", 0.25)]
    assert few[0]["value"] != few[2]["value"]  # another seed draws other rows
    with open(tmp_path / "out" / "accuracy.csv", newline="") as table:
        assert {row["labels"] for row in csv.DictReader(table)} == {"0.25", "1"}


def test_what_is_not_finished_is_said_and_not_compared(bench, tmp_path, monkeypatch):
    def stopping(options, *rest, **named):
        if options.seed == 1:
            raise KeyboardInterrupt
        return train(options, *rest, **named)

    monkeypatch.setattr("molgnn.train.run.run", stopping)
    asked = ("--sets", "esol", "--seeds", "0", "1", "--against", "mean")
    assert bench(*asked) == 130
    text = (tmp_path / "out" / "tables.md").read_text()
    assert "| esol | RMSE, % ↓ | – |" in text
    assert "missing: 2 of 4 figures (mean 1, neighbours 1)" in text
    assert text.endswith("not finished: 2 of 4 runs\n")


def test_of_a_share_every_test_row_is_judged(bench, tmp_path):
    assert bench("--sets", "esol", "--seeds", "0", "--labels", "0.25") == 0
    records = (tmp_path / "out" / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["molecules"] for line in records] == [12, 12]
    assert json.loads(records[0])["case"]["share"] == 0.25


@pytest.mark.parametrize(
    "flags, said",
    [
        (("--against", "scratch"), "unknown arm of --against 'scratch': choose one of mean, neigh"),
        (("--against", "mean", "--arms", "mean:fit.epochs=1"), "it is the only arm"),
        (("--labels", "0"), "--labels 0: give shares above 0 and up to 1"),
        (("--labels", "1", "1.5"), "--labels 1.5: give shares"),
        (("--labels", "nan"), "--labels nan: give shares"),
    ],
)
def test_a_mistake_is_refused_in_a_line_before_anything_is_trained(flags, said, bench, capsys):
    assert bench("--sets", "esol", *flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_share_that_is_given_twice_counts_once(bench, capsys):
    assert bench("--sets", "esol", "--seeds", "0", "--labels", "1", "1.0", ".5", "--dry-run") == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
