"""Tiles ahead of the compute: the same tiles, wherever they are computed."""

import numpy as np
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.tiles import Shape, tiled
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


@pytest.mark.gpu
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_gpu_gives_the_scores_of_the_cpu(encoder, drugs, monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    graphs, model = featurize(drugs)[0], build_model(encoder, "sum", "mlp", out_dim=2).eval()
    expected = Scorer([model], torch.device("cpu")).logits(graphs)
    scorer = Scorer([model.cuda()], torch.device("cuda"), shape=SMALL)
    monkeypatch.setattr(scorer, "_part", 100)  # many parts in flight, and tiles in each
    for _ in range(3):
        np.testing.assert_allclose(scorer.logits(graphs), expected, rtol=1e-3, atol=1e-3)
