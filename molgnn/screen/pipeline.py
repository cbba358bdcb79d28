"""Screen a library: read it as a stream, featurise, score, keep the best, account for every row."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from molgnn.data.library import Library
from molgnn.data.packed import PackedLibrary
from molgnn.data.workers import featurized, plan
from molgnn.errors import Refusal
from molgnn.screen.claim import claim, resumable
from molgnn.screen.columns import chosen_column, output_names
from molgnn.screen.gather import Gatherer
from molgnn.screen.hits import AFTER, BEFORE, hit_table
from molgnn.screen.keeper import Keeper
from molgnn.screen.manifest import Timing, build_manifest
from molgnn.screen.results import write_results
from molgnn.screen.shards import SHARD, PackedShards, open_library, shards_of
from molgnn.screen.stages import Ranking, Scored, scored
from molgnn.screen.stopwatch import Stopwatch
from molgnn.screen.unfinished import Memory, check_startable, unfinished

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

CHUNK = 4096  # rows; about 2 MB as packed graphs


@dataclass(frozen=True)
class ScreenResult:
    """The hits, best first; the manifest; and the folder, None where no file was wanted."""

    hits: pd.DataFrame
    manifest: dict
    out: Path | None


def screen(
    model: "Predictor",
    library: "Library | PackedLibrary | str | Path | Iterable[str | Path]",
    *,
    top: int = 100,
    out: str | Path | None = None,
    task: str | None = None,
    minimize: bool = False,
    workers: int | None = None,
    chunk: int = CHUNK,
    smiles: str | None = None,
    id: str | None = None,
    shard: int = SHARD,
    force: bool = False,
    resume: bool | None = None,
    begun: Callable[[int], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScreenResult:
    """The ``top`` molecules of a library by the model's value for ``task`` (default: its first).

    ``library`` is one or several files or globs; ``smiles`` and ``id`` name its columns; or a
    packed library, which has chunks of its own and neither needs workers nor RDKit. Memory
    does not grow with the library, and the result does not depend on ``workers`` (None: chosen by
    size) or ``chunk``. With ``out``, writes hits.csv, rejects.csv, manifest.json and report.html
    there, and keeps each ``shard`` of so many rows in out/unfinished until then: the same call
    goes on after those that a killed one had done, to the same files. ``resume`` True insists on
    that, False starts over; a library from stdin, or a model that is not from disk, always does.

    ``begun`` is called once with the rows that are done already, ``progress`` with all rows done so
    far. Raises Refusal for a wrong task or column, a library that cannot be read or has changed
    since, another screen's unfinished work in ``out``, or files that exist (unless ``force``).
    """
    if top < 1:
        raise Refusal(f"--top {top}: must be at least 1")
    ranking = Ranking(top, top, chosen_column(model, task), minimize)
    folder = None if out is None else Path(out)
    if folder is not None:
        check_startable(folder, force, resume)
    if not isinstance(library, Library | PackedLibrary):
        library = open_library(library, smiles, id)
    if isinstance(library, PackedLibrary):
        library.require(model.recipe)
    shards = shards_of(library, shard, chunk)
    with ExitStack() as stack:
        record = Memory()
        if folder is not None:
            facts, keep = claim(model, shards, shard, ranking), resumable(model, library)
            run = unfinished(folder, facts, keep=keep, force=force, resume=resume)
            record = stack.enter_context(run)
        if begun:
            begun(record.resumed)
        keeper, timing = _run(model, shards, ranking, record, workers, progress)
        names = output_names(model, [*BEFORE, *AFTER])
        hits = hit_table(keeper.hits(), ranking.column, names)
        manifest = build_manifest(model, library, keeper, timing, names)
        if folder is not None:
            with record.results() as paths:
                write_results(paths, hits, manifest, record.rejects(keeper.shards))
    return ScreenResult(hits, manifest, folder)


def _run(model, shards, ranking, record, workers, progress) -> tuple[Keeper, Timing]:
    """The stages in one line: chunks of rows -> graphs -> scores -> what is kept of each shard."""
    started, watch = datetime.now().astimezone(), Stopwatch()
    gatherer = Gatherer(shards, ranking, record, watch, progress)
    chunks, workers = _stream(model, shards, record, ranking.column, workers, watch)
    with closing(chunks):
        keeper = gatherer.gather(chunks)
    return keeper, Timing(started, watch, workers, record.resumed)


def _stream(model, shards, record, column, workers, watch) -> tuple[Iterator[Scored], int]:
    """The scored chunks of all shards that are not done yet, in the library's order; and how many
    workers featurise them."""
    if isinstance(shards, PackedShards):
        parts, workers, stage = shards.parts(record.done), 0, "unpack"
    else:
        chunks = watch.each("read", shards.chunks(record.done, record.out))
        chunks, workers = plan(chunks, workers)
        parts, stage = featurized(chunks, model.recipe, workers), "featurize"
    return _scored(model, parts, stage, column, watch), workers


def _scored(model, parts, stage, column, watch) -> Iterator[Scored]:
    with closing(parts) as stream:
        for part in stream:
            watch.seconds[stage] += part.seconds
            with watch.measure("score"):
                result = scored(model, part, [column])
            yield result
