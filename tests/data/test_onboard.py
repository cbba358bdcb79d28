"""Tiles laid out on a device: those of the host's layout are the oracle, field by field."""

import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.onboard import coded, tiled_there
from molgnn.data.tiles import Shape, tiled

AWKWARD = ["C", "[Na+]", "CC", "[H][H]", "C" * 200, "C1CC1", "c1ccc2ccccc2c1", "[Na+].[Cl-]", "C#N"]


def same(ours, theirs):
    if isinstance(ours, torch.Tensor):
        return ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    if isinstance(ours, tuple):
        return all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    return ours == theirs


@pytest.mark.parametrize("texts", [AWKWARD, AWKWARD * 9, ["C", "[K+]"], ["CCO"]])
@pytest.mark.parametrize("shape", [Shape(32, 64, 4), Shape(256, 512, 64)])
def test_tiles_are_those_of_the_hosts_layout(texts, shape):
    graphs = featurize(texts, "none")[0]
    kinds, expected = tiled(graphs, shape, halves=True)
    there, found = tiled_there(coded(graphs), shape, halves=True)
    assert torch.equal(there.atoms, kinds.atoms)
    assert torch.equal(there.bonds, kinds.bonds)
    for ours, theirs in zip(found, expected, strict=True):
        edges = len(theirs.arriving.index)
        starts = (k.starts[t.start_kind[:edges]] for k, t in ((there, ours), (kinds, theirs)))
        assert torch.equal(*starts)
        assert same(ours._replace(start_kind=None), theirs._replace(start_kind=None))


def test_a_window_of_many_molecules_is_laid_out_as_if_they_were_alone():
    graphs = featurize(AWKWARD * 3, "none")[0]
    _, found = tiled_there(coded(graphs.part(5, 20)), Shape(256, 512, 64))
    _, expected = tiled(graphs.select(range(5, 20)), Shape(256, 512, 64))
    for ours, theirs in zip(found, expected, strict=True):
        assert same(ours._replace(start_kind=None), theirs._replace(start_kind=None))
