"""One trial: options in, a figure on the validation molecules out; test labels never come here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from molgnn.chem.descriptors import columns_of
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task
from molgnn.data.wishes import make_tasks
from molgnn.errors import Refusal, choices
from molgnn.models.ensemble import Predictor
from molgnn.train.evaluate import over_members
from molgnn.train.learn import job_of, learn, wishes_of
from molgnn.train.members import Job
from molgnn.train.metrics import evaluate
from molgnn.train.options import RunOptions
from molgnn.train.record import kept_epoch

# Which figures there are, and which way is better; ``loss`` is that of the epochs kept.
METRICS = {
    "loss": "minimize", "rmse": "minimize", "mae": "minimize", "r2": "maximize",
    "spearman": "maximize", "roc_auc": "maximize", "pr_auc": "maximize", "bedroc": "maximize",
    "ef1": "maximize", "log_loss": "minimize", "accuracy": "maximize",
}  # fmt: skip
TENTHS = 10  # how often in a training a trial is looked at, whatever its number of epochs

# Called with (tenths of the training that are done, validation loss): whether to end the trial.
Report = Callable[[int, float], bool]


class _Pruned(Exception):
    """Ends a training that is not worth its time."""


@dataclass(frozen=True)
class Material:
    """What trials work on: molecules to train and to validate, and nothing of the test part.

    ``blocks`` are the features of molecules that the dataset has; a trial is given its own of them.
    """

    dataset: Dataset
    parts: Split
    units: dict[str, str]
    blocks: tuple[str, ...] = ()

    def tasks(self, options: RunOptions) -> list[Task]:
        wishes = wishes_of(options, self.units)
        data = self.dataset
        return make_tasks(data.names, data.labels, data.bounds, self.parts.train, wishes)

    def job(self, options: RunOptions) -> Job:
        """Raises Refusal for options that do not fit these molecules."""
        if options.fit.folds:
            raise Refusal(
                f"fit.folds={options.fit.folds}: trials are compared on valid, from which folds "
                "would learn: tune without it, and give it when you train with the winner"
            )
        if not options.fit.chooses:  # valid judges, and is not learnt from
            options = replace(options, fit=replace(options.fit, valid="judge"))
        featured = self.featured(options.model.blocks)
        return job_of(options, featured, self.tasks(options), self.parts)

    def featured(self, blocks: Sequence[str]) -> Dataset:
        """The molecules with the features of some blocks alone. Raises Refusal for others."""
        for block in blocks:
            if block not in self.blocks:
                raise choices("block of features that these trials have:", block, self.blocks)
        graphs = self.dataset.graphs
        own = graphs.features[:, columns_of(self.blocks, blocks)] if blocks else None
        return replace(self.dataset, graphs=replace(graphs, features=own))


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: ``complete`` with a value, ``pruned``, or ``failed`` with a reason."""

    state: str
    value: float | None = None
    reason: str = ""


def material_of(
    dataset: Dataset, parts: Split, units: dict[str, str], blocks: Sequence[str] = ()
) -> Material:
    """``blocks`` are the features that ``dataset`` has. The molecules of train and
    valid, in the order of the table. Raises Refusal without valid."""
    if not len(parts.valid):
        raise Refusal("there are no validation molecules to compare trials on: see data.split")
    rows = np.sort(np.concatenate([parts.train, parts.valid]))
    train, valid = (np.searchsorted(rows, part) for part in (parts.train, parts.valid))
    return Material(
        dataset.select(rows),
        Split(train, valid, np.zeros(0, dtype=np.int64)),
        dict(units),
        tuple(blocks),
    )


def metric_of(metric: str, tasks: list[Task]) -> str:
    """What ``auto`` stands for: the RMSE of one regression target, ROC-AUC where all are classes,
    and else the loss, in which targets of different units weigh the same. Raises Refusal for a
    metric that none of the tasks has."""
    if metric not in ("auto", *METRICS):
        raise choices("metric", metric, ("auto", *METRICS))
    numbers = sum(task.kind == "regression" for task in tasks)
    if metric == "auto":
        alone = "rmse" if len(tasks) == numbers == 1 else "loss"
        return "roc_auc" if numbers == 0 else alone
    having = [name for kind, names in _OF_KIND.items() for name in names
              if any(task.kind == kind for task in tasks)]  # fmt: skip
    if metric != "loss" and metric not in having:
        raise choices("metric of these targets:", metric, ("auto", "loss", *having))
    return metric


_OF_KIND = {
    "regression": ("rmse", "mae", "r2", "spearman"),
    "binary": ("roc_auc", "pr_auc", "bedroc", "ef1", "log_loss"),
    "multiclass": ("accuracy", "roc_auc", "log_loss"),
}


def attempt(material: Material, options: RunOptions, metric: str, report: Report) -> Outcome:
    """Train with ``options``, and measure on valid. What cannot be done with these options, such
    as a loss that diverges or more memory than there is, makes a failed trial."""
    try:
        job = material.job(options)
        model, histories = learn(job, lambda member, row: _look(options, member, row, report))
        return Outcome("complete", _measured(job, material, model, histories, metric))
    except _Pruned:
        return Outcome("pruned")
    except Refusal as refusal:
        return Outcome("failed", reason=str(refusal))
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or _is_out_of_memory(error):
            return Outcome("failed", reason="out of memory")
        raise


def _look(options: RunOptions, member: int, row: dict, report: Report) -> None:
    """Report each tenth of the first member's training, and end it where that is asked.

    Tenths, not epochs: the learning rate falls over a trial's own number of epochs, so trials of
    30 and of 100 are alike at the same share of them, not in the same epoch.
    """
    epochs = options.fit.epochs
    tenth, before = (n * TENTHS // epochs for n in (row["epoch"], row["epoch"] - 1))
    asked = member == 0 and tenth > before and tenth < TENTHS  # at the end nothing is saved
    if asked and row["valid_loss"] is not None and report(tenth, row["valid_loss"]):
        raise _Pruned


def _measured(
    job: Job, material: Material, model: Predictor, histories: list[list[dict]], metric: str
) -> float:
    if metric == "loss":
        kept = [kept_epoch(history, job.options.fit.chooses) for history in histories]
        losses = [
            rows[epoch - 1]["valid_loss"] for rows, epoch in zip(histories, kept, strict=True)
        ]
        if not losses:
            raise Refusal("without a network there is no loss to compare trials by: give a metric")
        if None in losses:
            raise Refusal("the validation molecules have no label to compare trials on")
        return float(np.mean(losses))
    valid = material.featured(model.blocks).select(material.parts.valid)
    mean = over_members(model.predict_levels(valid.graphs), model.shares)[0]
    found = evaluate(valid.labels, mean, model.tasks, valid.bounds)
    if metric not in found["mean"]:
        reasons = "; ".join(f"{k}: {reason}" for k, reason in found["left_out"].items())
        raise Refusal(f"no {metric} on the validation molecules ({reasons}): try metric=loss")
    return found["mean"][metric]


def _is_out_of_memory(error: RuntimeError) -> bool:
    said = str(error)  # of the CPU's allocator torch has no exception of its own
    known = ("can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(text in said for text in known)
