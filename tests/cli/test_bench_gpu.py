"""``molgnn bench gpu`` on the CPU and a few molecules: what it needs, and what it counts."""

import json
import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from molgnn.chem.graph import featurize
from molgnn.cli.bench.rates import bound
from molgnn.cli.bench.work import counted
from molgnn.cli.main import main
from molgnn.data.batch import to_batch
from molgnn.models.build import build_model

QUICK = ("--device", "cpu", "--tiles", "1024", "--rounds", "1")
WITHOUT_RDKIT = """
import sys
for name in ("rdkit", "pandas", "pyarrow", "sklearn", "scipy", "hydra", "safetensors"):
    sys.modules[name] = None
from molgnn.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def prepared(library, tmp_path):
    path = tmp_path / "small.npz"
    assert main(["bench", "gpu", str(library), "--prepare", str(path)]) == 0
    return path


def test_the_machine_that_measures_needs_torch_and_the_file_only(prepared, tmp_path):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-c", WITHOUT_RDKIT, "bench", "gpu", str(prepared), *QUICK]
    done = subprocess.run([*command, "--json", str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert (figures["device"], figures["molecules"]) == ("cpu", 40)
    (rates,) = figures["molecules/s"]
    assert min(rates[name] for name in ("layout", "forward", "whole")) > 0
    assert figures["bound"] in done.stdout


def test_without_rdkit_it_takes_only_what_was_prepared(library, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "molgnn.data.library", None)  # as where RDKit is not
    assert main(["bench", "gpu", str(library), *QUICK]) == 1
    assert "is missing here: where it is installed, make a file" in capsys.readouterr().err


def test_a_packed_library_and_a_trained_model_do_too(library, tmp_path, capsys):
    packed = tmp_path / "packed"
    assert main(["library", "build", str(library), "--out", str(packed), "--workers", "0"]) == 0
    flags = ("--rows", "20", "--model", "solubility", "--precision", "fp32")
    assert main(["bench", "gpu", str(packed), *QUICK, *flags]) == 0
    assert "fp32, 20 molecules" in capsys.readouterr().out


def test_without_a_gpu_it_is_refused_in_one_line(prepared, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["bench", "gpu", str(prepared)]) == 1
    assert "no CUDA GPU here" in capsys.readouterr().err
    assert main(["bench", "gpu", str(prepared), "--device", "meta"]) == 1


def test_nothing_is_overwritten(prepared, library, capsys):
    assert main(["bench", "gpu", str(library), "--prepare", str(prepared)]) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("depth", [1, 3])
def test_the_work_is_that_which_torch_counts(depth):
    graphs = featurize(["CCO", "c1ccccc1C(=O)NC", "C", "CC(C)(C)C", "[Na+].[Cl-]"], "none")[0]
    encoder = {"name": "dmpnn", "dim": 24, "depth": depth}
    model = build_model(encoder, "sum", {"name": "mlp", "hidden": 16}, out_dim=2).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(to_batch(graphs))
    work = counted(model, graphs, 4)
    assert work.flop * len(graphs) == pytest.approx(counter.get_total_flops())
    assert work.bytes > counted(model, graphs, 2).bytes > 0


@pytest.mark.parametrize(
    "whole, arithmetic, memory, expected",
    [
        (50, 0.9, 0.9, "bounded by layout and copies"),
        (95, 0.8, 0.5, "by arithmetic"),
        (95, 0.5, 0.8, "by memory"),
        (95, 0.1, 0.2, "neither"),
    ],
)
def test_what_bounds_the_whole_is_said(whole, arithmetic, memory, expected):
    rates = {"whole": whole, "forward": 100, "layout": 10}
    shares = {
        "forward: of model's products": arithmetic,
        "forward: of the copy's GB/s": memory,
    }
    assert expected in bound({"molecules/s": [rates], "shares": shares})
