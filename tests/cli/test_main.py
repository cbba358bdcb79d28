"""The dispatcher: quick help, exit codes, one line for a refusal."""

import json
import subprocess
import sys

import pytest

import molgnn
from molgnn.cli import main as dispatcher
from molgnn.cli.main import COMMANDS, HYDRAS, main

HEAVY = ("torch", "numpy", "rdkit", "pandas", "pyarrow", "sklearn", "matplotlib", "hydra", "rich")


def loaded_by(*words):
    """Which heavy packages ``molgnn WORDS`` has imported when it is done, and its exit code."""
    code = (
        "import json, sys\n"
        "from molgnn.cli.main import main\n"
        "try:\n    code = main(sys.argv[1:])\n"
        "except SystemExit as stop:\n    code = stop.code\n"
        f"print(json.dumps([code, [m for m in {HEAVY} if m in sys.modules]]))"
    )
    words = [sys.executable, "-c", code, *words]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["screen", "--help"], ["train", "--help"], ["tune", "--help"], []],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_help_imports_nothing_heavy(words):
    assert loaded_by(*words) == [0 if words else 2, []]


def test_importing_molgnn_and_its_workers_imports_no_torch():
    code = (
        "import sys, molgnn\n"
        "assert not {'torch', 'numpy', 'rdkit'} & set(sys.modules)\n"
        "import molgnn.data.pool.workers, molgnn.chem.depict, molgnn.chem.scaffold\n"
        "assert 'rdkit' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(command, capsys):
    if command in HYDRAS:
        assert main([command, "--help"]) == 0
    else:
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
    assert f"usage: molgnn {command}" in capsys.readouterr().out


def test_the_overview_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert all(f"    {command} " in said for command in COMMANDS)


@pytest.mark.parametrize("words", [["dance"], ["--fast"], ["screen"], ["predict", "a", "b", "-x"]])
def test_wrong_usage_exits_with_2_and_says_why(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("molgnn")
    assert said.err.endswith("--help)\n")
    assert said.err.count("\n") == 1  # no list of all flags


def test_no_command_prints_the_overview_and_exits_with_2(capsys):
    assert main([]) == 2
    assert "commands" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"molgnn {molgnn.__version__}\n"


@pytest.mark.parametrize(
    "words, said",
    [
        (["predict", "no-such-model", "a.smi"], "unknown model 'no-such-model'"),
        (["screen", "no-such-model", "a.smi"], "unknown model 'no-such-model'"),
        (["train", "encoder=transformer"], "unknown encoder 'transformer'"),
        (["train", "data=csv"], "data.path is missing"),
        (["tune", "data=csv"], "data.path is missing"),
        (["tune", "space=wide"], "unknown space 'wide': choose one of standard"),
        (["data", "fetch", "esoll"], "unknown dataset 'esoll'"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_1(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.smi").write_text("C\n")
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("molgnn: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_an_error_of_our_own_is_not_hidden_as_a_refusal(monkeypatch):
    def broken(name):
        raise ValueError("a bug")

    monkeypatch.setattr(dispatcher, "import_module", broken)
    with pytest.raises(ValueError, match="a bug"):
        main(["models"])


def test_models_lists_what_is_bundled(capsys):
    from molgnn.models.bundle import bundled
    from molgnn.models.pretrained import pretrained_models

    known = [*bundled(), *pretrained_models()]
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == known
    assert main(["models", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == known


def test_the_verbs_of_the_package_are_those_of_the_command_line():
    assert callable(molgnn.load)
    assert callable(molgnn.fit)
    assert callable(molgnn.tune)
    assert callable(molgnn.evaluate)
    assert callable(molgnn.screen)
    assert callable(molgnn.latent_space)
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        molgnn.guess  # noqa: B018
