"""From molecules in memory to a trained model: the way that runs and estimators have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from molgnn.chem.descriptors import feature_names
from molgnn.data.levels import LEVELS
from molgnn.data.scaling import encode
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task, tasks_at
from molgnn.data.wishes import Wishes
from molgnn.models.ensemble import Predictor
from molgnn.models.pretrained import Pretrained
from molgnn.models.shallow.model import Fitting, ShallowModel, fit_shallow
from molgnn.train.begin import begun
from molgnn.train.examples import Labelled
from molgnn.train.kfold import check_folds, deal, pooled
from molgnn.train.losses import task_losses
from molgnn.train.members import EpochDone, Job, train_members
from molgnn.train.options import RunOptions


def wishes_of(options: RunOptions, units: Mapping[str, str] | None = None) -> Wishes:
    """What the options of a run wish of its targets, of which ``units`` are known."""
    loss = options.loss
    wished = options.kind, options.data.transform, loss.asked_quantiles
    return Wishes(*wished, units, loss.spread)


def job_of(
    options: RunOptions,
    dataset: Dataset,
    tasks: Sequence[Task],
    parts: Split,
    folder: Path | None = None,
    weight: np.ndarray | None = None,
    pretrained: Pretrained | None = None,
) -> Job:
    """What is to be learnt: graphs and labels of ``dataset`` by ``parts``, scaled as ``tasks`` say.

    ``weight`` (B,) says how much each molecule counts, in training and in the choice of the best
    epoch; only ratios matter. ``folder`` is for checkpoints, see ``Job``. ``pretrained`` is the
    encoder of ``options.pretrained``, which is loaded if it is None.

    With ``fit.folds`` train and valid of ``parts`` are one, cut into folds. ``tasks``, how labels
    are scaled, are then the one thing that members share, since a model has one way back to the
    users' units. Where they were fitted to all folds, a mean and a deviation (for ``rank`` the
    quantiles) are what a member knows of the labels of its own fold.

    Raises Refusal for labels that do not fit their transform, for losses that cannot be, and as
    ``kfold.deal``, ``kfold.check_folds`` and ``begin.begun`` do.

    The graphs must have the features of ``options.model.blocks``, and no others.
    """
    blocks = options.model.blocks  # those that the dataset has, needed or not
    found, wanted = dataset.graphs.features, len(feature_names(blocks))
    if (0 if found is None else found.shape[1]) != wanted:
        raise ValueError(f"the graphs need the features {blocks}, and no others")
    options, pretrained = begun(options, pretrained)
    options = replace(options, model=options.model.for_tasks(tasks))
    labelled = as_learnt(dataset, tasks)
    task_losses(tasks, options.loss, labelled.y)  # refuses now, while no folder is touched
    if weight is not None:
        labelled = replace(labelled, weight=(weight / weight.mean()).astype(np.float32))
    parts, folds = pooled(parts, options), None
    train, valid = (labelled.select(rows) for rows in (parts.train, parts.valid))
    if options.fit.folds:
        folds = deal(dataset, parts.train, options)
        check_folds(train, folds, tasks)
    return Job(options, list(tasks), train, valid, folder, blocks, folds, pretrained)


def learn(
    job: Job, epoch_done: EpochDone | None = None, say: Callable[[str], None] = lambda line: None
) -> tuple[Predictor, list[list[dict]]]:
    """The trained model, on the CPU, and for each network its history, one row an epoch.
    ``say`` gets a line where models without a graph begin after networks.

    torch's global random numbers go on afterwards as if nothing had been drawn.
    """
    models, histories = [], []
    if job.options.model.networks:
        with torch.random.fork_rng(devices=_devices(job.options.fit.accelerator)):
            models, histories = train_members(job, epoch_done)
    options = job.options.model
    predictor = Predictor(models, job.tasks, job.options.data.recipe, blocks=job.blocks)
    if models and options.shallow:
        say(f"{', '.join(options.shallow)}: learning")
    predictor.shallow = _shallow(job, predictor)
    if len(options.parts) > 1:
        predictor.shares = _shares(job)
    return predictor, histories


def _shares(job: Job) -> np.ndarray:
    """What each member counts: all parts the same, and in a part its members."""
    options = job.options
    counts = [options.fit.networks] * len(options.model.networks)
    counts += [max(options.fit.folds, 1)] * len(options.model.shallow)
    return np.repeat(1.0 / len(counts) / np.array(counts), counts)


def _exact(molecules: Labelled) -> np.ndarray:
    """Labels of molecules, those that are bounds left out."""
    y = molecules.y.molecule
    return y if molecules.bounds is None else np.where(molecules.bounds.molecule == 0, y, np.nan)


def _shallow(job: Job, networks: Predictor) -> list[ShallowModel]:
    """For each kind one model, or with folds one a fold."""
    jobs = [job.without(fold) for fold in range(max(job.options.fit.folds, 1))]
    each = [_shallow_of(own, networks) for own in jobs]
    return [model for kind in zip(*each, strict=True) for model in kind]


def _shallow_of(job: Job, networks: Predictor) -> list[ShallowModel]:
    options, train = job.options.model, job.train
    vectors = networks.scorer().embed(train.graphs) if options.embeddings else None
    return [
        fit_shallow(
            Fitting(
                kind,
                options.forest_features if kind == "forest" else options.features,
                options.embeddings,
                options.trees,
                options.neighbours,
            ),
            train.graphs.features,
            vectors,
            _exact(train),
            job.tasks,
            job.options.seed,
            train.weight,
            job.blocks,
        )
        for kind in options.shallow
    ]


def as_learnt(dataset: Dataset, tasks: Sequence[Task]) -> Labelled:
    """The labels as a network learns them."""
    y = dataset.labels.map(lambda level, labels: encode(labels, tasks_at(tasks, level)))
    bounded = any(dataset.bounds[level].any() for level in LEVELS)
    return Labelled(dataset.graphs, y, dataset.bounds if bounded else None)


def _devices(accelerator: str) -> range:
    """The GPUs whose random numbers a training changes: seeds are set on all of them at once."""
    on_gpu = torch.cuda.is_available() and accelerator in ("auto", "cuda", "gpu")
    return range(torch.cuda.device_count() if on_gpu or torch.cuda.is_initialized() else 0)
