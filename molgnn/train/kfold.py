"""K-fold ensembles: train and valid in folds, each to judge the members that never saw it."""

from collections.abc import Sequence

import numpy as np

from molgnn.data.levels import LEVELS, Levels
from molgnn.data.tables.folds import cross_splits
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task, tasks_at
from molgnn.errors import Refusal
from molgnn.models.ensemble import Predictor
from molgnn.train.examples import Labelled
from molgnn.train.options import RunOptions

COLUMN = "fold"  # in the table of predictions
NEVER = -1  # the fold of a molecule that no member saw
_RULES = {"scaffold": "scaffold", "balanced_scaffold": "scaffold", "stratified": "stratified"}


def rule_of(options: RunOptions) -> str:
    """How folds are cut: as the split is, where that is by scaffolds or labels; else at random."""
    return _RULES.get(options.data.split.name, "random")


def pooled(parts: Split, options: RunOptions) -> Split:
    """Train and valid as one part, train, with ``fit.folds`` or ``fit.valid=learn``; else the parts
    as they are."""
    if not options.fit.folds and options.fit.valid != "learn":
        return parts
    return together(parts)


def together(parts: Split) -> Split:
    both = np.sort(np.concatenate([parts.train, parts.valid]))
    return Split(both, parts.valid[:0], parts.test)


def deal(dataset: Dataset, rows: np.ndarray, options: RunOptions) -> np.ndarray:
    """(n,) the fold of each of the molecules ``rows``, from 0: those of ``cross_splits``, by the
    run's seed. A molecule that stands twice is in one fold. Raises Refusal where there are too few
    molecules or scaffolds, and for a target whose name the table of predictions needs."""
    if any(COLUMN in names for names in dataset.names.values()):
        raise Refusal(f"target {COLUMN!r}: with fit.folds the name is needed: rename it")
    smiles = np.array(dataset.smiles, dtype=object)[rows]
    _, first, which = np.unique(smiles.astype(str), return_index=True, return_inverse=True)
    wanted = {"name": rule_of(options), "folds": options.fit.folds, "seed": options.seed}
    try:
        (splits,) = cross_splits(smiles[first].tolist(), dataset.y[rows][first], **wanted)
    except Refusal as refusal:
        raise Refusal(f"fit.folds={options.fit.folds}: {refusal}") from None
    fold_of = np.empty(len(first), dtype=np.int64)
    for fold, split in enumerate(splits):
        fold_of[split.test] = fold
    return fold_of[which.ravel()]


def account(folds: np.ndarray, options: RunOptions) -> dict:
    """What ``metrics.json`` says of the folds (n,)."""
    sizes = np.bincount(folds).tolist()
    return {"folds": len(sizes), "rule": rule_of(options), "molecules": sizes}


def explained(found: dict) -> str:
    """What the figures of valid are, in a line, for an ``account``."""
    return (
        f"valid: out of fold ({found['folds']} folds, {found['rule']}), each molecule of train and "
        "valid predicted by the members that did not learn from it"
    )


def check_folds(learnt: Labelled, folds: np.ndarray, tasks: Sequence[Task]) -> None:
    """Raises Refusal for a target of which some member would see no exact label, or one value
    alone; of all folds together ``make_tasks`` refuses the same."""
    for level in LEVELS:
        fold_of = learnt.y.spread(level, folds)
        for column, task in enumerate(tasks_at(tasks, level)):
            y = learnt.y[level][:, column]
            known = ~np.isnan(y)
            if learnt.bounds is not None:
                known &= learnt.bounds[level][:, column] == 0
            for fold in range(folds.max() + 1):
                if len(np.unique(y[known & (fold_of != fold)])) < 2:
                    raise Refusal(
                        f"fit.folds={folds.max() + 1}: target {task.name!r} has no two different "
                        f"labels outside fold {fold + 1}: leave it out, or take fewer folds or "
                        "data.split.name=stratified"
                    )


def member_folds(model: Predictor, folds: int) -> np.ndarray:
    """(members,) the fold that each member of ``model`` did not learn from: networks take turns,
    and of each kind without a graph there is one a fold."""
    return np.concatenate([np.arange(len(m)) % folds for m in (model.members, model.shallow)])


def out_of_fold(
    model: Predictor,
    each: Sequence[Levels],
    fold_of: np.ndarray,
    own: Sequence[Levels] | None = None,
) -> tuple[Levels, Levels]:
    """Mean and standard deviation over the members that did not learn from a molecule, ``own``
    being what each says of its own, as for `models.lists.mean_and_spread`.

    ``each`` are the members' predictions of B molecules, ``fold_of`` (B,) says in which fold a
    molecule is; one that is in none, ``NEVER``, gets all members. Members count as in
    ``model.shares``. Where one member answers alone the standard deviation is its own, else NaN.
    """
    its_fold = member_folds(model, int(fold_of.max()) + 1)
    counts = (fold_of == NEVER) | (fold_of == its_fold[:, None])
    shares = np.ones(len(each)) if model.shares is None else model.shares
    weights = shares[:, None] * counts
    weights /= weights.sum(axis=0)
    means, spreads = {}, {}
    for level in LEVELS:
        values = np.stack([member[level] for member in each])
        w = np.stack([each[0].spread(level, weight) for weight in weights])[..., None]
        means[level] = (w * values).sum(axis=0)
        squares = (w * (values - means[level]) ** 2).sum(axis=0)
        alone = (w > 0).sum(axis=0) == 1
        spreads[level] = np.sqrt(squares / np.where(alone, np.nan, 1.0 - (w**2).sum(axis=0)))
        if own is not None:
            stds = np.stack([member[level] for member in own])
            variance = (w * np.nan_to_num(stds) ** 2).sum(axis=0)
            said = ((w > 0) & ~np.isnan(stds)).any(axis=0)
            both = np.sqrt(np.nan_to_num(spreads[level]) ** 2 + variance)
            spreads[level] = np.where(said, both, spreads[level])
    one = each[0]
    return one.map(lambda level, _: means[level]), one.map(lambda level, _: spreads[level])
