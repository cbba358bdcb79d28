"""Train the members of an ensemble, one after the other, on molecules featurised once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.multiprocessing import ProcessRaisedException

from molgnn.chem.features import ATOM_SIZES, BOND_SIZES
from molgnn.data.targets import Task, widths
from molgnn.errors import Refusal
from molgnn.models.build import build_model
from molgnn.models.pretrained import Counts, Pretrained, begin_with
from molgnn.models.property import PropertyModel
from molgnn.nn.embed import FieldEmbedding
from molgnn.nn.loss import LevelLoss
from molgnn.train.checkpoint import load_checkpoint
from molgnn.train.examples import Labelled
from molgnn.train.fit import Training
from molgnn.train.losses import task_losses
from molgnn.train.options import FitOptions, RunOptions

EpochDone = Callable[[int, dict], None]


@dataclass(frozen=True)
class Job:
    """What each member needs; it travels to the processes of DDP. ``folder`` holds a checkpoint a
    member; with None there is none, so that nothing can go on, nor come back from DDP. ``blocks``
    are the features of molecules that stand beside the graphs.

    ``folds`` (n,) is the fold of each molecule of ``train``, from 0, where members learn from all
    but one fold and are validated on that one; ``valid`` is then empty. ``pretrained`` is what
    networks begin with, the encoder that ``options.encoder`` says; None: they begin at random.
    """

    options: RunOptions
    tasks: list[Task]
    train: Labelled
    valid: Labelled
    folder: Path | None
    blocks: tuple[str, ...] = ()
    folds: np.ndarray | None = None
    pretrained: Pretrained | None = None

    def without(self, fold: int) -> "Job":
        """The job of those members that do not learn from ``fold``; without folds, this one."""
        if self.folds is None:
            return self
        train, valid = (np.flatnonzero(rows) for rows in (self.folds != fold, self.folds == fold))
        parts = {"train": self.train.select(train), "valid": self.train.select(valid)}
        return replace(self, **parts, folds=None)

    def checkpoint(self, member: int) -> Path | None:
        return None if self.folder is None else self.folder / f"member_{member}.safetensors"


def train_members(
    job: Job, epoch_done: EpochDone | None = None
) -> tuple[list[PropertyModel], list[list[dict]]]:
    """The trained networks and their histories, one row an epoch. Members whose checkpoint in
    ``job.folder`` is finished are read from it; an unfinished one goes on.

    ``epoch_done(member, row)`` is called after each epoch; under DDP it must be picklable.
    """
    models, histories = [], []
    fabric = make_fabric(job.options.fit)
    if job.folder is not None:
        job.folder.mkdir(exist_ok=True)
    for member in range(job.options.fit.networks * len(job.options.model.networks)):
        own = job.without(member % max(job.options.fit.folds, 1))
        best, history = _trained(fabric, own, member, epoch_done)
        model = new_model(own, member)
        model.load_state_dict(best)
        fill_unseen(model, own)
        models.append(model)
        histories.append(history)
    return models, histories


def _trained(
    fabric: Fabric, job: Job, member: int, epoch_done: EpochDone | None
) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """A member's best weights and its history, from its checkpoint where there is a folder."""
    path = job.checkpoint(member)
    if path is None:
        training = trained_member(fabric, job, member, epoch_done)
        return training.best, training.history
    if not _is_finished(path):
        if job.options.fit.devices > 1:
            # Bound, not passed: Fabric looks into arguments, and refuses frozen dataclasses.
            work = partial(train_member, job=job, member=member, epoch_done=epoch_done)
            launch(fabric, work)
        else:
            train_member(fabric, job, member, epoch_done)
    groups, state = load_checkpoint(path)
    return groups["best"], state["history"]


