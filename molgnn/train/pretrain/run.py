"""One pretraining: a library in, a folder with the encoder, its history and a picture out."""

import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from molgnn.chem.descriptors import features_hash, values_of
from molgnn.errors import Refusal
from molgnn.models.autoencoder import MoleculeAutoencoder
from molgnn.models.precision import has_fast_bf16
from molgnn.models.pretrained import Pretrained, load_pretrained, save_pretrained
from molgnn.train import folder as run_folder
from molgnn.train.checkpoint import load_checkpoint
from molgnn.train.ledger import alone
from molgnn.train.members import launch, make_fabric
from molgnn.train.pretrain.excluded import Excluded
from molgnn.train.pretrain.loop import Pretraining, Report
from molgnn.train.pretrain.model import (
    blank_autoencoder,
    code_counts,
    fill_unseen,
    new_autoencoder,
)
from molgnn.train.pretrain.options import PretrainOptions
from molgnn.train.pretrain.picture import progress_picture
from molgnn.train.pretrain.prepared import Prepared, Progress, prepare, readable
from molgnn.train.pretrain.stream import Stream
from molgnn.train.pretrain.watch import collapsed

ENCODER, PICTURE = "encoder", "pretraining.png"


@dataclass(frozen=True)
class PretrainRun:
    """A finished pretraining: its folder, the encoder, and what ``metrics.json`` says."""

    folder: Path
    encoder: Pretrained
    metrics: dict = field(repr=False)


def pretrain(
    options: PretrainOptions,
    out: str | Path,
    *,
    name: str = "",
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    report: Report | None = None,
    progress: Progress = lambda what, rows: None,
) -> PretrainRun:
    """Prepare, train, judge, draw, save. Goes on where ``out`` holds the same run, unfinished.

    ``say`` gets a line at each milestone, ``report`` each row of the history (under DDP it must be
    picklable), ``progress(what, rows)`` what is computed before. Raises Refusal for a library or
    options that cannot be used, and where another process is at work in ``out``.
    """
    out, told = Path(out), _without_workers(options)
    options_used, name = replace(options, fit=_settled(options)), name_of(name, out)
    fabric = _possible(options_used)
    readable(options.data)
    prepared = Path(options.data.prepared or out / "prepared")
    if prepared.resolve() == out.resolve():
        raise Refusal(f"data.prepared={prepared}: that is the run's own folder: give another")
    with alone(out):
        goes_on = run_folder.can_go_on(out, told, force)
        excluded = Excluded(options.data, partial(progress, "molecules to leave out"))
        with alone(prepared):
            molecules = prepare(options.data, prepared, excluded, options.terms.described, progress)
        stream = Stream(molecules, options.fit.valid, options.fit.batch_size, options.seed)
        sha = hashlib.sha256(f"{molecules.sha256} {excluded.sha256}".encode()).hexdigest()
        if goes_on:
            run_folder.go_on(out, sha)
            say(f"going on with the unfinished pretraining in {out}")
        else:
            run_folder.begin_run(out, told, sha)
        say(_account(molecules, stream, excluded, options))
        started = time.perf_counter()
        job = Job(options_used, molecules, out / run_folder.CHECKPOINTS / "state.safetensors")
        model, history = _trained(fabric, job, report)
        metrics = _metrics(history, stream, excluded, time.perf_counter() - started)
        if model.variational:
            for line in collapsed(history[-1]["valid"], _widths(options)):
                say(line)
        counts = code_counts(molecules, stream, options)
        fill_unseen(model, counts)
        card = _card(name, options_used, molecules, excluded, metrics)
        save_pretrained(out / ENCODER, dict(model.state_dict()), counts, card)
        progress_picture(out / PICTURE, history)
        run_folder.finish_run(out, metrics | {"history": history})
        return PretrainRun(out, load_pretrained(out / ENCODER), metrics)


@dataclass(frozen=True)
class Job:
    """What each process needs; it travels to those of DDP."""

    options: PretrainOptions
    molecules: Prepared
    checkpoint: Path


def name_of(name: str, out: Path) -> str:
    """What the encoder is called: by its folder where nobody gives a name."""
    name = name or out.resolve().name
    if not name or not name.isprintable():
        raise Refusal(f"the encoder would be called {name!r}: give another with name=NAME")
    return name


def _possible(options: PretrainOptions) -> Fabric:
    """What this machine can do of the options, before hours go into a library. Raises Refusal."""
    with torch.random.fork_rng():
        blank_autoencoder(options)
    return make_fabric(options.fit)


