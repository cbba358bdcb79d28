"""Features of whole molecules for a table, computed in worker processes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from molgnn.chem.descriptors import feature_names
from molgnn.chem.graph import features_of
from molgnn.data.pool.workers import plan, worked
from molgnn.data.readers.record import Row
from molgnn.data.tables.table import Dataset

_CHUNK = 256  # molecules: half a second of work


def with_features(
    dataset: Dataset,
    blocks: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
    timeout: float | None = None,
    recipe: str = "none",
) -> Dataset:
    """The dataset with the features of ``blocks`` (see ``chem.descriptors``) beside its graphs.

    ``recipe`` standardises its SMILES, which those of a table are already.
    ``progress(done, total)`` is called as molecules are done. ``workers`` None: all cores. The
    features of a molecule that takes a worker longer than ``timeout`` seconds are missing.
    """
    if not blocks:
        return dataset
    named = zip(dataset.lines, dataset.smiles, strict=True)
    rows = [Row(dataset.name, line, text, "", None, "") for line, text in named]
    starts = range(0, len(dataset), _CHUNK)
    chunks, workers = plan([rows[i : i + _CHUNK] for i in starts], workers, 0, timeout)
    job = partial(partial, _features, recipe=recipe, blocks=tuple(blocks))
    parts, done = [], 0
    for chunk, part in worked(chunks, job, workers, timeout=timeout):
        parts.append(part)
        done += len(chunk)
        if progress:
            progress(done, len(dataset))
    return replace(dataset, graphs=replace(dataset.graphs, features=np.concatenate(parts)))


def _features(texts: list[str], recipe: str, blocks: Sequence[str]) -> np.ndarray:
    """(B, F), NaN for a text that was taken away because a worker ended at it."""
    found = np.full((len(texts), len(feature_names(blocks))), np.nan, dtype=np.float32)
    there = [i for i, text in enumerate(texts) if text]
    found[there] = features_of([texts[i] for i in there], recipe, blocks)
    return found
