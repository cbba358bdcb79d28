"""What each member says of molecules: predictions, and how far off they may be by its own account.

B molecules, O columns. A member speaks of its own errors where its task has a ``spread`` (see
``data.targets.Task``), its head ``samples`` of dropout, or it is a forest that predicts numbers.
Where it does not its own deviation is NaN, and ``models.lists.mean_and_spread`` counts it as 0.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from molgnn.chem.packed import PackedGraphs
from molgnn.data.levels import Levels
from molgnn.data.scaling import decode, deviation
from molgnn.data.targets import Task
from molgnn.models.lists import mean_and_spread
from molgnn.nn.spread import variance_of

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


class Answers(NamedTuple):
    """For each member its predictions, and its own standard deviations of them; ``own`` is None
    where no member speaks of its errors."""

    means: list[Levels]
    own: list[Levels] | None


Said = tuple[np.ndarray, np.ndarray | None]


def said(logits: np.ndarray, tasks: Sequence[Task], samples: int = 0) -> Said:
    """Outputs of one network at one level (n, O') -> predictions (n, O), and the network's own
    standard deviations of them (n, O) in the same units, None where it says nothing of itself.

    Of ``samples``, whose outputs stand side by side, these are mean and standard deviation, each
    sample's own variance being added.
    """
    if not samples:
        return decode(logits, tasks), _deviations(logits, tasks)
    width = logits.shape[1] // samples
    parts = [said(logits[:, i * width : (i + 1) * width], tasks) for i in range(samples)]
    means, own = zip(*parts, strict=True)
    shares = np.full(samples, 1.0 / samples)
    return mean_and_spread(np.stack(means), shares, None if own[0] is None else np.stack(own))


def _deviations(logits: np.ndarray, tasks: Sequence[Task]) -> np.ndarray | None:
    if not any(task.spread for task in tasks):
        return None
    outputs = np.asarray(logits, dtype=np.float64)
    found, start = [], 0
    for task in tasks:
        part = outputs[:, start : start + task.width]
        start += task.width
        own = np.full((len(part), len(task.columns)), np.nan)
        if task.spread:
            std = variance_of(task.spread, torch.from_numpy(part)).sqrt().numpy()
            own[:, 0] = deviation(part[:, 0], std, task)
        found.append(own)
    return np.concatenate(found, axis=1)


def speaks(model: "Predictor", level: str) -> list[bool]:
    """Whether some member speaks of its own errors, for each column of a level."""
    sampled = any(member.samples(level) for member in model.members)
    found = [
        bool(model.members) and (sampled or bool(task.spread))
        for task in model.tasks_at(level)
        for _ in task.columns
    ]
    if level != "molecule":
        return found
    others = [one.speaks for one in model.shallow]
    return [any(each) for each in zip(found, *others, strict=True)]


def molecule_answers(model: "Predictor", graphs: PackedGraphs, precision: str) -> Said:
    """Each member's predictions (members, B, O), and its own standard deviations alike; None where
    no member speaks."""
    tasks, found = model.tasks_at("molecule"), []
    if model.members:
        each = model.scorer(precision).logits(graphs)
        found = [
            said(logits, tasks, member.samples("molecule"))
            for logits, member in zip(each, model.members, strict=True)
        ]
    found += _of_shallow(model, graphs)
    means, own = (list(part) for part in zip(*found, strict=True))
    if all(std is None for std in own):
        return np.stack(means), None
    return np.stack(means), np.stack([_silent(std, mean) for mean, std in found])


def level_answers(model: "Predictor", graphs: PackedGraphs) -> Answers:
    """Each member's predictions for molecules (B, O), atoms (N, O) and bonds (M, O), in the graphs'
    order; columns are those of the tasks of the level. In fp32."""
    if model.shallow:  # they are for molecules, and there is nothing else to predict
        means, own = molecule_answers(model, graphs, "fp32")
        of_own = None if own is None else [Levels.of(graphs, molecule=std) for std in own]
        return Answers([Levels.of(graphs, molecule=mean) for mean in means], of_own)
    each = [
        {k: said(v, model.tasks_at(k), member.samples(k)) for k, v in outputs.items()}
        for outputs, member in zip(model.scorer().level_logits(graphs), model.members, strict=True)
    ]
    means = [Levels.of(graphs, **{k: mean for k, (mean, _) in one.items()}) for one in each]
    if all(std is None for one in each for _, std in one.values()):
        return Answers(means, None)
    own = [{k: _silent(std, mean) for k, (mean, std) in one.items()} for one in each]
    return Answers(means, [Levels.of(graphs, **one) for one in own])


def _silent(own: np.ndarray | None, mean: np.ndarray) -> np.ndarray:
    return np.full(mean.shape, np.nan) if own is None else own


def _of_shallow(model: "Predictor", graphs: PackedGraphs) -> list[Said]:
    wanted = any(shallow.embeddings for shallow in model.shallow)
    vectors = model.scorer().embed(graphs) if wanted else None
    return [one.said(graphs.features, vectors, len(graphs)) for one in model.shallow]
