"""Shifts beside the dense matrices that they stand for."""

import pytest
import torch

from molgnn.errors import Refusal
from molgnn.nn.shift import SHIFTS, Shift


def dense(kind, batch, loops=False):
    """The matrix (N, N) of a shift, from the definitions."""
    n = len(batch.x)
    a = torch.zeros(n, n, dtype=torch.float64)
    a[batch.edge_index[1], batch.edge_index[0]] = 1
    a += torch.eye(n) * loops
    degree, one = a.sum(dim=1), torch.eye(n, dtype=torch.float64)
    inverse = torch.where(degree > 0, 1 / degree, 0.0)
    symmetric = inverse.sqrt().diag() @ a @ inverse.sqrt().diag()
    return {
        "adjacency": a,
        "symmetric": symmetric,
        "random_walk": inverse.diag() @ a,
        "laplacian": one - symmetric,
        "centred": -symmetric,
    }[kind]


def signals(batch, width=3):
    torch.manual_seed(0)
    return torch.randn(len(batch.x), width, dtype=torch.float64)


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("kind", [*SHIFTS, "centred"])
def test_a_shift_is_the_product_with_its_matrix(kind, loops, batch_of):
    batch = batch_of()
    h = signals(batch)
    shift = Shift(kind, batch.edge_index, h, loops)
    torch.testing.assert_close(shift(h), dense(kind, batch, loops) @ h)
    torch.testing.assert_close(shift(shift(h)), dense(kind, batch, loops) @ shift(h))


@pytest.mark.parametrize("kind", ["symmetric", "random_walk", "centred"])
def test_shifts_for_chebyshev_have_their_eigenvalues_between_minus_one_and_one(kind, batch_of):
    for text in ("c1ccccc1", "CC(C)(C)C", "CC", "C", "FS(F)(F)(F)(F)F"):
        values = torch.linalg.eigvals(dense(kind, batch_of([text])))
        assert values.abs().max() <= 1 + 1e-12


def test_of_an_atom_without_bonds_nothing_moves(batch_of):
    batch = batch_of(["C", "[Na+]"])
    h = signals(batch)
    for kind in ("adjacency", "symmetric", "random_walk", "centred"):
        assert not Shift(kind, batch.edge_index, h)(h).any()
    for kind in ("adjacency", "symmetric", "random_walk"):
        assert torch.equal(Shift(kind, batch.edge_index, h, loops=True)(h), h)
    assert torch.equal(Shift("laplacian", batch.edge_index, h)(h), h)


def test_rows_of_bf16_are_added_up_in_single_precision(batch_of):
    batch = batch_of(["CC(C)(C)C"])
    h = signals(batch).float()
    shift = Shift("adjacency", batch.edge_index, h)
    rounded = shift(h.bfloat16())
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, shift(h.bfloat16().float()))


def test_an_unknown_shift_is_refused_with_the_choices(batch_of):
    batch = batch_of(["C"])
    with pytest.raises(Refusal, match="adjacency, laplacian, random_walk, symmetric"):
        Shift("diffusion", batch.edge_index, signals(batch))
