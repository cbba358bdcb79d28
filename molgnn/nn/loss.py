"""Losses over many tasks at once, of mixed kinds, with labels missing anywhere or only bounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molgnn.nn.spread import evidence_of, evidential_nll, normal_nll, normal_of


@dataclass(frozen=True)
class TaskLoss:
    """The loss of one task: ``name`` is one of ``ELEMENT_LOSSES``, ``width`` its outputs.

    ``weight`` multiplies it. ``class_weights`` (C,) are for classes, ``balanced_weights`` makes
    some; ``gamma`` > 0 makes cross-entropy focal; ``delta`` is Huber's, in scaled units;
    ``quantiles`` are those of the outputs of ``quantile``; ``evidence`` is the weight of the
    regulariser of ``evidential``.
    """

    name: str
    width: int = 1
    weight: float = 1.0
    class_weights: Tensor | None = None
    gamma: float = 0.0
    delta: float = 1.0
    quantiles: tuple[float, ...] = ()
    evidence: float = 0.0


class MaskedLoss(nn.Module):
    """The weighted sum over all labels present of tasks at one level."""

    def __init__(self, tasks: Sequence[TaskLoss]):
        super().__init__()
        self.tasks = list(tasks)
        self.widths = [task.width for task in tasks]
        for i, task in enumerate(tasks):
            self.register_buffer(f"weights_{i}", task.class_weights, persistent=False)

    def forward(
        self, logits: Tensor, y: Tensor, bounds: Tensor | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """logits (R, O), y (R, T) with NaN where missing -> scalar; 0 without any label.

        ``bounds`` (R, T): 1 where the true value is at least y, -1 where at most, 0 where it is y;
        ``weight`` (R,) multiplies what a row gives.
        """
        total = logits.new_zeros(())
        for i, (task, columns) in enumerate(
            zip(self.tasks, logits.split(self.widths, dim=1), strict=True)
        ):
            present = ~torch.isnan(y[:, i])
            bound = None if bounds is None else bounds[present, i]
            labels, weights = y[present, i], getattr(self, f"weights_{i}")
            element = ELEMENT_LOSSES[task.name](columns[present], labels, bound, weights, task)
            if weight is not None:
                element = element * weight[present]
            total = total + task.weight * element.sum()
        return total


class LevelLoss(nn.Module):
    """The losses of molecules, atoms and bonds: each level's mean over its labels, and the mean of
    these, so that a molecule's one label is not drowned by those of its thirty atoms."""

    def __init__(self, levels: Mapping[str, Sequence[TaskLoss]]):
        super().__init__()
        self.levels = nn.ModuleDict({name: MaskedLoss(tasks) for name, tasks in levels.items()})

    def sums(
        self,
        logits: Mapping[str, Tensor],
        y: Mapping[str, Tensor],
        bounds: Mapping[str, Tensor] | None = None,
        weight: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """The sum of each level, of arguments by level as ``MaskedLoss`` takes them."""
        bounds, weight = bounds or {}, weight or {}
        return {
            name: loss(logits[name], y[name], bounds.get(name), weight.get(name))
            for name, loss in self.levels.items()
        }

    def mean(self, sums: Mapping, counts: Mapping[str, float]):
        """``sums`` over the ``counts`` of labels, and the mean of the levels. Under DDP, a count is
        that of the whole batch over the number of processes."""
        return sum(sums[name] / max(counts[name], 1e-9) for name in sums) / len(sums)


def _residual(output: Tensor, y: Tensor, bound: Tensor | None) -> Tensor:
    """output - y; 0 where y is a bound that the output keeps."""
    error = output - y
    if bound is None:
        return error
    kept = ((bound > 0) & (error > 0)) | ((bound < 0) & (error < 0))
    return torch.where(kept, 0.0, error)


def _l2(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    return _residual(logits[:, 0], y, bound).square()


def _l1(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    return _residual(logits[:, 0], y, bound).abs()


def _huber(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    """Squared up to delta, linear beyond: Huber 1964, doi:10.1214/aoms/1177703732."""
    error = _residual(logits[:, 0], y, bound)
    return F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=task.delta)


def _quantile(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    """max(q (y - f), (q - 1) (y - f)), mean over the quantiles q: Koenker and Bassett 1978,
    doi:10.2307/1913643. A bound that an output keeps costs it nothing."""
    below = torch.stack([-_residual(column, y, bound) for column in logits.unbind(1)], dim=1)
    q = logits.new_tensor(task.quantiles)
    return torch.maximum(q * below, (q - 1) * below).mean(dim=1)


def _mve(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    """The negative log-likelihood of mean and variance: Nix and Weigend 1994; see ``nn.spread``."""
    return normal_nll(*normal_of(logits), y, bound)


def _evidential(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    """NLL + evidence |y - gamma| (2 nu + alpha): Amini 2020, arXiv:1910.02600, eqs. 8-10. Evidence
    costs where it is wrong; a bound that gamma keeps is not."""
    evidence = evidence_of(logits)
    wrong = _residual(evidence.gamma, y, bound).abs() * (2.0 * evidence.nu + evidence.alpha)
    return evidential_nll(evidence, y, bound) + task.evidence * wrong


def _binary(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    element = F.binary_cross_entropy_with_logits(logits[:, 0], y, reduction="none")
    return _of_classes(element, y, weights, task)


def _multiclass(logits: Tensor, y: Tensor, bound, weights, task: TaskLoss) -> Tensor:
    return _of_classes(F.cross_entropy(logits, y.long(), reduction="none"), y, weights, task)


def _of_classes(element: Tensor, y: Tensor, weights: Tensor | None, task: TaskLoss) -> Tensor:
    """Cross-entropies -log p with class weights; with gamma, (1 - p)^gamma times that: the focal
    loss of Lin 2017, arXiv:1708.02002, eq. 5."""
    if task.gamma:  # expm1: near p = 1, what is left of it
        element = (-torch.expm1(-element)).clamp(min=1e-12) ** task.gamma * element
    return element if weights is None else element * weights[y.long()]


ELEMENT_LOSSES = {
    "l2": _l2,
    "l1": _l1,
    "huber": _huber,
    "quantile": _quantile,
    "mve": _mve,
    "evidential": _evidential,
    "binary": _binary,
    "multiclass": _multiclass,
}


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """(C,) weights n / (C n_c), so that each class weighs the same in all and the mean weight is 1.

    ``labels`` (n,) may hold NaN. A class without a label weighs 0.
    """
    labels = labels[~torch.isnan(labels)].long()
    counts = torch.bincount(labels, minlength=num_classes).float()
    present = (counts > 0).sum().clamp(min=1)
    return torch.where(counts > 0, len(labels) / (present * counts.clamp(min=1)), 0.0)
