"""Tiles ahead of the compute: the same tiles, wherever they are computed."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.tiles import Shape, tiled
from molgnn.models import scorer
from molgnn.models.ahead import parts_on, pieces_of
from molgnn.models.build import ENCODERS, build_model
from molgnn.models.scorer import Scorer

SMALL = Shape(128, 288, 16)


def test_pieces_are_all_molecules_in_order(graphs):
    pieces = list(pieces_of(graphs, 7))
    assert [len(piece) for piece in pieces] == [7] * (len(graphs) // 7) + [len(graphs) % 7]
    np.testing.assert_array_equal(np.concatenate([p.atoms for p in pieces]), graphs.atoms)
    assert list(pieces_of(graphs.select([]), 7)) == []


def test_on_the_cpu_the_tiles_are_those_of_the_layout(graphs):
    (part,) = parts_on(torch.device("cpu"), graphs, 1000, SMALL, False)
    expected = list(tiled(graphs, SMALL)[1])
    found = list(part.tiles)
    assert len(found) == len(expected) > 2
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.atom_kind, theirs.atom_kind)
        assert torch.equal(ours.incoming.index, theirs.incoming.index)


@pytest.mark.parametrize("shape", [None, SMALL, Shape(4096, 9216, 512)])
def test_the_shape_of_tiles_changes_no_score_but_by_rounding(graphs, shape):
    model = build_model("dmpnn", "sum", "mlp", out_dim=2).eval()
    cpu = torch.device("cpu")
    expected = Scorer([model], cpu).logits(graphs)
    np.testing.assert_allclose(
        Scorer([model], cpu, shape=shape).logits(graphs), expected, atol=1e-5
    )


class Stream:
    """Stands in for a CUDA stream: everything is done when it is enqueued."""

    device = torch.device("cpu")

    def __init__(self, device=None):
        self.waited = 0

    def record_event(self):
        return SimpleNamespace(synchronize=lambda: None)

    def wait_stream(self, other):
        self.waited += 1


@pytest.mark.parametrize("readout", ["sum", "set2set"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_way_to_a_gpu_gives_the_same_scores(encoder, readout, graphs, monkeypatch):
    """Threads, order and layout of that way, with stand-ins for what needs a GPU."""
    model = build_model(encoder, readout, "mlp", out_dim=2).eval()
    cpu, compute = torch.device("cpu"), Stream()
    expected = Scorer([model], cpu, shape=SMALL).logits(graphs)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: compute)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)

    def way(device, graphs, size, shape, halves):
        return parts_on(SimpleNamespace(type="cuda"), graphs, size, shape, halves)

    monkeypatch.setattr(scorer, "parts_on", way)
    piecewise = Scorer([model], cpu, shape=SMALL)
    piecewise._part = 7
    np.testing.assert_allclose(piecewise.logits(graphs), expected, atol=1e-6)
    assert compute.waited > len(graphs) / 7


@pytest.mark.gpu
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_gpu_gives_the_scores_of_the_cpu(encoder, drugs, monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    graphs, model = featurize(drugs)[0], build_model(encoder, "sum", "mlp", out_dim=2).eval()
    expected = Scorer([model], torch.device("cpu")).logits(graphs)
    there = Scorer([model.cuda()], torch.device("cuda"), shape=SMALL)
    monkeypatch.setattr(there, "_part", 100)  # many parts in flight, and tiles in each
    for _ in range(3):
        np.testing.assert_allclose(there.logits(graphs), expected, rtol=1e-3, atol=1e-3)