def launch(fabric: Fabric, work: Callable[[Fabric], None]) -> None:
    """Run ``work`` in all processes of DDP; a refusal in one of them is a refusal here. None is
    left when this returns or raises: SIGTERM ends the first alone, and torch leaves the others."""
    before = set(active_children())
    try:
        fabric.launch(work)
    except ProcessRaisedException as error:
        last = str(error).strip().splitlines()[-1]
        name, _, reason = last.partition(": ")
        if name.endswith(Refusal.__name__):
            raise Refusal(reason) from None
        raise
    finally:
        for process in set(active_children()) - before:
            process.terminate()
            process.join()


def train_member(fabric: Fabric, job: Job, member: int, epoch_done: EpochDone | None) -> None:
    """Train one member to the end; its result is its checkpoint, as DDP can hand nothing back."""
    trained_member(fabric, job, member, epoch_done)


def trained_member(fabric: Fabric, job: Job, member: int, epoch_done: EpochDone | None) -> Training:
    """One member, trained to the end."""
    options = job.options
    loss = LevelLoss(task_losses(job.tasks, options.loss, job.train.y))
    seed = member_seed(options.seed, member)
    model = fabric.to_device(new_model(job, member))
    finetune = None if job.pretrained is None else options.finetune
    training = Training(fabric, model, loss, options.optim, options.fit, seed, finetune)
    report = (lambda row: epoch_done(member, row)) if epoch_done else (lambda row: None)
    training.run(job.train, job.valid, report, job.checkpoint(member))
    return training


def new_model(job: Job, member: int) -> PropertyModel:
    """A member's network as it starts: its weights depend on the run's seed and its number, but
    for those of a pretrained encoder."""
    torch.manual_seed(member_seed(job.options.seed, member))
    spec, part = job.options.spec, job.options.model.networks[member // job.options.fit.networks]
    if part == "network":
        spec.pop("features", None)
    model = build_model(**spec, out_dim=widths(job.tasks), computed=job.blocks)
    if model.features is not None:
        model.features.fit(job.train.graphs.features)
    if job.pretrained is not None:
        begin_with(model, job.pretrained, job.options.finetune.head)
    return model


def fill_unseen(model: PropertyModel, job: Job) -> None:
    """Give codes of atoms and bonds that no training molecule has a neutral embedding; a
    pretrained encoder keeps those that pretraining saw."""
    counts = here = code_counts(job.train)
    if job.pretrained is not None:
        both = zip(here, job.pretrained.counts, strict=True)
        counts = tuple([a + b for a, b in zip(*fields, strict=True)] for fields in both)
    of_encoder = set(model.encoder.modules())
    for part in model.modules():
        if isinstance(part, FieldEmbedding):
            atoms, bonds = counts if part in of_encoder else here
            part.fill_unseen(atoms if part.sizes == ATOM_SIZES else bonds)


def code_counts(train: Labelled) -> Counts:
    """How often each code of each atom field and of each bond field occurs."""
    return tuple(
        [
            torch.bincount(torch.from_numpy(codes[:, f].astype("int64")), minlength=size)
            for f, size in enumerate(sizes)
        ]
        for codes, sizes in (
            (train.graphs.atoms, ATOM_SIZES),
            (train.graphs.bonds, BOND_SIZES),
        )
    )


def member_seed(seed: int, member: int) -> int:
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


def make_fabric(fit: FitOptions) -> Fabric:
    """Device, precision and DDP as asked. Raises Refusal for what this machine does not have."""
    strategy = "ddp_spawn" if fit.devices > 1 else "auto"
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells its precision
    try:
        return Fabric(
            accelerator=fit.accelerator,
            strategy=strategy,
            devices=fit.devices,
            precision=fit.precision,
        )
    except (ValueError, RuntimeError, ImportError) as error:
        settings = f"accelerator={fit.accelerator} devices={fit.devices} precision={fit.precision}"
        reason = " ".join(str(error).split())
        raise Refusal(f"fit.{settings} cannot be used here: {reason}") from None


def _is_finished(checkpoint: Path) -> bool:
    return checkpoint.exists() and load_checkpoint(checkpoint)[1]["finished"]