def _without_workers(options: PretrainOptions) -> PretrainOptions:
    """The options that a result depends on: to be gone on with by any number of workers."""
    return replace(options, data=replace(options.data, workers=None))


def _trained(
    fabric: Fabric, job: Job, report: Report | None
) -> tuple[MoleculeAutoencoder, list[dict]]:
    job.checkpoint.parent.mkdir(exist_ok=True)
    finished = job.checkpoint.exists() and load_checkpoint(job.checkpoint)[1]["finished"]
    with torch.random.fork_rng():
        if job.options.fit.devices > 1 and not finished:
            launch(fabric, partial(train, job=job, report=report))
        elif not finished:
            train(fabric, job, report)
        model = blank_autoencoder(job.options)
    groups, state = load_checkpoint(job.checkpoint)
    model.load_state_dict(groups["model"])
    return model, state["history"]


def train(fabric: Fabric, job: Job, report: Report | None) -> None:
    """Train to the end in this process; the result is the checkpoint."""
    options = job.options
    fit = options.fit
    stream = Stream(job.molecules, fit.valid, fit.batch_size, options.seed)
    model = fabric.to_device(new_autoencoder(options, stream))
    Pretraining(fabric, model, stream, options).run(job.checkpoint, report)


def _settled(options: PretrainOptions):
    """``fit`` with the precision that this machine has."""
    fit = options.fit
    if fit.precision != "auto":
        return fit
    wanted = "cpu" if fit.accelerator == "cpu" or not torch.cuda.is_available() else "cuda"
    on_mps = fit.accelerator == "mps"
    fast = has_fast_bf16(torch.device(wanted)) and not on_mps
    return replace(fit, precision="bf16-mixed" if fast else "32-true")


def _account(molecules: Prepared, stream: Stream, excluded: Excluded, options) -> str:
    left_out = molecules.total - len(molecules)
    parts = [f"{len(stream):,} molecules to learn from, {stream.held.sum():,} held out"]
    if len(excluded.keys):
        parts.append(f"{left_out:,} left out as they are among {len(excluded.keys):,} excluded")
    if excluded.unreadable:
        parts.append(f"{excluded.unreadable:,} rows of data.exclude are no molecules")
    steps = sum(stream.steps(epoch) for epoch in range(options.fit.epochs))
    return "; ".join([*parts, f"{steps:,} steps"])


def _widths(options: PretrainOptions) -> dict[str, int]:
    return {"atoms": options.terms.dim, "graph": options.terms.graph_dim}


def _metrics(history: list[dict], stream: Stream, excluded: Excluded, seconds: float) -> dict:
    rates = [row["molecules_per_second"] for row in history]
    return {
        "train": history[-1]["terms"],
        "valid": history[-1]["valid"],
        "molecules": len(stream),
        "steps": history[-1]["steps"],
        "train_molecules_per_second": float(np.median(rates)),
        "seconds": seconds,
        "excluded": len(excluded.keys),
    }


def _card(
    name: str, options: PretrainOptions, molecules: Prepared, excluded: Excluded, metrics: dict
) -> dict:
    """What the encoder's config says: no path of this machine, files by their names alone."""
    terms, valid = asdict(options.terms), metrics["valid"]
    packages = ("molgnn", "rdkit", "torch", "numpy")
    parts = {
        "parts": list(options.terms.parts),
        "dim": terms["dim"],
        "graph_dim": terms["graph_dim"],
    }
    files = [Path(file["name"]).name for file in molecules.library.manifest["files"]]
    blocks = list(options.terms.described)
    return {
        "name": name,
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": options.seed,
        "encoder": dict(options.encoder),
        "recipe": options.data.recipe,
        "autoencoder": parts | {"variational": options.terms.kl > 0},
        "options": {"terms": terms, "optim": asdict(options.optim), "fit": asdict(options.fit)},
        "library": {"files": files, "molecules": metrics["molecules"], "sha256": molecules.sha256},
        "excluded": {"molecules": len(excluded.keys), "sha256": excluded.sha256},
        "descriptors": {
            "blocks": blocks,
            "hash": features_hash(blocks),
            "values": {block: list(values_of(block)) for block in blocks},
        },
        "metrics": {k: v for k, v in valid.items() if isinstance(v, float | int)}
        | {f"active units, {k}": v for k, v in valid["active_units"].items()},
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
    }
