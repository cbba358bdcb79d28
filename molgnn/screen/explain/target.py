"""What is explained: one column of a model, as a number to which atoms can add up."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from molgnn.data.targets import Task
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Target:
    """One column for molecules; its task's outputs start at ``start``, and it is their number
    ``place``.

    The score is what is linear in a network's last layer, scaled back: a regression has the user's
    units (after ``log10`` their logarithm, after ``rank`` the normal score of the rank), and a
    class the logarithm of its odds, log p / (1 - p). A probability would be no such number: where
    it is near 0 or 1 nothing moves it, whatever the molecule. Of a head's ``samples`` it is the
    mean; ``outputs`` counts those of one sample, 0 where there is but one.
    """

    column: str
    task: Task
    start: int
    place: int
    outputs: int = 0

    def score(self, logits: Tensor) -> Tensor:
        """logits (..., O) of a network, or (..., samples x O) -> (...)."""
        if self.outputs:
            return self._score(logits.unflatten(-1, (-1, self.outputs))).mean(dim=-1)
        return self._score(logits)

    def _score(self, logits: Tensor) -> Tensor:
        part = logits[..., self.start : self.start + self.task.width]
        if self.task.kind == "multiclass":
            others = [i for i in range(self.task.width) if i != self.place]
            return part[..., self.place] - part[..., others].logsumexp(dim=-1)
        if self.task.quantiles:  # sorted, as predictions have them
            part = part.sort(dim=-1).values[..., self.task.quantile_order]
        value = part[..., self.place]
        regression = self.task.kind == "regression"
        return value * self.task.std + self.task.mean if regression else value

    @property
    def unit(self) -> str:
        """The unit of scores and attributions, empty where the task has none."""
        if self.task.kind != "regression":
            return "log-odds"
        named = {"log10": f"log10({self.task.unit or '1'})", "rank": "normal score of the rank"}
        return named.get(self.task.transform, self.task.unit)

    @property
    def plain_unit(self) -> str:
        """The unit of predictions."""
        return self.task.unit if self.task.kind == "regression" else "probability"


def target_of(model: "Predictor", column: str | None) -> Target:
    """The named column of molecules, None: the first. Raises Refusal for any other."""
    if not model.columns:
        columns = ", ".join(model.list_columns)
        raise Refusal(
            f"the model predicts {columns} for atoms or bonds, which explain themselves: explain "
            "is for properties of whole molecules"
        )
    column = model.columns[0] if column is None else column
    start = 0
    for task in model.tasks_at("molecule"):
        if column in task.columns:
            sampled = any(member.samples("molecule") for member in model.members)
            outputs = sum(task.width for task in model.tasks_at("molecule")) if sampled else 0
            return Target(column, task, start, task.columns.index(column), outputs)
        start += task.width
    raise choices("target", column, model.columns)


def network_weights(model: "Predictor") -> np.ndarray:
    """What each network counts in the mean of the networks, 1 in all; empty without a network."""
    count = len(model.members)
    shares = np.ones(count) if model.shares is None else model.shares[:count]
    total = shares.sum()
    return shares / total if total else np.ones(count) / max(count, 1)


def network_share(model: "Predictor") -> float:
    """What the networks together count in a prediction; the rest are models without a graph."""
    if model.shares is None:
        return len(model.members) / model.num_members
    return float(model.shares[: len(model.members)].sum())


@torch.inference_mode()
def network_scores(model: "Predictor", target: Target, graphs) -> np.ndarray:
    """The mean score (B,) of the networks, by the way of ordinary predictions."""
    logits = torch.from_numpy(model.scorer().logits(graphs).astype(np.float64))
    return np.einsum("mb,m->b", target.score(logits).numpy(), network_weights(model))
