"""The README is the manual: what it shows runs, what it lists exists."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from molgnn.cli.main import COMMANDS, HYDRAS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_its_first_screen_holds_the_two_commands_that_ci_runs():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for block in blocks("sh")[:2] for line in block.splitlines()]
    assert len(commands) == 2
    assert README.index(commands[1]) < 1200
    assert all(command in ci for command in commands)


def test_its_python_runs(tmp_path):
    code = blocks("python")[0]
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data" / "approved_drugs.smi", tmp_path / "data")
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:molgnn", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "not valid SMILES" in done.stdout
    assert "rmse" in done.stdout
    assert (tmp_path / "hits_py" / "report.html").exists()
    assert (tmp_path / "runs" / "two" / "model" / "config.json").exists()


def test_its_estimators_run(tmp_path):
    (code,) = (block for block in blocks("python") if "molgnn.sklearn" in block)
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data" / "solubility.csv", tmp_path / "data")
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:molgnn", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "best: {'encoder': " in done.stdout
    assert "['insoluble' 'soluble'] [[0." in done.stdout
    assert (tmp_path / "runs" / "estimator" / "config.json").exists()


def test_every_module_is_in_its_file_tree():
    listed = set(re.findall(r"^ +(\w+\.py) ", README, re.MULTILINE))
    there = {path.name for path in (ROOT / "molgnn").rglob("*.py")} - {"__init__.py"}
    assert listed == there


def test_every_command_has_its_place_in_it():
    assert all(f"molgnn {command}" in README or f"· {command}" in README for command in COMMANDS)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in HYDRAS])
def test_flags_that_it_names_exist(command):
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    used = {
        word
        for line in lines
        for words in [shlex.split(line.partition("&& molgnn")[2] or line, comments=True)]
        if command in words[:2]
        for word in words
        if word.startswith("--")
    }
    shown = subprocess.run(
        [sys.executable, "-m", "molgnn.cli.main", command, "--help"], capture_output=True, text=True
    ).stdout
    assert all(flag in shown for flag in used)


def test_train_lines_compose():
    from molgnn.cli.train import check

    lines = [
        shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()
    ]
    trains = [
        words[2:]
        for words in lines
        if words[:2] == ["molgnn", "train"]
        and "-m" not in words
        and not any(word.startswith("tuned=") for word in words)  # a file of the reader's own
    ]
    assert len(trains) > 4
    for overrides in trains:
        check(overrides)


def test_nothing_in_it_waits_to_be_filled_in():
    assert not re.search(r"[A-Z]+_(HERE|TABLE)|TODO|FIXME", README)


def test_tune_lines_compose(monkeypatch, tmp_path):
    from molgnn.cli import tune

    monkeypatch.chdir(tmp_path)
    searched = []

    def noted(search, out, **options):
        searched.append((search, out))
        raise KeyboardInterrupt  # enough: it would begin to read molecules now

    monkeypatch.setattr("molgnn.train.tuning.tune.tune", noted)
    lines = [
        shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()
    ]
    for words in (words[2:] for words in lines if words[:2] == ["molgnn", "tune"]):
        assert tune.run(words) == 130
    assert len(searched) > 2
    assert "encoder.depth" not in {option.key for option in searched[-1][0].space}
