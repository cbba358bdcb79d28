"""``molgnn bench accuracy`` on tiny suites: what it trains, keeps and says, not how good it is."""

import csv
import gzip
import json
import re

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import molgnn
from molgnn.cli.bench import arms as the_arms
from molgnn.cli.bench.arms import arms_of, pieces
from molgnn.cli.main import main
from molgnn.errors import Refusal
from molgnn.train.run import run as train

SMALL = ["model=network", "encoder=sgc", "encoder.dim=8", "encoder.depth=1", "fit.epochs=1"]
PARTS = ["train"] * 12 + ["valid"] * 6 + ["test"] * 6
CHAINS = ["C" * (2 + i // 2) + "ON"[i % 2] for i in range(24)]
RINGS = [
    f"{'C' * i}{ring}" for ring in ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CC1") for i in range(6)
]


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def suites(tmp_path, monkeypatch):
    """Every suite with a set or two of 24 to 48 chains and rings, laid out as the real ones."""
    data = tmp_path / "given"
    for name, label in (("esol", len), ("bbbp", lambda s: int(s.endswith("O")))):
        rows = [(s, label(s), part) for s, part in zip(CHAINS, PARTS, strict=True)]
        write(data / "moleculenet" / f"{name}.csv", ("smiles", "y, of course", "split"), rows)
    for part, smiles in (("train_val", RINGS), ("test", [*CHAINS[:5], CHAINS[4]])):
        rows = [(f"d{i}", s, len(s) / 10) for i, s in enumerate(smiles)]
        write(data / "tdc" / "caco2_wang" / f"{part}.csv", ("Drug_ID", "Drug", "Y"), rows)
    for name in ("CHEMBL1_Ki", "CHEMBL2_Ki"):
        rows = [(s, 1, len(s), i % 2, "test" if i % 4 == 0 else "train")
                for i, s in enumerate(CHAINS)]  # fmt: skip
        head = ("smiles", "exp_mean [nM]", "y", "cliff_mol", "split")
        write(data / "moleculeace" / f"{name}.csv", head, rows)
    rows = [("CHEMBL1_Ki", 0.9, 99), ("CHEMBL2_Ki", 0.7, 99)]
    write(data / "moleculeace" / "published_rmse.csv", ("", "Chemprop", "RF"), rows)
    rows = [(s, int(i % 4 == 0)) for i, s in enumerate(CHAINS + RINGS)]
    write(data / "antibiotic" / "ecoli.csv", ("smiles", "activity"), rows)
    monkeypatch.setenv("MOLGNN_DATA", str(data))
    for picture in ("learning_curve", "predictions"):  # they take longer than all the rest
        monkeypatch.setattr(f"molgnn.train.plots.{picture}", lambda *_: None)
    return data


@pytest.fixture
def bench(suites, tmp_path):
    def run(suite, *flags, out="out"):
        chosen = ["bench", "accuracy", "--suite", *suite.split(), "--set", *SMALL]
        return main([*chosen, "--out", str(tmp_path / out), *flags])

    return run


@pytest.fixture
def trained(monkeypatch):
    """(set, seed, encoder) of each training, as they begin."""
    begun = []

    def watched(options, *rest, **named):
        begun.append((options.data.name, options.seed, options.encoder["name"]))
        return train(options, *rest, **named)

    monkeypatch.setattr("molgnn.train.run.run", watched)
    return begun


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_each_run_is_what_train_does_and_stands_in_csv_tables_and_json(bench, tmp_path, capsys):
    file, out = tmp_path / "figures.json", tmp_path / "out"
    flags = ("--sets", "esol", "bbbp", "--seeds", "0", "1", "--arms", "default", "gin:encoder=gin")
    assert bench("moleculenet", *flags, "--json", str(file)) == 0
    rows = rows_of(out / "accuracy.csv")
    assert list(rows[0])[:8] == [
        "suite",
        "set",
        "split",
        "metric",
        "model",
        "seed",
        "value",
        "seconds",
    ]
    assert [(r["set"], r["metric"], r["model"], r["seed"]) for r in rows] == [
        (name, metric, arm, seed)
        for seed in "01"
        for name, metric in (("esol", "rmse"), ("bbbp", "roc_auc"))
        for arm in ("default", "gin")
    ]
    assert {(r["suite"], r["split"], r["part"]) for r in rows} == {
        ("moleculenet", "scaffold", "test")
    }
    alone = molgnn.fit(
        tmp_path / "given" / "moleculenet" / "esol.csv",
        targets=["y, of course"],
        split={"name": "column"},
        model="network",
        encoder={"name": "gin", "dim": 8, "depth": 1},
        epochs=1,
        seed=1,
        valid="judge",
        baseline=False,
    )
    assert float(rows[5]["value"]) == alone.metrics["test"]["rmse"]
    for row in rows:
        spent = float(row["train_seconds"]) + float(row["predict_seconds"])
        assert 0 < float(row["seconds"]) == pytest.approx(spent)
    printed = capsys.readouterr().out
    assert printed == (out / "tables.md").read_text()
    assert printed.splitlines()[-1].startswith("moleculenet: bars met: default ")
    assert [r["value"] for r in json.loads(file.read_text())["rows"]] == [
        float(r["value"]) for r in rows
    ]
    assert not (out / "unfinished").exists()


def test_what_is_finished_is_not_trained_again_and_other_options_are_another_run(
    bench, trained, tmp_path, capsys
):
    flags = ("--sets", "esol", "--seeds", "0", "1")
    assert bench("moleculenet", *flags) == 0
    assert trained == [("esol", 0, "sgc"), ("esol", 1, "sgc")]
    first = capsys.readouterr().out
    assert bench("moleculenet", *flags) == 0
    assert capsys.readouterr() == (first, "")
    kept = tmp_path / "out" / "runs.jsonl"
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[:-1]) + lines[-1][:-9])
    assert bench("moleculenet", *flags) == 0  # the last line is torn, so its run is made again
    assert trained[2:] == [("esol", 1, "sgc")]
    assert bench("moleculenet", *flags, "--arms", "again", "wide:encoder.dim=9") == 1
    assert (
        bench("moleculenet", *flags, "--arms", "again:data.recipe=parent", "wide:encoder.dim=9")
        == 0
    )
    assert trained[3:] == [("esol", 0, "sgc"), ("esol", 1, "sgc")]  # of the arm wide alone
    table = tmp_path / "given" / "moleculenet" / "esol.csv"
    table.write_text(table.read_text().replace("CCO,3", "CCO,4"))
    assert bench("moleculenet", *flags) == 0
    assert len(trained) == 7


