"""``molgnn bench encoders`` on tiny tables: what it trains, keeps and says, not how good it is."""

import json

import numpy as np
import pytest

import molgnn
from molgnn.cli.bench.encoders import judge_mean
from molgnn.cli.bench.standings import near, standings, table
from molgnn.cli.main import main
from molgnn.data.named.registry import read_named
from molgnn.data.tables.split import split
from molgnn.data.wishes import Wishes, make_tasks
from molgnn.train.run import run as train

PARTS = ["train"] * 12 + ["valid"] * 6 + ["test"] * 6
GCN = {"model": "network", "encoder": "gcn", "split": {"name": "column"}, "valid": "choose"}
ENCODERS = ["sgc", "gcn"]


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """24 alcohols and amines as esol and bbbp: their lengths, and which of the two they are; the
    same without a column of parts as lipo."""
    folder = tmp_path / "given" / "moleculenet"
    folder.mkdir(parents=True)
    smiles = ["C" * (2 + i // 2) + "ON"[i % 2] for i in range(24)]
    columns = {"esol": ("logS", len), "bbbp": ("p_np", lambda s: int(s.endswith("O")))}
    for name, (task, label) in columns.items():
        rows = [f"{s},{label(s)},{part}" for s, part in zip(smiles, PARTS, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join([f"smiles,{task},split", *rows]) + "\n")
    (folder / "lipo.csv").write_text("smiles,logD\nCC,1\nCCC,2\nCCCC,3\n")
    monkeypatch.setenv("MOLGNN_DATA", str(folder.parent))
    monkeypatch.setenv("MOLGNN_CACHE", str(tmp_path / "empty"))
    for picture in ("learning_curve", "predictions"):  # they take longer than all the rest
        monkeypatch.setattr(f"molgnn.train.plots.{picture}", lambda *_: None)
    return folder


@pytest.fixture
def bench(tables, tmp_path):
    def run(*flags, encoders=ENCODERS, data=("esol",), seeds=("0",), epochs="1"):
        chosen = ["--encoders", *encoders, "--data", *data, "--seeds", *seeds]
        more = ["--epochs", epochs, "--out", str(tmp_path / "out"), *flags]
        return main(["bench", "encoders", *chosen, *more])

    return run


@pytest.fixture
def trained(monkeypatch):
    """The (data set, encoder, seed) of each training, as they begin."""
    begun = []

    def watched(options, *rest, **named):
        begun.append((options.data.name, options.encoder["name"], options.seed))
        return train(options, *rest, **named)

    monkeypatch.setattr("molgnn.train.run.run", watched)
    return begun


def test_each_run_is_what_train_does_and_stands_in_one_table(bench, tmp_path, capsys):
    out = tmp_path / "figures.json"
    flags = {"data": ("esol", "bbbp"), "seeds": ("0", "1")}
    assert bench("--json", str(out), **flags) == 0
    rows = {(row["data"], row["model"]): row for row in json.loads(out.read_text())["rows"]}
    models = {*ENCODERS, "mean predictor", "random forest"}
    assert set(rows) == {(data, model) for data in ("esol", "bbbp") for model in models}
    alone = [molgnn.fit("esol", **GCN, epochs=1, seed=seed).metrics for seed in (0, 1)]
    row = rows["esol", "gcn"]
    for part in ("test", "valid"):
        figures = [metrics[part]["rmse"] for metrics in alone]
        assert row[part] == np.mean(figures)
        assert row[f"{part}_spread"] == pytest.approx(np.std(figures, ddof=1))
    assert rows["esol", "random forest"]["test"] == alone[0]["baseline"]["test"]["rmse"]
    assert rows["bbbp", "mean predictor"]["test"] == 0.5
    assert rows["bbbp", "sgc"]["seconds_per_epoch"] > 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / "table.txt").read_text()
    first, *rest = printed.splitlines()
    assert first.split() == [
        *("esol", "rmse:", "test", "valid", "s/epoch"),
        *("bbbp", "roc_auc:", "test", "valid", "s/epoch"),
    ]
    assert [line[:14].strip() for line in rest[:-1]] == [*ENCODERS, *sorted(models - {*ENCODERS})]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["runs.jsonl", "table.txt"]


def test_what_is_finished_is_not_trained_again(bench, trained, tmp_path, capsys):
    assert bench(seeds=("0", "1")) == 0
    assert trained == [("esol", e, seed) for seed in (0, 1) for e in ENCODERS]
    first = capsys.readouterr().out
    assert bench(seeds=("0", "1")) == 0
    assert capsys.readouterr() == (first, "")
    lines = (tmp_path / "out" / "runs.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "out" / "runs.jsonl").write_text("".join(lines[:-1]) + lines[-1][:-9])
    assert bench(seeds=("0", "1")) == 0  # the last line is torn, so the last run is made again
    assert trained[4:] == [("esol", "gcn", 1)]
    before, after = table_of(first), table_of(capsys.readouterr().out)
    assert [row[:-1] for row in after] == [row[:-1] for row in before]  # all but the seconds
    assert bench(epochs="2") == 0
    assert trained[5:] == [("esol", e, 0) for e in ENCODERS]


def table_of(text):
    return [line.split() for line in text.splitlines()[:-1]]


def test_a_bench_that_was_stopped_goes_on(bench, trained, tmp_path, monkeypatch, capsys):
    def stop(log, member, row):
        if trained[-1][1] == "gcn" and row["epoch"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr("molgnn.cli.epochs.EpochLog.__call__", stop)
        assert bench(epochs="3") == 130
    assert "the same command goes on" in capsys.readouterr().err
    seen = []
    with monkeypatch.context() as watching:
        watching.setattr(
            "molgnn.cli.epochs.EpochLog.__call__",
            lambda log, member, row: seen.append(row["epoch"]),
        )
        assert bench(epochs="3") == 0
    assert (trained[2:], seen) == ([("esol", "gcn", 0)], [3])
    alone = molgnn.fit("esol", **GCN, epochs=3, baseline=False)
    lines = (tmp_path / "out" / "runs.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["test"] == alone.metrics["test"]["rmse"]


@pytest.mark.parametrize(
    "flags, said",
    [
        ({"encoders": ("gcnn",)}, "unknown encoder 'gcnn': choose one of chebnet, dmpnn"),
        ({"data": ("esool",)}, "unknown dataset 'esool': choose one of bace, bbbp"),
        ({"data": ("esol", "hiv")}, "hiv is not on this machine: put hiv.csv"),
        ({"data": ("esol", "lipo")}, "lipo.csv: no column 'split' that says"),
        ({"epochs": "0"}, "fit.epochs=0: must be at least 1"),
        ({"seeds": ("-1",)}, "seed=-1: must not be negative"),
    ],
)
def test_a_mistake_is_refused_in_a_line_before_anything_is_trained(
    bench, trained, capsys, flags, said
):
    assert bench(**flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("molgnn: ")
    assert said in line
    assert trained == []


def test_a_file_of_runs_that_is_none_is_refused_with_its_line(bench, trained, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "runs.jsonl").write_text("{broken\n")
    assert bench() == 1
    assert "runs.jsonl line 1: not what `bench encoders` wrote" in capsys.readouterr().err
    assert trained == []


def test_the_mean_predictor_is_numpys(tables):
    for name, expected in (("esol", None), ("bbbp", 0.5)):
        dataset = read_named(name)
        parts = split(dataset.smiles, name="column", column_values=dataset.columns["split"])
        tasks = make_tasks(dataset.names, dataset.labels, dataset.bounds, parts.train, Wishes())
        figures = judge_mean(dataset, parts, tasks)
        for part in ("valid", "test"):
            y, mean = dataset.y[getattr(parts, part)], dataset.y[parts.train].mean()
            if expected is None:
                assert figures[part]["rmse"] == pytest.approx(np.sqrt(np.mean((y - mean) ** 2)))
            else:
                assert figures[part]["roc_auc"] == expected


def record(model, test, metric="rmse", **more):
    return {"data": "d", "model": model, "seed": 0, "metric": metric, "test": test} | {
        "valid": test + 1,
        **more,
    }


def test_near_the_best_is_within_a_twentieth_of_it_and_the_mean_predictor_is_a_floor():
    runs = [record("mean predictor", 2.0), record("random forest", 0.1)]
    for model, test in (("gin", 1.0), ("sgc", 1.05), ("gat", 1.06), ("gcn", 2.0)):
        runs.append(record(model, test, seconds_per_epoch=0.5))
    rows = {row["model"]: row for row in standings(runs)}
    assert [m for m, row in rows.items() if row["near_best"]] == ["gin", "sgc"]
    assert [m for m, row in rows.items() if row["beats_mean"] is False] == ["gcn"]
    assert rows["random forest"]["near_best"] is None  # no encoder, so not the best of them
    marks = {line.split()[0]: line.split()[1] for line in table(list(rows.values())).splitlines()}
    assert (marks["sgc"], marks["gat"], marks["gcn"]) == ("1.050*", "1.060", "2.000!")


def test_a_larger_roc_auc_is_better():
    runs = [record("mean predictor", 0.5, "roc_auc")]
    for model, test in (("gin", 0.8), ("sgc", 0.76), ("gat", 0.75), ("gcn", 0.5)):
        runs.append(record(model, test, "roc_auc", seconds_per_epoch=0.5))
    rows = {row["model"]: row for row in standings(runs)}
    assert [m for m, row in rows.items() if row["near_best"]] == ["gin", "sgc"]
    assert [m for m, row in rows.items() if row["beats_mean"] is False] == ["gcn"]
    assert near(0.76, 0.8, "roc_auc")
    assert not near(0.7599, 0.8, "roc_auc")


def test_a_table_of_an_unfinished_bench_says_so():
    runs = [record("gin", 1.0, seconds_per_epoch=0.5), record("gcn", 1.0, seconds_per_epoch=0.5)]
    assert "not finished" not in table(standings(runs))
    runs.append(record("gin", 1.2, seconds_per_epoch=0.7) | {"seed": 1})
    text = table(standings(runs))
    assert "not finished: figures are of 1 to 2 seeds" in text
    assert "1.100 +- 0.141" in text


def test_a_run_of_the_users_own_in_the_folder_stays(tables, tmp_path):
    own = tmp_path / "out" / "esol-gcn-0" / "config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    options = ["--data", "esol", "--encoders", "gcn", "--epochs", "1", "--seeds", "0"]
    assert main(["bench", "encoders", *options, "--out", str(tmp_path / "out")]) == 0
    assert own.read_text() == "mine"
    assert not (tmp_path / "out" / "unfinished").exists()
