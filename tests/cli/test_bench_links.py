"""``molgnn bench links`` end to end on a small graph: what it prints, keeps and refuses."""

import json

import pytest
import torch

from molgnn.cli.bench.links import PUBLISHED, table
from molgnn.cli.main import main
from molgnn.data.named.planetoid import CitationGraph


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Four groups of papers in the place of Cora and Citeseer."""
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(80) % 4
    pairs = torch.triu_indices(80, 80, offset=1)
    chance = torch.where(group[pairs[0]] == group[pairs[1]], 0.5, 0.01)
    edges = pairs[:, torch.rand(len(chance), generator=generator) < chance]
    graph = CitationGraph(torch.nn.functional.one_hot(group, 4).float().to_sparse_coo(), edges)
    (tmp_path / "planetoid").mkdir()
    monkeypatch.setenv("MOLGNN_DATA", str(tmp_path))
    monkeypatch.setattr("molgnn.data.named.planetoid.read_planetoid", lambda *_: graph)


def bench(*words):
    return main(["bench", "links", *words])


def test_each_set_and_model_is_a_line_beside_its_published_figures(small, tmp_path, capsys):
    out = tmp_path / "figures.json"
    assert bench("--seeds", "2", "--epochs", "40", "--json", str(out)) == 0
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()[1:5]]
    asked = [(name, model) for name in PUBLISHED for model in PUBLISHED[name]]
    assert [tuple(row[:2]) for row in rows] == asked
    for row, (name, model) in zip(rows, asked, strict=True):
        assert tuple(float(row[i]) for i in (5, 9)) == PUBLISHED[name][model]
    assert "standard deviation of 2 seeds" in shown.out
    assert len(shown.err.splitlines()) == 8
    kept = json.loads(out.read_text())
    assert kept["settings"]["epochs"] == 40
    for row in kept["rows"]:
        assert [len(row[key]) for key in ("valid", "test", "seconds")] == [2, 2, 2]
        assert all(65 < found[metric] <= 100 for found in row["test"] for metric in ("auc", "ap"))


def test_one_set_model_and_seed_with_sampled_negatives(small, capsys):
    words = ("--sets", "cora", "--models", "GAE", "--seeds", "1", "--epochs", "5")
    assert bench(*words, "--negatives", "sampled") == 0
    shown = capsys.readouterr().out
    assert "±" not in shown.splitlines()[1]
    assert "one seed" in shown


def test_a_star_stands_where_a_mean_is_within_a_point_of_the_published_one():
    def row(auc, ap):
        figures = {"auc": auc, "ap": ap}
        published = {"auc": 91.0, "ap": 92.0}
        return {"set": "cora", "model": "GAE", "test": [figures], "seconds": [1.0]} | {
            "published": published
        }

    met, missed = table([row(90.0, 93.0), row(89.9, 91.5)]).splitlines()[1:3]
    assert met.count("*") == 2
    assert "89.9*" not in missed
    assert "91.5*" in missed


def test_what_cannot_be_measured_is_refused_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MOLGNN_DATA", raising=False)
    assert bench() == 1
    assert "MOLGNN_DATA is not set" in capsys.readouterr().err
    monkeypatch.setenv("MOLGNN_DATA", str(tmp_path))
    assert bench() == 1
    assert "planetoid: no such folder" in capsys.readouterr().err
    (tmp_path / "planetoid").mkdir()
    assert bench("--sets", "citeseer") == 1
    assert "ind.citeseer.allx: no such file" in capsys.readouterr().err
    assert bench("--seeds", "0") == 1
    assert "at least 1 each" in capsys.readouterr().err
