"""A wheel built from the checkout works from any folder: configs, models, data, type marker."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def run(words, cwd, **environment):
    """Run a command in ``cwd``, without the checkout on its path."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MOLGNN"))}
    words = [str(word) for word in words]
    done = subprocess.run(
        words, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sources(folder, pattern):
    return {str(path.relative_to(ROOT / folder)) for path in (ROOT / folder).rglob(pattern)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that the checkout stays clean; needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    copy.mkdir()
    for name in ("molgnn", "conf", "data", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, copy], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """molgnn(words, cwd): the command line of the wheel, installed apart from the checkout."""
    target = tmp_path_factory.mktemp("site")
    run([*PIP, "install", "--no-deps", "--no-index", "--target", target, wheel], target)

    def molgnn(words, cwd):
        start = [sys.executable, "-m", "molgnn.cli.main"]
        return run([*start, *words], cwd, PYTHONPATH=str(target))

    molgnn.target = target
    return molgnn


def test_the_wheel_holds_every_module_config_model_and_data_file(wheel):
    names = set(ZipFile(wheel).namelist())
    wanted = {f"molgnn/{name}" for name in sources("molgnn", "*.py")}
    wanted |= {f"molgnn/conf/{name}" for name in sources("conf", "*.yaml")}
    wanted |= {
        f"molgnn/shipped/{n}" for p in ("*.smi", "*.csv", "*.md") for n in sources("data", p)
    }
    wanted |= {f"molgnn/{name}" for name in sources("molgnn", "*.js")}
    for kind in ("bundled", "pretrained_models"):
        models = (ROOT / "molgnn" / "models" / kind).glob("*/*")
        wanted |= {f"molgnn/{p.relative_to(ROOT / 'molgnn')}" for p in models}
    assert wanted - names == set()
    assert "molgnn/py.typed" in names


def test_the_wheel_holds_nothing_else(wheel):
    names = ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"molgnn"}
    assert [name for name in names if "__pycache__" in name or "test" in name] == []
    assert wheel.stat().st_size < 30e6


def test_every_package_of_the_tree_is_named_in_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = set(project["tool"]["setuptools"]["packages"])
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "molgnn").rglob("__init__.py")
    }
    assert named == there | {"molgnn.conf", "molgnn.shipped"}


def test_the_installed_package_is_the_wheels_with_its_data(installed, tmp_path):
    code = (
        "import molgnn\nfrom molgnn.data.named.registry import find\n"
        "print(molgnn.__file__, find('solubility').path)"
    )
    out = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(installed.target))
    module, table = map(Path, out.split())
    assert module == installed.target / "molgnn" / "__init__.py"
    assert table == installed.target / "molgnn" / "shipped" / "solubility.csv"
    assert table.read_bytes() == (ROOT / "data" / "solubility.csv").read_bytes()


def test_it_trains_and_screens_from_any_folder(installed, tmp_path):
    lines = (ROOT / "data" / "solubility.csv").read_text().splitlines()
    (tmp_path / "mine.csv").write_text("\n".join([lines[0], *lines[1::20]]) + "\n")
    table = ("data=csv", "data.path=mine.csv", "data.targets=[logS]")
    tiny = ("encoder.dim=8", "encoder.depth=2", "fit.epochs=1")
    installed(["train", *table, "fit=quick", *tiny, "out=run"], tmp_path)
    assert (tmp_path / "run" / "metrics.json").is_file()
    (tmp_path / "lib.smi").write_text("CCO ethanol\nc1ccccc1 benzene\nbad row\nCCCCCC hexane\n")
    words = ["screen", "run", "lib.smi", "--top", "2", "--out", "hits", "--workers", "0"]
    installed([*words, "--quiet"], tmp_path)
    hits = pd.read_csv(tmp_path / "hits" / "hits.csv")
    assert hits["rank"].tolist() == [1, 2]
    assert set(hits["id"]) < {"ethanol", "benzene", "hexane"}


def test_the_bundled_model_screens_from_any_folder(installed, tmp_path):
    if not (ROOT / "molgnn" / "models" / "bundled" / "solubility").is_dir():
        pytest.skip("no model called solubility is bundled yet")
    (tmp_path / "lib.smi").write_text("CCO ethanol\nCCCCCCCCCCCC dodecane\nc1ccccc1 benzene\n")
    words = ["screen", "solubility", "lib.smi", "--top", "3", "--out", "hits", "--workers", "0"]
    installed([*words, "--quiet"], tmp_path)
    hits = pd.read_csv(tmp_path / "hits" / "hits.csv")
    assert hits["id"].tolist() == ["ethanol", "benzene", "dodecane"]
