"""Packed graphs as .npz: the same graphs again, and nothing read that would point outside."""

from dataclasses import fields, replace

import numpy as np
import pytest

from molgnn.chem.graph import featurize
from molgnn.chem.packed import PackedGraphs
from molgnn.data import npz
from molgnn.data.npz import read_npz, write_npz
from molgnn.errors import Refusal


@pytest.fixture
def graphs():
    return featurize(["CCO", "[Na+].[Cl-]", "c1ccccc1", "C"], "none")[0]


def test_what_was_written_is_read(graphs, tmp_path):
    for kept in (graphs, graphs.select([])):
        write_npz(tmp_path / "it.npz", kept)
        again = read_npz(tmp_path / "it.npz")
        for field in fields(PackedGraphs)[:-1]:
            ours, theirs = getattr(again, field.name), getattr(kept, field.name)
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("content", [None, b"", b"nothing of the kind", b"PK\x03\x04 cut"])
def test_another_file_is_refused_by_name(content, tmp_path):
    path = tmp_path / "it.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal, match=r"it\.npz: not a file of packed graphs"):
        read_npz(path)


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "it.npz", features=np.array([object()], dtype=object))
    with pytest.raises(Refusal, match="not a file of packed graphs"):
        read_npz(tmp_path / "it.npz")


def test_a_file_of_other_features_is_refused(graphs, tmp_path, monkeypatch):
    write_npz(tmp_path / "it.npz", graphs)
    monkeypatch.setattr(npz, "schema_hash", lambda: "another")
    with pytest.raises(Refusal, match="other atom and bond features"):
        read_npz(tmp_path / "it.npz")


@pytest.mark.parametrize(
    "change",
    [
        lambda g: {"bond_ends": g.bond_ends + 3},
        lambda g: {"bond_ends": g.bond_ends - 1},
        lambda g: {"bond_ends": g.bond_ends.astype(np.int64)},
        lambda g: {"atoms": g.atoms[:, :8]},
        lambda g: {"atoms": np.full_like(g.atoms, 255)},
        lambda g: {"atom_offsets": g.atom_offsets[::-1].copy()},
        lambda g: {"atom_offsets": g.atom_offsets[:-1]},
        lambda g: {"bond_offsets": g.bond_offsets + 1},
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(change, graphs, tmp_path):
    write_npz(tmp_path / "it.npz", replace(graphs, **change(graphs)))
    with pytest.raises(Refusal, match="damaged"):
        read_npz(tmp_path / "it.npz")