def test_runs_of_two_folders_join_in_a_third(bench, trained, tmp_path):
    assert bench("moleculenet", "--sets", "esol", "--seeds", "0", out="a") == 0
    assert bench("moleculenet", "--sets", "esol", "--seeds", "1", out="b") == 0
    (tmp_path / "c").mkdir()
    text = "".join((tmp_path / name / "runs.jsonl").read_text() for name in "ab")
    (tmp_path / "c" / "runs.jsonl").write_text(text)
    assert bench("moleculenet", "--sets", "esol", "--seeds", "0", "1", out="c") == 0
    assert len(trained) == 2
    assert len(rows_of(tmp_path / "c" / "accuracy.csv")) == 2


def test_a_bench_that_was_stopped_goes_on_in_the_middle_of_a_run(
    bench, tmp_path, monkeypatch, capsys
):
    flags = ("moleculenet", "--sets", "esol", "--seeds", "0", "1", "--set", "fit.epochs=3")
    assert bench(*flags, out="whole") == 0
    epochs = []

    def stopping(options, folder, **named):
        def epoch_done(member, row):
            epochs.append((options.seed, row["epoch"]))
            if epochs == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]:
                raise KeyboardInterrupt

        return train(options, folder, **named, epoch_done=epoch_done)

    monkeypatch.setattr("molgnn.train.run.run", stopping)
    assert bench(*flags) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert "not finished: 1 of 2 runs" in (tmp_path / "out" / "tables.md").read_text()
    assert bench(*flags) == 0
    assert epochs[5:] == [(1, 3)]
    values = [
        [r["value"] for r in rows_of(tmp_path / out / "accuracy.csv")] for out in ("whole", "out")
    ]
    assert values[0] == values[1]


