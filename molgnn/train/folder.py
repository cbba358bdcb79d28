"""A run's folder: what is in it, and when work may go on in it."""

import dataclasses
import json
import shutil
from pathlib import Path

import yaml

from molgnn.errors import Refusal
from molgnn.train.options import RunOptions

CONFIG, METRICS, CHECKPOINTS, MODEL = "config.yaml", "metrics.json", "checkpoints", "model"
REFIT = "refit"  # in the folder of checkpoints: those of the second training
SHA = "data_sha256"  # beside the options in config.yaml: that of the table
BEGUN = "pretrained_sha256"  # and that of the encoder to begin with, if there is one
WRITTEN = (
    CONFIG, METRICS, CHECKPOINTS, MODEL, "predictions.parquet", "rejects.csv",
    "learning_curve.png", "parity.png", "roc_pr.png", "confusion.png", "domain.png",
    "encoder", "pretraining.png",
)  # fmt: skip


def can_go_on(folder: Path, options: RunOptions, force: bool = False) -> bool:
    """Whether an unfinished run of ``options`` lies in ``folder``; False if a new one may begin.

    Raises Refusal where a finished run, another run, or something else lies there already, unless
    ``force``. Nothing is touched yet: data that cannot be used must not cost an old run.
    """
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder} is a file: give another folder with out=DIR")
    present = [name for name in WRITTEN if (folder / name).exists()]
    if not present or force:
        return False
    remedy = "choose another out=DIR, or replace it with force=true"
    if CONFIG not in present:
        raise Refusal(f"{folder} holds {present[0]} but no {CONFIG}: {remedy}")
    if {k: v for k, v in _config(folder).items() if k not in (SHA, BEGUN)} != plain(options):
        raise Refusal(f"{folder} holds a run with other options: {remedy}")
    if METRICS in present:
        raise Refusal(f"{folder} holds this run, finished: {remedy}")
    return True


def go_on(folder: Path, data_sha256: str, pretrained_sha256: str | None = None) -> None:
    """Raises Refusal if the data, or the pretrained encoder, is another now than when the run
    in ``folder`` began."""
    begun, now = _config(folder), {SHA: data_sha256, BEGUN: pretrained_sha256}
    for key, what in ((SHA, "data"), (BEGUN, "pretrained encoder")):
        if begun.get(key) != now[key]:
            raise Refusal(
                f"{folder} holds an unfinished run, but its {what} has changed since: choose "
                "another out=DIR, or start anew with force=true"
            )


def begin_run(
    folder: Path, options: RunOptions, data_sha256: str, pretrained_sha256: str | None = None
) -> None:
    """Remove what an earlier run wrote here, and nothing else; write ``config.yaml``."""
    clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {**plain(options), SHA: data_sha256}
    if pretrained_sha256 is not None:
        config[BEGUN] = pretrained_sha256
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (folder / CONFIG).write_text(text, encoding="utf-8")


def clear(folder: Path) -> None:
    """Remove what a run wrote here, and nothing else."""
    for path in (folder / name for name in WRITTEN):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _config(folder: Path) -> dict:
    path = folder / CONFIG
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        config = None
    if not isinstance(config, dict):
        raise Refusal(f"{path}: not the config of a run: choose another out=DIR, or force=true")
    return config


def finish_run(folder: Path, metrics: dict) -> None:
    """``metrics.json``, written last and whole, marks a finished run; checkpoints are done with."""
    partial = folder / f"{METRICS}.partial"
    partial.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    partial.rename(folder / METRICS)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def plain(options: RunOptions) -> dict:
    """Options as JSON-able data: tuples become lists. Without a pretrained encoder nothing is said
    of one, as in the days before there were any: what was begun then goes on."""
    found = json.loads(json.dumps(dataclasses.asdict(options)))
    if found.get("pretrained", "") is None:
        del found["pretrained"], found["finetune"]
    return found
