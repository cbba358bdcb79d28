"""Molecules with labels at all levels, as a network learns from them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import batch_rows, to_batch
from molgnn.data.levels import Levels
from molgnn.nn.loss import LevelLoss


@dataclass(frozen=True)
class Labelled:
    """Molecules with labels, float32 as the network learns them, NaN where missing.

    ``bounds`` as ``nn.loss`` takes them, None where every label is exact; ``weight`` (n,) float32
    says how much a molecule counts, None if all count the same.
    """

    graphs: PackedGraphs
    y: Levels
    bounds: Levels | None = None
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.graphs)

    def select(self, rows: np.ndarray) -> "Labelled":
        return Labelled(
            self.graphs.select(rows),
            self.y.select(rows),
            None if self.bounds is None else self.bounds.select(rows),
            None if self.weight is None else self.weight[rows],
        )

    def counts(self, levels: Iterable[str]) -> dict[str, float]:
        """How many labels there are at each level."""
        return {level: float((~np.isnan(self.y[level])).sum()) for level in levels}

    def weights(self, levels: Iterable[str]) -> dict[str, float]:
        """What the labels at each level weigh in all; without ``weight``, each one 1."""
        if self.weight is None:
            return self.counts(levels)
        found = {}
        for level in levels:
            present = (~np.isnan(self.y[level])).sum(axis=1)
            found[level] = float((present * self.y.spread(level, self.weight)).sum())
        return found

    def mean_weights(self, levels: Iterable[str]) -> dict[str, float]:
        """What a label at each level weighs on average; 1 without any."""
        levels = list(levels)
        if self.weight is None:
            return dict.fromkeys(levels, 1.0)
        counts, weights = self.counts(levels), self.weights(levels)
        return {level: weights[level] / counts[level] if counts[level] else 1.0 for level in levels}

    def loss_sums(self, model: nn.Module, loss: LevelLoss, device: torch.device) -> dict:
        """The sum of the loss at each level, in one batch."""
        logits = model(to_batch(self.graphs).to(device))
        logits = {level: rows.float() for level, rows in logits.items()}

        def tensors(values: Levels) -> dict[str, Tensor]:
            return {level: torch.from_numpy(values[level]).to(device) for level in logits}

        weight = None
        if self.weight is not None:
            rows = {level: self.y.spread(level, self.weight) for level in logits}
            weight = {level: torch.from_numpy(array).to(device) for level, array in rows.items()}
        bounds = None if self.bounds is None else tensors(self.bounds)
        return loss.sums(logits, tensors(self.y), bounds, weight)


@torch.inference_mode()
def mean_loss(
    model: nn.Module, loss: LevelLoss, molecules: Labelled, device: torch.device
) -> float | None:
    """Loss of ``molecules``: each level's weighted mean over its labels; None where there is no
    label."""
    model.eval()
    totals = dict.fromkeys(loss.levels, 0.0)
    for rows in batch_rows(len(molecules), 256):
        for level, part in molecules.select(rows).loss_sums(model, loss, device).items():
            totals[level] += float(part)
    weights = molecules.weights(loss.levels)
    known = {level: total for level, total in totals.items() if weights[level]}
    return loss.mean(known, weights) if known else None