def test_the_part_valid_reads_no_test_row_and_gives_the_figures_of_the_whole_run(bench, tmp_path):
    assert bench("moleculenet", "--sets", "esol", "--seeds", "0", "--part", "valid") == 0
    out = tmp_path / "out"
    (table,) = (out / "tables").iterdir()
    assert {row["split"] for row in rows_of(table)} == {"train", "valid"}
    assert sorted(path.name for path in out.iterdir() if path.name != "lock") == [
        "accuracy-valid.csv", "runs.jsonl", "tables", "tables-valid.md",
    ]  # fmt: skip
    (row,) = rows_of(out / "accuracy-valid.csv")
    whole = molgnn.fit(
        tmp_path / "given" / "moleculenet" / "esol.csv",
        targets=["y, of course"],
        split={"name": "column"},
        model="network",
        encoder={"name": "sgc", "dim": 8, "depth": 1},
        epochs=1,
        baseline=False,
    )
    assert (row["part"], float(row["value"])) == ("valid", whole.metrics["valid"]["rmse"])
    assert "bars are of test sets" in (out / "tables-valid.md").read_text()


def test_every_test_row_counts_even_of_one_molecule(bench, tmp_path):
    assert bench("tdc", "--sets", "caco2_wang", "--seeds", "0") == 0
    (line,) = (tmp_path / "out" / "runs.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["molecules"], list(record["figures"])) == (6, ["mae"])
    assert record["options"]["fit"]["baseline"] is False


def test_cliffs_have_a_figure_of_their_own_and_the_sets_a_mean(bench, tmp_path, monkeypatch):
    seen = {}

    def kept(options, *rest, **named):
        done = train(options, *rest, **named)
        judged = done.predictions[done.predictions["split"] == "test"]
        error = (judged["y"] - judged["y (measured)"]).to_numpy()
        cliff = np.array([CHAINS.index(s) % 2 == 1 for s in judged["smiles"]])
        seen[options.data.name] = (error, cliff)
        return done

    rows = [(s, 1, len(s), i % 2, "test" if i % 3 == 0 else "train") for i, s in enumerate(CHAINS)]
    for name in ("CHEMBL1_Ki", "CHEMBL2_Ki"):
        head = ("smiles", "exp_mean [nM]", "y", "cliff_mol", "split")
        write(tmp_path / "given" / "moleculeace" / f"{name}.csv", head, rows)
    monkeypatch.setattr("molgnn.train.run.run", kept)
    assert bench("moleculeace", "--seeds", "0") == 0
    found = {(r["set"], r["metric"]): float(r["value"])
             for r in rows_of(tmp_path / "out" / "accuracy.csv")}  # fmt: skip
    for name, (error, cliff) in seen.items():
        assert found[name, "rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert found[name, "rmse_cliffs"] == pytest.approx(np.sqrt(np.mean(error[cliff] ** 2)))
    lines = (tmp_path / "out" / "tables.md").read_text().splitlines()
    (mean,) = (line for line in lines if line.startswith("| mean of 2 sets | RMSE ↓"))
    value = np.mean([found[name, "rmse"] for name in seen])
    assert mean.split(" | ")[2:] == [f"{value:.3f}", "0.800", "99.000 |"]


def test_ten_folds_give_their_mean_and_the_figures_of_all_predictions_together(bench, tmp_path):
    assert bench("antibiotic", "--seeds", "3") == 0
    records = [json.loads(x) for x in (tmp_path / "out" / "runs.jsonl").read_text().splitlines()]
    assert len(records) == 10
    y, p = (np.concatenate([r["pairs"][i] for r in records]) for i in (0, 1))
    assert (len(y), y.sum()) == (48, 12)
    rows = {(r["split"], r["metric"]): float(r["value"])
            for r in rows_of(tmp_path / "out" / "accuracy.csv")}  # fmt: skip
    assert rows["pooled", "roc_auc"] == pytest.approx(roc_auc_score(y, p))
    assert rows["pooled", "pr_auc"] == pytest.approx(average_precision_score(y, p))
    text = (tmp_path / "out" / "tables.md").read_text()
    mean = np.mean([rows[f"fold {fold}", "pr_auc"] for fold in range(10)])
    assert f"| ecoli | PR-AUC, mean of folds ↑ | {mean:.3f} |" in text
    assert f"| ecoli | PR-AUC, pooled ↑ | {rows['pooled', 'pr_auc']:.3f} |" in text


def test_a_file_of_the_users_own_is_not_replaced(bench, trained, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tables.md").write_text("my notes")
    assert bench("moleculenet", "--sets", "esol", "--seeds", "0", out="mine") == 1
    assert "tables.md: would be replaced, and is of no bench" in capsys.readouterr().err
    assert (tmp_path / "mine" / "tables.md").read_text() == "my notes"
    assert not trained


def test_a_dry_run_says_what_is_to_do_and_trains_nothing(bench, trained, tmp_path, capsys):
    flags = ("--sets", "esol", "caco2_wang", "--seeds", "0")
    assert bench("moleculenet", "--sets", "esol", "--seeds", "0") == 0
    capsys.readouterr()
    assert bench("moleculenet tdc", *flags, "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "moleculenet esol seed 0 default: done",
        "tdc caco2_wang seed 0 default: to do",
    ]
    assert len(trained) == 1
    assert bench("antibiotic", "--dry-run", "--arms", "default", "b:loss=focal", out="no") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 * 10 * 2
    assert lines[1] == "antibiotic ecoli seed 0 fold 0 b: to do"
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    "suite, flags, said",
    [
        ("moleculenet", (), "freesolv.csv: no such file: put it there, or leave freesolv out"),
        ("moleculenet", ("--sets", "esool"), "unknown set 'esool': choose one of bbbp, esol"),
        ("moleculenet", ("--sets", "esol", "--arms", "gni"), "unknown arm 'gni': choose one of"),
        ("moleculenet", ("--sets", "esol", "--arms", "a:encoder=gni"), "unknown encoder 'gni'"),
        ("moleculenet", ("--sets", "esol", "--arms", "default", "default"), "a name of its own"),
        (
            "moleculenet",
            ("--sets", "esol", "--set", "fit.epoch=1"),
            "option of fit 'epoch'",
        ),
        ("moleculenet", ("--sets", "esol", "--members", "0"), "fit.members=0: must be at least 1"),
        ("moleculenet", ("--sets", "esol", "--seeds", "-1"), "seed=-1: must not be negative"),
    ],
)
def test_a_mistake_is_refused_in_a_line_before_anything_is_trained(
    bench, trained, capsys, suite, flags, said
):
    assert bench(suite, *flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("molgnn: ")
    assert said in line
    assert trained == []


def test_without_the_folder_of_data_it_says_which_variable_names_it(bench, monkeypatch, capsys):
    monkeypatch.setenv("MOLGNN_DATA", "nowhere")
    assert bench("tdc") == 1
    assert "MOLGNN_DATA=nowhere: no such folder: name the folder" in capsys.readouterr().err
    monkeypatch.delenv("MOLGNN_DATA")
    assert bench("tdc") == 1
    assert "MOLGNN_DATA is not set: name the folder" in capsys.readouterr().err


def test_an_arm_is_a_name_and_overrides_of_which_the_last_of_a_key_counts():
    assert pieces("a=[1,2],b={c: 3, d: 4},e='x,y',f=1") == [
        "a=[1,2]", "b={c: 3, d: 4}", "e='x,y'", "f=1",
    ]  # fmt: skip
    arms = arms_of(["default", "g:encoder=gin,fit.epochs=2"], ["encoder=sgc", "fit.epochs=1"])
    found = {name: (o.encoder["name"], o.fit.epochs, o.fit.baseline) for name, o in arms.items()}
    assert found == {"default": ("sgc", 1, False), "g": ("gin", 2, False)}
    assert arms["default"].data.repeats == "keep"
    with pytest.raises(Refusal, match="name of its own"):
        arms_of([":encoder=gin"], [])


def test_a_bare_name_is_a_choice_of_the_group_model(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "forest.yaml").write_text("name: forest\n")
    monkeypatch.setattr(the_arms, "files", lambda package: tmp_path)
    monkeypatch.setattr(the_arms, "_composed", lambda overrides: overrides)
    found = arms_of(["default", "forest", "trees:model=forest"], [])
    assert found["forest"] == found["trees"] == [*found["default"], "model=forest"]
    with pytest.raises(Refusal, match=r"choose one of NAME:KEY=VALUE,KEY=VALUE, default, forest"):
        arms_of(["boost"], [])


def test_validation_molecules_are_learnt_from_where_the_protocol_allows_it(bench, tmp_path):
    """Once, not twice: the first training of ``refit`` would tell nothing that is asked for."""
    sets = ["--seeds", "0", "--sets", "caco2_wang"]
    assert bench("moleculenet tdc moleculeace", *sets, "esol", "CHEMBL1_Ki") == 0
    assert bench("tdc", *sets, "--part", "valid") == 0
    assert bench("tdc", *sets, "--arms", "chosen:fit.valid=choose") == 0
    records = [json.loads(s) for s in (tmp_path / "out" / "runs.jsonl").read_text().splitlines()]
    found = {(r["case"]["suite"], r["part"]): r["options"]["fit"]["valid"] for r in records[:-1]}
    assert found == {
        ("moleculenet", "test"): "judge",
        ("tdc", "test"): "learn",
        ("tdc", "valid"): "judge",
        ("moleculeace", "test"): "learn",
    }
    assert records[-1]["options"]["fit"]["valid"] == "choose"


SHALLOW = "model.parts=[mean,neighbours,linear],model.features=[morgan]"


def test_the_parts_of_a_blend_stand_beside_it_as_if_trained_without_the_others(bench, tmp_path):
    arms = [
        f"all:{SHALLOW}",
        "two:model.parts=[mean,linear],model.features=[morgan]",
        "one:model.parts=[neighbours]",
        "blend:model.parts=[network,mean],fit.members=2",
        "networks:fit.members=2",
    ]
    asked = ("moleculenet", "--sets", "esol", "bbbp", "--seeds", "0", "--by-part", "--arms", *arms)
    for part in ("test", "valid"):
        assert bench(*asked, "--part", part, out=part) == 0
        (csv_file,) = (tmp_path / part).glob("accuracy*.csv")
        for name in ("esol", "bbbp"):
            rows = {r["model"]: r for r in rows_of(csv_file) if r["set"] == name}
            value = {model: float(row["value"]) for model, row in rows.items()}
            assert value["all, without neighbours"] == pytest.approx(value["two"], abs=1e-12)
            assert value["all, neighbours alone"] == pytest.approx(value["one"], abs=1e-12)
            assert value["blend, network alone"] == pytest.approx(value["networks"], abs=1e-12)
            assert "blend, without mean" not in value  # it is the network alone
            assert len({value[f"all, {part} alone"] for part in ("mean", "linear")}) == 2
            assert not [model for model in rows if model.startswith("one,")]
            assert rows["all, mean alone"]["seconds"] == ""
            assert float(rows["all"]["seconds"]) > 0


def test_runs_on_record_without_their_parts_are_made_again_when_these_are_asked_for(
    bench, tmp_path, capsys
):
    asked = ("moleculenet", "--sets", "esol", "--seeds", "0", "--arms", f"all:{SHALLOW}")
    assert bench(*asked) == 0
    plain = (tmp_path / "out" / "tables.md").read_text()
    capsys.readouterr()
    assert bench(*asked, "--by-part", "--dry-run") == 0
    assert "to do" in capsys.readouterr().out
    assert bench(*asked, "--by-part") == 0
    assert "all, without linear" in (tmp_path / "out" / "tables.md").read_text()
    capsys.readouterr()
    assert bench(*asked) == 0  # its parts are on record and not asked for
    assert "without" not in (tmp_path / "out" / "tables.md").read_text()
    assert plain.splitlines()[2] == (tmp_path / "out" / "tables.md").read_text().splitlines()[2]


def test_parts_of_folds_are_refused_on_valid(bench, capsys):
    folded = f"all:{SHALLOW},fit.folds=3"
    assert bench("moleculenet", "--by-part", "--part", "valid", "--arms", folded) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "--by-part: arm 'all' has fit.folds" in line


@pytest.mark.parametrize(
    "line", ["5", "{}", '{"key": []}', '{"key": "x", "figures": {"rmse": "1"}}', "[" * 5000]
)
def test_a_record_that_no_bench_wrote_is_refused_with_its_line(line, bench, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "runs.jsonl").write_text(line + "\n")
    assert bench("moleculenet", "--sets", "esol", "--seeds", "0") == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "runs.jsonl line 1: not what `bench accuracy` wrote" in said


@pytest.mark.parametrize(
    "suite, file, text, said",
    [
        ("tdc", "tdc/caco2_wang/test.csv", "Drug_ID,Y\na,1\n", "no column 'Drug'"),
        ("tdc", "tdc/caco2_wang/test.csv", "Drug_ID,Drug,Y\n", "no row below the header"),
        ("tdc", "tdc/caco2_wang/test.csv", "", "not readable as CSV"),
        ("moleculenet", "moleculenet/esol.csv", "smiles,y\nC,1\n", "no column 'split'"),
        ("moleculenet", "moleculenet/esol.csv", '"\0\n\n', "not readable as CSV|no column"),
        ("moleculeace", "moleculeace/CHEMBL1_Ki.csv", "smiles,y,split\n", "no column 'cliff_mol'"),
        ("moleculeace", "moleculeace/published_rmse.csv", ",RF\nCHEMBL1_Ki,x\n", "not a table"),
        ("antibiotic", "antibiotic/ecoli.csv", "smiles,activity\nC,yes\n", "must be 0 or 1"),
    ],
)
def test_a_damaged_table_is_refused_before_anything_is_trained(
    suite, file, text, said, bench, suites, trained, capsys
):
    (suites / file).write_text(text)
    sets = ["--sets", file.split("/")[1].removesuffix(".csv")] if "published" not in file else []
    assert bench(suite, *sets, "--seeds", "0") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said, line)
    assert file.split("/")[-1] in line
    assert trained == []


def test_a_cut_archive_is_refused(bench, suites, capsys):
    path = suites / "moleculenet" / "esol.csv"
    packed = gzip.compress(path.read_bytes())
    path.with_suffix(".csv.gz").write_bytes(packed[: len(packed) // 2])
    assert bench("moleculenet", "--sets", "esol", "--seeds", "0") == 1
    assert "esol.csv.gz: not a whole gzip file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["data=esol", "data.split.name=random", "seed=7", "out=x", "data.repeats=mean"]
)
def test_what_the_protocol_says_cannot_be_set(option, bench, capsys):
    assert bench("moleculenet", "--set", option) == 1
    assert f"{option}: the benchmark's own protocol" in capsys.readouterr().err
    assert bench("moleculenet", "--arms", f"a:{option}") == 1
