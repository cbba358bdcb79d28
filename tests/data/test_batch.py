"""Batches: padding adds lone atoms behind, and nothing else."""

import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.batch import padded, to_batch


@pytest.mark.parametrize("texts", [["CCO", "c1ccccc1", "[Na+]"], ["C"], ["C" * 16]])
def test_padding_makes_round_numbers_and_keeps_what_was_there(texts):
    plain = to_batch(featurize(texts)[0])
    batch = padded(plain, atoms=8, bonds=8)
    own, edges = len(plain.x), plain.edge_index.size(1) // 2
    half = batch.edge_index.size(1) // 2
    assert len(batch.x) % 8 == half % 8 == 0
    assert len(batch.x) > own
    assert batch.num_graphs == plain.num_graphs + 1
    torch.testing.assert_close(batch.x[:own], plain.x)
    for start, before in ((0, 0), (half, edges)):
        kept = slice(start, start + edges)
        was = slice(before, before + edges)
        torch.testing.assert_close(batch.edge_index[:, kept], plain.edge_index[:, was])
        torch.testing.assert_close(batch.edge_attr[kept], plain.edge_attr[was])
        assert (batch.edge_index[:, start + edges : start + half] == len(batch.x) - 1).all()
    assert (batch.graph_id[own:] == plain.num_graphs).all()
    torch.testing.assert_close(batch.graph_id[:own], plain.graph_id)
