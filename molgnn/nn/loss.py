"""Losses over many tasks at once, of mixed kinds, with labels missing anywhere."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaskedLoss(nn.Module):
    """Mean over all labels present: squared error, binary or categorical cross-entropy by task.

    ``kinds`` names each task's kind and ``widths`` its outputs: one, or the number of classes.
    ``class_weights``: for each task None or one weight a class, as ``balanced_weights`` makes.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        widths: Sequence[int],
        class_weights: Sequence[Tensor | None] | None = None,
    ):
        super().__init__()
        self.kinds, self.widths = list(kinds), list(widths)
        for task, weights in enumerate(class_weights or [None] * len(self.kinds)):
            self.register_buffer(f"weights_{task}", weights, persistent=False)

    def forward(self, logits: Tensor, y: Tensor, count: int | Tensor | None = None) -> Tensor:
        """logits (B, O), y (B, T) with NaN where missing -> scalar.

        ``count`` replaces the number of labels in the mean: under DDP, that of the whole batch
        over the number of processes. Without any label the loss is 0.
        """
        total = logits.new_zeros(())
        for task, (kind, columns) in enumerate(
            zip(self.kinds, logits.split(self.widths, dim=1), strict=True)
        ):
            present = ~torch.isnan(y[:, task])
            weights = getattr(self, f"weights_{task}")
            total = total + ELEMENT_LOSSES[kind](columns[present], y[present, task], weights)
        labels = (~torch.isnan(y)).sum() if count is None else torch.as_tensor(count)
        return total / labels.clamp(min=1)


def _squared(logits: Tensor, y: Tensor, weights: Tensor | None) -> Tensor:
    return F.mse_loss(logits[:, 0], y, reduction="sum")


def _binary(logits: Tensor, y: Tensor, weights: Tensor | None) -> Tensor:
    element = None if weights is None else weights[y.long()]
    return F.binary_cross_entropy_with_logits(logits[:, 0], y, element, reduction="sum")


def _categorical(logits: Tensor, y: Tensor, weights: Tensor | None) -> Tensor:
    return F.cross_entropy(logits, y.long(), weights, reduction="sum")


ELEMENT_LOSSES = {"regression": _squared, "binary": _binary, "multiclass": _categorical}


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """(C,) weights n / (C n_c), so that each class weighs the same in all and the mean weight is 1.

    ``labels`` (n,) may hold NaN. A class without a label weighs 0.
    """
    labels = labels[~torch.isnan(labels)].long()
    counts = torch.bincount(labels, minlength=num_classes).float()
    present = (counts > 0).sum().clamp(min=1)
    return torch.where(counts > 0, len(labels) / (present * counts.clamp(min=1)), 0.0)
