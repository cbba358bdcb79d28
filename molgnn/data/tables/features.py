"""Features of whole molecules for a table, computed in worker processes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from molgnn.chem.graph import features_of
from molgnn.data.pool.workers import plan, worked
from molgnn.data.tables.table import Dataset

_CHUNK = 256  # molecules: half a second of work


def with_features(
    dataset: Dataset,
    blocks: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> Dataset:
    """The dataset with the features of ``blocks`` (see ``chem.descriptors``) beside its graphs.

    ``progress(done, total)`` is called as molecules are done. ``workers`` None: all cores.
    """
    if not blocks:
        return dataset
    starts = range(0, len(dataset), _CHUNK)
    chunks, workers = plan([dataset.smiles[i : i + _CHUNK] for i in starts], workers, spare=0)
    job = partial(partial, features_of, recipe="none", blocks=tuple(blocks))
    parts, done = [], 0
    for chunk, part in worked(chunks, job, workers, payload=list, check=list):
        parts.append(part)
        done += len(chunk)
        if progress:
            progress(done, len(dataset))
    return replace(dataset, graphs=replace(dataset.graphs, features=np.concatenate(parts)))
