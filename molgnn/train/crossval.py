"""Repeated cross-validation: configurations on the same folds, each fold done once and kept."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molgnn.data.levels import Levels
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.baseline import baseline_predictions
from molgnn.train import ledger
from molgnn.train.crossplan import FOREST, PLACE, Plan, Side
from molgnn.train.evaluate import over_members, predictions_table
from molgnn.train.kfold import together
from molgnn.train.learn import job_of, learn
from molgnn.train.metrics import evaluate
from molgnn.train.options import RunOptions, SplitOptions

FOLDS, PREDICTIONS = "folds.jsonl", "predictions"
OURS = {FOLDS, PREDICTIONS, ledger.LOCK}  # what there is before the first fold is done
WHERE = ("config", "repeat", "fold")
WRITER = "molgnn evaluate"
_NEEDED = {"config": str, "repeat": int, "fold": int, "asked": dict, "figures": ledger.FIGURES,
           "per_task": dict, "left_out": dict, "seconds": ledger.NUMBER}  # fmt: skip


def done_before(plan: Plan, out: Path) -> dict[tuple, dict]:
    """(side, repeat, fold) -> its line in OUT/folds.jsonl. Raises Refusal where OUT holds something
    else, or folds that are not part of this plan, and says which option differs."""
    others = sorted(path.name for path in out.iterdir() if path.name not in OURS)
    if others and not (out / FOLDS).exists():
        raise Refusal(f"{out} holds {others[0]} and no evaluation: give another --out")
    sides = {side.name: side for side in plan.sides}
    found = {}
    for line in ledger.lines(out / FOLDS, WRITER, needed=_NEEDED):
        where = tuple(line[name] for name in WHERE)
        if line["config"] not in sides:
            raise _another(out, f"it holds folds of {line['config']}, which is not asked for")
        differs = ledger.difference(line["asked"], sides[line["config"]].asked)
        if line["asked"].get("data_sha256") != plan.data_sha256:
            raise _another(out, "its table has changed since")
        if differs:
            raise _another(out, f"{line['config']}: {differs.removeprefix('options.')}")
        if line["repeat"] >= plan.how.repeats:
            raise _another(out, f"it holds more than {plan.how.repeats} repeats")
        if _is_whole(predictions_file(out, *where)):
            found[where] = line
    return found


def _is_whole(path: Path) -> bool:
    """Whether a table of predictions is there; a damaged one is made again."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True


def _another(out: Path, why: str) -> Refusal:
    return Refusal(f"{out} holds another evaluation ({why}): give another --out")


def cross_validate(
    plan: Plan, out: Path, fold_done: Callable[[dict, list[str]], None] = lambda record, left: None
) -> dict[tuple, dict]:
    """The record of each (side, repeat, fold): read from OUT/folds.jsonl, or made now and added.

    A record has ``config, repeat, fold, asked, sizes, figures, per_task, left_out, seconds``; the
    predictions for its fold lie in OUT/predictions. ``fold_done(record, left)`` is called for each
    that was made, with the names of the sides of those left. Raises Refusal as `done_before` does,
    and where another process is at work in OUT.
    """
    with ledger.alone(out):
        records = done_before(plan, out)
        (out / PREDICTIONS).mkdir(exist_ok=True)
        left = [(*at, side) for *at, side in plan if (side.name, *at) not in records]
        for number, (repeat, fold, side) in enumerate(left, 1):
            record = _made(plan, side, repeat, fold, out)
            ledger.append(out / FOLDS, record)
            records[side.name, repeat, fold] = record
            fold_done(record, [further.name for *_, further in left[number:]])
    return records


def _made(plan: Plan, side: Side, repeat: int, fold: int, out: Path) -> dict:
    """Learn outside the fold, predict it, keep predictions and figures."""
    started = time.perf_counter()
    parts, tasks = plan.splits[repeat][fold], side.tasks[repeat][fold]
    seed = int(np.random.SeedSequence([side.options.seed, repeat, fold]).generate_state(1)[0])
    asked = side.dataset.select(parts.test)
    split = SplitOptions(plan.how.split)  # by which fit.folds cuts what is outside the fold
    options = replace(side.options, seed=seed, data=replace(side.options.data, split=split))
    each, own, shares = _predicted(parts, asked, tasks, side, options)
    mean, spread = over_members(each, shares, own)
    result = evaluate(asked.labels, mean, tasks, asked.bounds)
    place = dict(zip(PLACE, np.full((2, len(asked)), [[repeat], [fold]]), strict=True))
    table = pa.table(predictions_table(tasks, asked, mean, spread, **place))
    pq.write_table(table, predictions_file(out, side.name, repeat, fold))
    return {
        "config": side.name,
        "repeat": repeat,
        "fold": fold,
        "asked": side.asked,
        "sizes": {part: len(rows) for part, rows in parts.parts().items()},
        "figures": result["mean"],
        "per_task": result["per_task"],
        "left_out": result["left_out"],
        "seconds": time.perf_counter() - started,
    }


def _predicted(
    parts: Split, asked: Dataset, tasks: list[Task], side: Side, options: RunOptions
) -> tuple[list[Levels], list[Levels] | None, np.ndarray | None]:
    """Each member's predictions for the fold ``asked``, of which only the molecules are seen, its
    own deviations (see ``models.answers``), and what each member counts."""
    dataset = side.dataset
    if side.name == FOREST:
        known = dataset.select(together(parts).train)
        return [baseline_predictions(known, asked, tasks, options.seed)], None, None
    if options.fit.valid == "refit":  # what the first of its two trainings tells is not asked here
        options = replace(options, fit=replace(options.fit, valid="learn"))
    with ExitStack() as stack:
        folder = None
        if options.fit.devices > 1:  # processes of DDP hand back what they learnt in files
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="molgnn-")))
        job = job_of(options, dataset, tasks, parts, folder, pretrained=side.pretrained)
        model, _ = learn(job)
    return *model.answers(asked.graphs), model.shares


def predictions_file(out: Path, side: str, repeat: int, fold: int) -> Path:
    """The out-of-fold predictions of one fold."""
    return out / PREDICTIONS / f"{side}-{repeat}-{fold}.parquet"
