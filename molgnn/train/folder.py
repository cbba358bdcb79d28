"""A run's folder: what is in it, and when work may go on in it."""

import dataclasses
import json
import shutil
from pathlib import Path

import yaml

from molgnn.errors import Refusal
from molgnn.train.options import RunOptions

CONFIG, METRICS, CHECKPOINTS, MODEL = "config.yaml", "metrics.json", "checkpoints", "model"
WRITTEN = (
    CONFIG, METRICS, CHECKPOINTS, MODEL, "predictions.parquet", "rejects.csv",
    "learning_curve.png", "parity.png", "roc_pr.png", "confusion.png",
)  # fmt: skip


def open_run(folder: Path, options: RunOptions, force: bool = False) -> bool:
    """Make ``folder`` ready for a run of ``options``; True if an unfinished one there goes on.

    Raises Refusal where a finished run, another run, or something else lies there already; with
    ``force``, what a run writes is removed first, and nothing else. A run that stopped before its
    first epoch holds nothing worth keeping and gives way.
    """
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder} is a file: give another folder with out=DIR")
    present = [name for name in WRITTEN if (folder / name).exists()]
    unbegun = CONFIG in present and set(present) <= {CONFIG, "rejects.csv"}
    if not present or force or unbegun:
        _begin(folder, present, options)
        return False
    remedy = "choose another out=DIR, or replace it with force=true"
    if CONFIG not in present:
        raise Refusal(f"{folder} holds {present[0]} but no {CONFIG}: {remedy}")
    if yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8")) != plain(options):
        raise Refusal(f"{folder} holds a run with other options: {remedy}")
    if METRICS in present:
        raise Refusal(f"{folder} holds this run, finished: {remedy}")
    return True


def _begin(folder: Path, present: list[str], options: RunOptions) -> None:
    for name in present:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(plain(options), sort_keys=False, allow_unicode=True)
    (folder / CONFIG).write_text(text, encoding="utf-8")


def finish_run(folder: Path, metrics: dict) -> None:
    """``metrics.json``, written last and whole, marks a finished run; checkpoints are done with."""
    partial = folder / f"{METRICS}.partial"
    partial.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    partial.rename(folder / METRICS)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def plain(options: RunOptions) -> dict:
    """Options as JSON-able data: tuples become lists."""
    return json.loads(json.dumps(dataclasses.asdict(options)))
