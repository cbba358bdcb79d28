"""``molgnn bench explain`` on a few molecules: its figures are those of what it measures."""

import json

import numpy as np
import pytest

from molgnn.chem.graph import featurize
from molgnn.cli.bench.explain import spread
from molgnn.cli.bench.material import texts_of
from molgnn.cli.main import main
from molgnn.models.bundle import load_bundle
from molgnn.screen.explain.check import deletion_ratio
from molgnn.screen.explain.gradients import attribute
from molgnn.screen.explain.target import target_of


def test_bench_explain_says_whether_attributions_hold(tmp_path, capsys):
    path = tmp_path / "f.json"
    library = tmp_path / "lib.smi"
    library.write_text("".join(f"{'C' * n}O\n{'C' * n}N\n" for n in range(1, 11)))
    few = ("--molecules", "12", "--attributions", "3", "--rationales", "1", "--domain", "10")
    assert main(["bench", "explain", str(library), *few, "--json", str(path)]) == 0
    figures = json.loads(path.read_text())["figures"]
    assert len(capsys.readouterr().out.splitlines()) == len(figures) == 8
    model = load_bundle("solubility", "cpu")
    texts = spread(texts_of(str(library), None, 20), 12)
    found = attribute(model, target_of(model, None), featurize(texts, model.recipe)[0])
    gap = np.abs(found.gap / (found.score - found.baseline))
    assert figures["complete within 1%, share of 12 molecules"] == (gap <= 0.01).mean()
    assert figures["largest gap, share of score minus baseline"] == pytest.approx(gap.max())
    deletion = deletion_ratio(model, texts)
    assert figures["ratio of the two"] == pytest.approx(deletion.top / deletion.random)
    seconds = {name: value for name, value in figures.items() if name.startswith("s: ")}
    assert list(seconds) == [
        *("s: attributions of 3", "s: rationales of 1", "s: domain of 10 against 10")
    ]
    assert all(value > 0 for value in seconds.values())


def test_bench_explain_refuses_what_it_cannot_measure(tmp_path, capsys):
    assert main(["bench", "explain", "--rationales", "0"]) == 1
    assert "--rationales 0: must be at least 1" in capsys.readouterr().err
    assert main(["bench", "explain", "--model", "mean-of-all"]) == 1
    assert "unknown model 'mean-of-all'" in capsys.readouterr().err
