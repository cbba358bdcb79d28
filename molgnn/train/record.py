"""What a run leaves on record: the account of its data, its card, its training molecules."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
from rdkit import Chem

from molgnn.chem.fingerprint import morgan
from molgnn.data.readers.reader import file_sha256
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.models.domain import KEY as DOMAIN
from molgnn.train import folder as run_folder
from molgnn.train.options import RunOptions


def describe(dataset: Dataset) -> str:
    """The account of a table in one line."""
    repeats = dataset.repeats
    parts = [f"{len(dataset):,} molecules from {dataset.rows:,} rows of {dataset.name}"]
    if dataset.rejects:
        parts.append(f"{len(dataset.rejects):,} bad rows in rejects.csv")
    if dataset.stranded:
        parts.append(f"{dataset.stranded:,} labels of hydrogens or removed fragments left out")
    if dataset.unlabelled:
        parts.append(f"{dataset.unlabelled:,} rows without a label left out")
    if repeats.groups:
        parts.append(
            f"{repeats.groups:,} repeated molecules, {repeats.conflicts:,} with differing labels "
            f"(rule {repeats.rule}: {repeats.merged:,} rows merged, {repeats.dropped:,} dropped)"
        )
    return "; ".join(parts)


def what_learns(options: RunOptions) -> str:
    """The parts of a model in a few words."""
    said = " + ".join(options.model.parts)
    if options.model.networks:
        members = options.fit.networks
        many = f", {members} networks of each kind" if members > 1 else ""
        begun = f" from {options.pretrained}, {options.finetune.mode}" if options.pretrained else ""
        said += f" ({options.encoder.get('name')}{begun}, {options.fit.epochs} epochs{many})"
    return f"{said}, in {options.fit.folds} folds" if options.fit.folds else said


def kept_epoch(history: list[dict], chooses: bool) -> int:
    """The epoch whose weights were kept: of the lowest validation loss, or the last."""
    losses = [row["valid_loss"] for row in history]
    return len(history) if None in losses or not chooses else int(np.argmin(losses)) + 1


def speed(histories: list[list[dict]]) -> float:
    """Median training molecules a second over all epochs, 0 without a network."""
    if not histories:
        return 0.0
    return float(np.median([row["molecules_per_second"] for h in histories for row in h]))


def card(
    options: RunOptions,
    dataset: Dataset,
    parts: Split,
    learnt: Split,
    source: Path | None,
    metrics: dict,
) -> dict:
    """What a bundle says of where it comes from: ``parts`` are those of the figures, ``learnt``
    those that the model learnt from; ``source`` is the table, if there was one."""
    figures = {part: metrics[part] for part in ("train", "valid", "test") if metrics.get(part)}
    if "test" in metrics.get("baseline", {}):
        figures["forest test"] = metrics["baseline"]["test"]
    packages = ("molgnn", "rdkit", "torch", "torch_geometric", "numpy")
    return {
        "name": dataset.name,
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": options.seed,
        "options": run_folder.plain(options),
        "data": {
            "name": dataset.name,
            **({"file": source.name, "sha256": file_sha256(source)} if source else {}),
            "split": options.data.split.name,
            **({"folds": options.fit.folds} if options.fit.folds else {}),
            **({"refit": True} if learnt is not parts else {}),
            "counts": {part: len(rows) for part, rows in parts.parts().items()},
            "range": label_range(dataset, learnt),
        },
        "metrics": figures,
        **_domain(metrics.get("domain")),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
    }


def _domain(found: dict | None) -> dict:
    """The rule alone: how it held is in ``metrics.json``."""
    return {DOMAIN: {k: v for k, v in found.items() if k != "parts"}} if found else {}


def label_range(dataset: Dataset, parts: Split) -> dict[str, list[float]]:
    """Smallest and largest training label of each task: a prediction beyond is an extrapolation."""
    y = dataset.y[parts.train]
    if not len(dataset.tasks):
        return {}
    low, high = np.nanmin(y, axis=0), np.nanmax(y, axis=0)
    return {task: [float(low[i]), float(high[i])] for i, task in enumerate(dataset.tasks)}


def training_table(dataset: Dataset, parts: Split) -> pa.Table:
    """The training molecules with labels and Morgan fingerprints (2,048 bits as 256 bytes)."""
    smiles = [dataset.smiles[row] for row in parts.train]
    bits = morgan([Chem.MolFromSmiles(text) for text in smiles])
    columns = {"smiles": pa.array(smiles)}
    for i, task in enumerate(dataset.tasks):
        columns[task] = pa.array(dataset.y[parts.train, i], from_pandas=True)
        if dataset.bounds.molecule[parts.train, i].any():  # 1: the true value is at least that
            columns[f"{task} (bound)"] = pa.array(dataset.bounds.molecule[parts.train, i])
    packed = [row.tobytes() for row in bits]
    columns["fingerprint"] = pa.array(packed, pa.binary(bits.shape[1]))
    return pa.table(columns)
