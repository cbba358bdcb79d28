"""Packed arrays: windows and choices of molecules."""

from dataclasses import fields

import numpy as np
import pytest

from molgnn.chem.graph import featurize, pack
from molgnn.chem.packed import PackedGraphs, empty


def same(ours, theirs):
    return all(
        np.array_equal(getattr(ours, field.name), getattr(theirs, field.name))
        for field in fields(PackedGraphs)[:-1]
    )


@pytest.mark.parametrize("start, stop", [(0, 5), (1, 4), (2, 2), (0, 1), (4, 5)])
def test_a_window_holds_the_molecules_that_a_choice_would(start, stop):
    graphs = featurize(["CCO", "C", "[Na+].[Cl-]", "c1ccccc1", "N"], "none")[0]
    assert same(graphs.part(start, stop), graphs.select(range(start, stop)))
    assert np.shares_memory(graphs.part(0, 5).atoms, graphs.atoms)


def test_no_molecules_are_what_featurising_none_gives():
    assert same(empty(), pack([]))
    assert same(PackedGraphs.concat([]), pack([]))
    assert [getattr(empty(), f.name).dtype for f in fields(PackedGraphs)[:-1]] == [
        getattr(pack([]), f.name).dtype for f in fields(PackedGraphs)[:-1]
    ]
