"""One training run: a table in, a folder with model, figures and pictures out."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd

from molgnn.data.named.registry import entry_of, find_or_fetch, read_named
from molgnn.data.readers.reader import file_sha256
from molgnn.data.readers.rejects import write_rejects
from molgnn.data.tables.features import with_features
from molgnn.data.tables.leak import leak_report
from molgnn.data.tables.split import Split, split
from molgnn.data.tables.table import Dataset, read_dataset
from molgnn.data.wishes import Wishes, make_tasks
from molgnn.errors import Refusal
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.ensemble import Predictor
from molgnn.train import folder as run_folder
from molgnn.train import plots
from molgnn.train.begin import begun, told
from molgnn.train.evaluate import judge
from molgnn.train.kfold import account, pooled, together
from molgnn.train.learn import job_of, learn, wishes_of
from molgnn.train.ledger import alone
from molgnn.train.members import EpochDone, Job
from molgnn.train.options import DataOptions, RunOptions
from molgnn.train.record import card, describe, kept_epoch, speed, training_table, what_learns


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its model, and what ``metrics.json`` says."""

    folder: Path
    model: Predictor
    metrics: dict = field(repr=False)

    @property
    def predictions(self) -> pd.DataFrame:
        """Each molecule with its line, id, SMILES, part of the split, labels and predictions."""
        return pd.read_parquet(self.folder / "predictions.parquet")


def run(
    options: RunOptions,
    out: str | Path,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    epoch_done: EpochDone | None = None,
    reading: Callable[[int, int], None] | None = None,
) -> Run:
    """Read, split, train, judge, draw, save. Goes on where ``out`` holds the same run, unfinished.

    ``say`` gets a line at each milestone, ``reading(done, total)`` and ``epoch_done(member, row)``
    the progress. Raises Refusal for data or options that cannot be used, and where another process
    is at work in ``out``.
    """
    with alone(Path(out)):
        return _run(options, Path(out), force, say, epoch_done, reading)


def _run(
    options: RunOptions,
    out: Path,
    force: bool,
    say: Callable[[str], None],
    epoch_done: EpochDone | None,
    reading: Callable[[int, int], None] | None,
) -> Run:
    started = time.perf_counter()
    options, pretrained = begun(options)
    goes_on = run_folder.can_go_on(out, options, force)
    dataset, source, units = read_data(options.data, options.kind, reading)
    parts = pooled(split_data(dataset, options), options)
    wishes = wishes_of(options, units)
    tasks = make_tasks(dataset.names, dataset.labels, dataset.bounds, parts.train, wishes)
    options_used = replace(options, model=options.model.for_tasks(tasks))
    dataset = with_features(dataset, options_used.model.blocks, reading)
    checkpoints = out / run_folder.CHECKPOINTS
    job = job_of(options_used, dataset, tasks, parts, checkpoints, pretrained=pretrained)
    sha256s = file_sha256(source), pretrained and pretrained.sha256
    if goes_on:
        run_folder.go_on(out, *sha256s)
        say(f"going on with the unfinished run in {out}")
    else:
        run_folder.begin_run(out, options, *sha256s)
    say(f"{out}: {what_learns(job.options)}, seed {options.seed}")
    asked = options.model.settled(tasks).shallow
    left = [part for part in asked if part not in options_used.model.parts]
    if left:
        what = "can do neither atoms and bonds nor quantiles"
        say(f"networks predict alone: {' and '.join(left)} {what}")
    if options.fit.members > 1 and not job.options.model.networks:
        say(f"fit.members={options.fit.members} counts for networks, and there is none")
    say(describe(dataset))  # only now: a refusal is the one line that a user sees
    write_rejects(out / "rejects.csv", dataset.rejects, force=True)
    try:
        model, histories = learn(job, epoch_done, say)
    except Refusal:
        if not goes_on:  # other options would be refused here, for the sake of nothing
            run_folder.clear(out)
        raise
    first, learnt = None, parts
    if options.fit.valid == "refit" and len(parts.valid):
        say("again, on train and valid")
        first, learnt = model, together(parts)
        model = _refitted(job, dataset, learnt, wishes, len(histories), epoch_done)
    metrics = judge(model, dataset, parts, options, out, job.folds, first)
    metrics |= told(options, pretrained) | {
        "parts": list(job.options.model.parts),
        "refit": first is not None,
        "leaks": leak_report(dataset.smiles, parts, options.seed),
        "epochs": [len(history) for history in histories],
        "best_epoch": [kept_epoch(history, options.fit.chooses) for history in histories],
        "history": histories,
        "train_molecules_per_second": speed(histories),
        "seconds": time.perf_counter() - started,
        "repeats": asdict(dataset.repeats),
        "rejected_rows": len(dataset.rejects),
        "unlabelled_rows": dataset.unlabelled,
    }
    if job.folds is not None:
        metrics["folds"] = account(job.folds, options)
    if histories:
        plots.learning_curve(out / "learning_curve.png", histories)
    model.card = card(options_used, dataset, parts, learnt, source, metrics)
    model.card |= told(options, pretrained)
    save_bundle(out / run_folder.MODEL, model, job.options.spec, training_table(dataset, learnt))
    run_folder.finish_run(out, metrics)
    return Run(out, load_bundle(out / run_folder.MODEL, str(model.device)), metrics)


