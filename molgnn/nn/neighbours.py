"""What reaches an atom from its neighbours: sums, means, maxima, and shares that add up to one.

``index`` (E,) is the atom that each row reaches, ``size`` the number of atoms. An atom that nothing
reaches gets zeros. A readout takes them alike, from the atoms (N,) of a molecule.
"""

import torch
from torch import Tensor


def sum_at(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Row sums, (E, D) and index (E,) -> (size, D); far faster on a CPU than a scatter."""
    zeros = values.new_zeros(size, values.size(1))
    if values.is_cuda and torch.is_inference_mode_enabled():
        # index_add adds in whatever order a GPU's threads come: a score's last bit would vary.
        return zeros.index_put_((index,), values, accumulate=True)
    return zeros.index_add_(0, index, values)


def mean_at(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Row means, (E, D) and index (E,) -> (size, D)."""
    count = sum_at(torch.ones_like(values[:, :1]), index, size)
    return sum_at(values, index, size) / count.clamp(min=1)


def largest_at(values: Tensor, index: Tensor, size: int) -> Tensor:
    """The largest value of each channel, (E, D) and index (E,) -> (size, D)."""
    rows, empty = index.unsqueeze(1).expand_as(values), values.new_zeros(size, values.size(1))
    return empty.scatter_reduce(0, rows, values, "amax", include_self=False)


def softmax_at(scores: Tensor, index: Tensor, size: int) -> Tensor:
    """exp(s_e) / sum of exp(s) over all rows that reach the same atom, (E, H) -> (E, H)."""
    highest = largest_at(scores.detach(), index, size)  # else exp of a large score is infinite
    weights = (scores - highest.index_select(0, index)).exp()
    return weights / sum_at(weights, index, size).index_select(0, index)
