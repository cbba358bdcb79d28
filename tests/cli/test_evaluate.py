"""``molgnn evaluate``: its grammar, what it says, and how it stops and goes on."""

import json
import subprocess
import sys

import pytest

from molgnn.cli.evaluate import SPLITS, FoldLog, duration
from molgnn.cli.main import main
from molgnn.data.tables.folds import RULES
from molgnn.train import crossval

TINY = ["model=network", "encoder.dim=8", "encoder.depth=2", "head.hidden=8", "fit.epochs=1"]
TINY += ["fit.baseline=false"]


@pytest.fixture
def evaluate(tmp_path):
    """evaluate(words...) -> exit code, on 24 alcohols and amines and their lengths."""
    smiles = ["C" * (2 + i // 2) + "ON"[i % 2] for i in range(24)]
    path = tmp_path / "mine.csv"
    rows = [f"{s},{len(s)},{int(s.endswith('O'))}" for s in smiles]
    path.write_text("\n".join(["smiles,y,alcohol", *rows]) + "\n")
    data = ["data=csv", f"data.path={path}", *TINY]

    def run(*words, targets="[y]", folds="3", repeats="1"):
        common = [*data, f"data.targets={targets}", *words]
        more = ["--folds", folds, "--repeats", repeats, "--out", str(tmp_path / "cv")]
        return main(["evaluate", *common, *more])

    return run


def test_two_configurations_are_compared_in_words_and_files(evaluate, tmp_path, capsys):
    assert evaluate("--a", "encoder=gcn", "--b", "encoder=sgc readout=mean") == 0
    said = capsys.readouterr()
    rows = said.out.splitlines()
    assert rows[0] == "24 molecules, 1 x 3 folds, random: mean ± standard deviation over folds"
    assert rows[1].split()[:2] == ["rmse", "mae"]
    assert rows[2].startswith("a ")
    assert rows[2].endswith("encoder=gcn")
    assert rows[3].endswith("encoder=sgc readout=mean")
    summary = json.loads((tmp_path / "cv" / "summary.json").read_text())
    assert rows[4] == summary["comparisons"][0]["words"]
    options = summary["configs"]["b"]["options"]
    assert (options["encoder"]["name"], options["readout"]["name"]) == ("sgc", "mean")
    assert options["encoder"]["dim"] == 8
    names = {path.name for path in (tmp_path / "cv").iterdir()}
    assert names == {"folds.csv", "folds.jsonl", "summary.json", "comparison.png",
                     "oof_a.parquet", "oof_b.parquet", "predictions"}  # fmt: skip
    progress = said.err.splitlines()
    assert [line.partition(": rmse")[0] for line in progress] == [
        f"fold {fold} of 3, {name}" for fold in (1, 2, 3) for name in "ab"
    ]
    assert progress[-1].endswith("; 0 s left)")


def test_one_configuration_alone_has_figures_and_no_verdict(evaluate, capsys):
    words = ["--quiet", "--metric", "pr_auc", "--split", "stratified"]
    assert evaluate("encoder=gcn", *words, targets="[alcohol]") == 0
    said = capsys.readouterr()
    assert said.err == ""
    rows = said.out.splitlines()
    assert "stratified" in rows[0]
    assert rows[1].split()[:2] == ["pr_auc", "roc_auc"]
    assert [row.split()[0] for row in rows[2:]] == ["a", "results:"]


def test_ctrl_c_leaves_what_goes_on_and_says_how(evaluate, tmp_path, monkeypatch, capsys):
    learn, begun = crossval.learn, []

    def interrupted_at_the_second(job):
        begun.append(job)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return learn(job)

    monkeypatch.setattr(crossval, "learn", interrupted_at_the_second)
    assert evaluate() == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"molgnn: interrupted: the same command goes on with the folds not yet in {tmp_path / 'cv'}"
    )
    assert evaluate() == 0
    assert len(begun) == 4
    assert capsys.readouterr().out.startswith("24 molecules")


@pytest.mark.parametrize(
    "words, said",
    [
        (["data.split.name=random"], "the folds are dealt by --split, --folds, --repeats and"),
        (["out=runs/x"], "the folder is given by --out"),
        (["--a", "encoder=transformer"], "unknown encoder 'transformer'"),
        (["--b", "encoder.dimm=3"], "unknown option of encoder 'dimm'"),
        (["--b", "encoder"], "encoder: options are written key=value"),
        (["--b", "data.repeats=first"], "data.repeats is mean in the one, first in the other"),
        (["--metric", "roc_auc"], "unknown metric of these targets 'roc_auc'"),
        (["--seed", "-1"], "seed -1: at least 0"),
        (["--split", "scaffold"], "3 folds of 1 scaffolds leave too few to train"),
    ],
)
def test_mistakes_are_refused_in_one_line_and_leave_nothing(
    evaluate, tmp_path, capsys, words, said
):
    assert evaluate(*words) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "cv").exists()


def test_the_splits_it_offers_are_those_there_are():
    assert set(SPLITS) == set(RULES)


def test_its_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom molgnn.cli.main import main\n"
        "try:\n    main(['evaluate', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'numpy', 'rdkit', 'hydra'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_time_left_is_that_of_the_folds_left_by_configuration(capsys):
    log = FoldLog("rmse", 5, 2)
    record = {"repeat": 1, "fold": 0, "figures": {"rmse": 0.5}}
    log({"config": "a", "seconds": 10.0, **record}, ["b", "a", "b"])
    assert capsys.readouterr().err == (
        "repeat 2 of 2, fold 1 of 5, a: rmse 0.5000 (10 s; 30 s left)\n"
    )
    log({"config": "b", "seconds": 200.0, **record, "figures": {}}, ["a", "b"])
    assert capsys.readouterr().err.endswith("b: nothing to measure (3 min; 4 min left)\n")
    assert duration(7200) == "2.0 h"