def _refitted(
    job: Job,
    dataset: Dataset,
    learnt: Split,
    wishes: Wishes,
    before: int,
    epoch_done: EpochDone | None,
) -> Predictor:
    """The model of a job, anew on what is ``learnt`` now; networks are counted from ``before``."""
    tasks = make_tasks(dataset.names, dataset.labels, dataset.bounds, learnt.train, wishes)
    folder = job.folder / run_folder.REFIT
    again = job_of(job.options, dataset, tasks, learnt, folder, pretrained=job.pretrained)
    return learn(again, epoch_done and partial(_later, epoch_done, before))[0]


def _later(epoch_done: EpochDone, before: int, member: int, row: dict) -> None:
    epoch_done(before + member, row)


def read_data(
    data: DataOptions, kind, reading: Callable[[int, int], None] | None
) -> tuple[Dataset, Path, dict[str, str]]:
    """The molecules, the file they are from, and the units of the tasks."""
    column = data.split.column if data.split.name == "column" else None
    if data.path is None and not data.name:
        raise Refusal("no data: name a data set (data=esol) or a table (data=csv data.path=FILE)")
    if data.path is None:
        entry = entry_of(data.name)
        if data.targets or data.atom_targets or data.bond_targets or data.smiles:
            raise Refusal(
                f"{data.name} is a named data set with columns of its own: leave data.targets and "
                "data.smiles out, or give data=csv data.path=FILE"
            )
        source = find_or_fetch(data.name)
        dataset = read_named(
            data.name, recipe=data.recipe, repeats=data.repeats, group_by=column, progress=reading
        )
        return dataset, source, {**entry.units, **data.units}
    if not (data.targets or data.atom_targets or data.bond_targets):
        raise Refusal(f"{data.path}: which columns to learn? give data.targets=[NAME,...]")
    fixed = {"regression": False, "binary": True, "multiclass": True}
    dataset = read_dataset(
        data.path,
        targets=data.targets,
        atom_targets=data.atom_targets,
        bond_targets=data.bond_targets,
        smiles=data.smiles,
        id=data.id,
        recipe=data.recipe,
        repeats=data.repeats,
        classification=fixed.get(kind) if isinstance(kind, str) else None,
        group_by=column,
        name=data.name or None,
        progress=reading,
    )
    return dataset, Path(data.path), dict(data.units)


def split_data(dataset: Dataset, options: RunOptions) -> Split:
    wanted = options.data.split
    values = None
    if wanted.name == "column":
        values = dataset.columns.get(wanted.column)
        if values is None:
            raise Refusal(f"data set {dataset.name!r} has no column {wanted.column!r} to split by")
    return split(
        dataset.smiles,
        dataset.y,
        name=wanted.name,
        seed=options.seed,
        sizes=wanted.sizes,
        column_values=values,
        fold=wanted.fold,
        folds=wanted.folds,
    )
