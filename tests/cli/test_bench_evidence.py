"""``bench accuracy`` with ``--labels`` and ``--against``: the command itself, on tiny sets."""

import csv
import json

import pytest

from molgnn.cli.bench.against import changed
from molgnn.cli.main import main
from molgnn.train.run import run as train

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
