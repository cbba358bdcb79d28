"""Models of every kind on the command line: the same numbers, and pages that tell the truth."""

import json
import shutil

import pandas as pd
import pytest

import molgnn
from molgnn.cli.main import main

TINY = ["fit=quick", "encoder.dim=8", "encoder.depth=2", "fit.epochs=1", "fit.baseline=false"]
HEADS = {"blend": "(2 networks, boosting, linear)", "forest": "(forest)", "hybrid": None}


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Forty chains with a label that grows along them."""
    monkeypatch.chdir(tmp_path)
    lines = [f"{'C' * (1 + i % 20)}{'O' * (i // 20)},{0.1 * i:.1f}" for i in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(["smiles,y", *lines]) + "\n")
    return ["data=csv", "data.path=mine.csv", "data.targets=[y]", "data.split.name=random"]


def train(words):
    try:
        return main(["train", *words])
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize("model", HEADS)
def test_train_predict_and_screen_of_a_model(model, table, tmp_path, capsys):
    few = [] if model == "hybrid" else ["model.features=[morgan]", "model.trees=10"]
    assert train([*table, f"model={model}", *few, *TINY, "out=run"]) == 0
    said = capsys.readouterr().err
    assert ("epoch 1: loss" in said) == (model != "forest")
    assert main(["predict", "run", "mine.csv", "--out", "p.csv", "--quiet"]) == 0
    assert main(["screen", "run", "mine.csv", "--top", "40", "--out", "hits", "--quiet"]) == 0
    smiles = pd.read_csv("mine.csv")["smiles"]
    wanted = molgnn.load("run").predict(smiles)["y"]
    predicted = pd.read_csv("p.csv")
    column = [c for c in predicted.columns if c.startswith("y") and "std" not in c][-1]
    assert predicted[column].tolist() == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-6)
    hits = pd.read_csv(tmp_path / "hits" / "hits.csv")
    scores = dict(zip(hits["smiles"], hits["score"], strict=True))
    for text, value in zip(smiles, wanted, strict=True):
        assert scores[text] == pytest.approx(value, rel=1e-5, abs=1e-6)
    told = json.loads((tmp_path / "hits" / "manifest.json").read_text())["model"]
    assert told["networks"] == {"hybrid": 1, "blend": 2}.get(model, 0)
    assert told["others"] == {"blend": ["boosting", "linear"], "forest": ["forest"]}.get(model, [])
    assert told["members"] == told["networks"] + len(told["others"])
    blocks = ["rdkit2d"] if model == "hybrid" else ["morgan", "rdkit2d"]
    assert told["features"] == blocks
    page = (tmp_path / "hits" / "report.html").read_text()
    assert (f"</b> {HEADS[model]}</p>" if HEADS[model] else "</b></p>") in page


@pytest.mark.parametrize("model", ["blend", "forest"])
def test_models_lists_what_predicts(model, table, tmp_path, monkeypatch, capsys):
    assert train([*table, f"model={model}", "model.features=[morgan]", *TINY, "out=run"]) == 0
    shutil.copytree("run/model", "bundled/mine")
    monkeypatch.setattr(
        "molgnn.models.bundle.bundled", lambda: {"mine": tmp_path / "bundled" / "mine"}
    )
    capsys.readouterr()
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    what = "forest" if model == "forest" else "1 x dmpnn, 1 x dmpnn with rdkit2d, boosting, linear"
    assert f"  {what}, molecules: 32 train" in shown
