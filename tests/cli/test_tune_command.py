"""``molgnn tune``: Hydra's grammar around a search, and its winner given back to `molgnn train`."""

import json
import shlex
import signal
import subprocess
import sys

import pytest
import yaml

from molgnn.cli.main import main
from molgnn.cli.tune import override
from molgnn.cli.tuned import expanded
from molgnn.errors import Refusal

TINY = ["model=network", "encoder.dim=8", "encoder.depth=2", "fit.epochs=10", "fit.baseline=false"]
SPACE = """
readout:
  choices: [sum, mean]
optim:
  lr: {low: 2e-3, high: 0.05, log: true}  # the default, 0.001, lies outside
head:
  hidden: {low: 8, high: 32, step: 8}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


@pytest.fixture
def words(here):
    """A search on forty chains with a label that grows along them."""
    lines = [f"{'C' * (1 + i % 20)}{'O' * (i // 20)},{0.1 * i:.1f}" for i in range(40)]
    (here / "lib,v2.csv").write_text("\n".join(["smiles,y", *lines]) + "\n")
    data = ["data=csv", "data.path='lib,v2.csv'", "data.split.name=random", "data.targets=[y]"]
    return ["tune", *data, *TINY, "space=space.yaml", "out=study"]


def code_of(words):
    """The exit code: Hydra's own run ends in SystemExit, ours returns."""
    try:
        return main(words)
    except SystemExit as stop:
        return stop.code


def test_the_line_that_it_prints_trains_the_winner(words, here, capsys):
    assert main([*words, "trials=6", "prune=none"]) == 0
    out, err = capsys.readouterr()
    counts, best, _, how = out.splitlines()
    assert counts == "6 trials: 6 complete; study: trials.csv, study.png"
    value = float(best.split()[4])
    assert value < float(best.split()[-1].rstrip(")"))  # the default configuration's
    assert len([line for line in err.splitlines() if line.startswith("trial ")]) == 6
    command = shlex.split(how.partition(": ")[2])
    assert command == ["molgnn", "train", "tuned=study/best.yaml"]
    assert code_of([*command[1:], "out=run"]) == 0
    metrics = json.loads((here / "run" / "metrics.json").read_text())
    assert metrics["valid"]["rmse"] == pytest.approx(value, abs=1e-3)
    chosen = yaml.safe_load((here / "run" / "config.yaml").read_text())
    found = yaml.safe_load((here / "study" / "best.yaml").read_text())["overrides"]
    assert f"optim.lr={chosen['optim']['lr']}" in found
    assert f"readout={chosen['readout']['name']}" in found
    assert code_of(["train", "tuned=study/best.yaml", "optim.lr=0.5", "out=other"]) == 0
    chosen = yaml.safe_load((here / "other" / "config.yaml").read_text())
    assert chosen["optim"]["lr"] == 0.5  # what is given has the last word


def test_the_same_command_with_more_trials_goes_on(words, capsys):
    assert main([*words, "trials=1"]) == 0
    assert main([*words, "trials=2"]) == 0
    assert "study: 1 of 2 trials are done" in capsys.readouterr().err
    assert main([*words, "trials=2", "space.optim.lr.low=0.005"]) == 1
    assert "holds a study with space.optim.lr.low: 0.002, not 0.005" in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(words, here):
    """A real one, in a process of its own: SIGTERM, which does the same and needs no terminal."""
    start = [sys.executable, "-m", "molgnn.cli.main", *words, "trials=1000"]
    process = subprocess.Popen(start, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("trial 1 "):
            process.send_signal(signal.SIGTERM)
            break
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 130
    assert said.splitlines()[-1] == (
        "molgnn: interrupted: study keeps the trials that are done; the same command goes on"
    )
    done = len((here / "study" / "trials.csv").read_text().splitlines()) - 1
    assert main([*words, f"trials={done + 1}"]) == 0
    assert len((here / "study" / "trials.csv").read_text().splitlines()) == done + 2


def test_what_is_given_is_not_tuned_and_what_is_struck_out_neither(words, here, capsys):
    assert main([*words, "trials=2", "optim.lr=0.01", "~space.head"]) == 0
    assert "given, so not tuned: optim.lr" in capsys.readouterr().err
    head = (here / "study" / "trials.csv").read_text().splitlines()[0]
    assert head == "number,state,value,seconds,default,readout,reason"


def test_without_a_folder_the_study_lies_below_runs_by_the_name_of_the_data(words, here):
    assert main([*words[:-1], "trials=1"]) == 0
    assert (here / "runs" / "tune" / "lib,v2" / "best.yaml").exists()


@pytest.mark.parametrize(
    "more, said",
    [
        (["trials=many"], "trials=many: must be a whole number"),
        (["trials=2.5"], "trials=2.5: must be a whole number"),
        (["workers=some"], "workers=some: must be a whole number, or auto"),
        (["trial=3"], "unknown option 'trial'"),
        (["space.optim.rate.low=1"], "unknown option of space.optim 'rate'"),
        (["+space.optim.rate.low=1", "+space.optim.rate.high=2"], "'optim.rate': choose one of"),
        (["space=none.yaml"], "space=none.yaml: no such file"),
        (["space=lib,v2.csv"], "space"),
        (["metric=rsme"], "unknown metric 'rsme'"),
        (["encoder=transformer"], "unknown encoder 'transformer'"),
        (["--multirun"], "without dashes"),
        (["readout=sum", "optim.lr=1", "head.hidden=8"], "nothing is left to tune"),
        (["force=perhaps"], "force=perhaps: must be true or false"),
        (["out="], "out= is empty"),
        (["mine.csv"], "to train on a table"),
    ],
)
def test_a_mistake_is_answered_in_one_line(words, more, said, here, capsys):
    assert main([*words, *more]) == 1
    err = capsys.readouterr().err.splitlines()
    assert said in err[-1]
    assert all(line.startswith(("molgnn: ", "given, so")) for line in err)
    assert not (here / "study").exists()


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "no such file: molgnn tune writes it"),
        ("a: [", "not a file that molgnn tune wrote"),
        ("overrides: {a: 1}", "not a file that molgnn tune wrote"),
        ("overrides: [1]", "it has no overrides"),
    ],
)
def test_a_file_that_is_no_winner_is_refused(here, text, said):
    if text is not None:
        (here / "best.yaml").write_text(text)
    with pytest.raises(Refusal, match=said):
        expanded(["tuned=best.yaml"])


def test_the_winner_s_options_come_before_those_given(here):
    (here / "best.yaml").write_text("overrides: [a=1, b=2]")
    assert expanded(["-m", "tuned=best.yaml", "b=3,4"]) == ["a=1", "b=2", "-m", "b=3,4"]
    assert expanded(["b=3"]) == ["b=3"]
    with pytest.raises(Refusal, match="give one file"):
        expanded(["tuned=best.yaml", "tuned=best.yaml"])


@pytest.mark.parametrize(
    "value", [0.001, 1e-06, 3, True, None, "sum", "null", "it's, C#N", ["a", 1], {"y": [1, 5]}]
)
def test_a_value_is_typed_so_that_hydra_reads_the_same(value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (parsed,) = OverridesParser.create().parse_overrides([override("a.b", value)])
    assert parsed.value() == value


def test_help_shows_the_options_and_the_space(capsys):
    assert main(["tune", "--help"]) == 0
    said = capsys.readouterr().out
    assert "trials: 50" in said
    assert "lr: {low: 0.0002, high: 0.005, log: true}" in said
