"""Screen a library: read it as a stream, featurise, score, keep the best, account for every row."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from molgnn.data.library import Library
from molgnn.data.packed.library import PackedLibrary
from molgnn.errors import Refusal
from molgnn.models.doubts import LEVEL, check_level
from molgnn.screen.claim import claim, resumable
from molgnn.screen.cluster import pool_of
from molgnn.screen.columns import chosen_column
from molgnn.screen.familiar import can_tell
from molgnn.screen.finish import finish
from molgnn.screen.gather import Gatherer
from molgnn.screen.keeper import Keeper
from molgnn.screen.manifest import Timing, build_manifest
from molgnn.screen.page.beside import beside
from molgnn.screen.rescore import chosen_precision, pool_size
from molgnn.screen.results import write_results
from molgnn.screen.scoring import Scoring
from molgnn.screen.selfcheck import self_check
from molgnn.screen.shards import SHARD, PackedShards, is_small, open_library, shards_of
from molgnn.screen.spike.read import check_spike, read_spikes
from molgnn.screen.stages import Ranking
from molgnn.screen.unfinished import Memory, check_startable, files_of, unfinished

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor
    from molgnn.screen.funnel.prepare import Funnel
    from molgnn.screen.funnel.recipe import Recipe

CHUNK = 4096  # rows; about 2 MB as packed graphs


@dataclass(frozen=True)
class ScreenResult:
    """The hits, best first; the manifest; and the folder, None where no file was wanted. With a
    recipe ``dropped`` says of every other molecule of its pool at which step it went, and why; with
    a spike ``spiked`` are the hidden molecules, best first."""

    hits: pd.DataFrame
    manifest: dict
    out: Path | None
    dropped: pd.DataFrame | None = None
    spiked: pd.DataFrame | None = None


def screen(
    model: "Predictor | str | Path",
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
    precision: str = "auto",
    timeout: float | None = None,
    engine: str = "local",
    address: str | None = None,
    domain: bool | str = True,
    level: float = LEVEL,
    recipe: "str | Path | Mapping | None" = None,
    models: "Mapping[str, Predictor | str | Path] | None" = None,
    spike: str | Path | None = None,
    explain: bool = True,
    force: bool = False,
    resume: bool | None = None,
    begun: Callable[[int], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScreenResult:
    """The ``top`` molecules of a library by the model's value for ``task`` (default: its first).

    ``model`` is a loaded one, or what ``molgnn.load`` takes.

    ``library`` is one or several files or globs; ``smiles`` and ``id`` name its columns; or a
    packed library, which has chunks of its own and neither needs workers nor RDKit. Memory
    does not grow with the library, and the result does not depend on ``workers`` (None: chosen by
    size) or ``chunk``. ``precision`` "auto" scores in bf16 where that is faster and holds the
    ranking, else in "fp32"; the hits' own values are fp32 in any case. A molecule that takes a
    worker longer than ``timeout`` seconds (None: 60), or kills it, is a reject; with a number there
    is at least one worker. ``engine`` "ray" works on a Ray cluster, that at ``address`` or one of
    our own, to the same results; ``workers`` are then its actors. ``domain`` and ``level`` are
    those of ``Predictor.predict``, for the hits alone; a model without training molecules, or
    without calibration, cannot tell.

    ``recipe`` is the name of a funnel that ships with molgnn, a YAML file, or a mapping like it:
    the pool that it asks for goes through its steps to the ``top`` hits, which are then ordered by
    its objectives. ``models`` stand in for those that the recipe names.

    ``spike`` is a file of molecules known to be good, hidden in the library as if they were rows
    of it: the manifest says how early they come (ROC-AUC, enrichment, BEDROC, recall at ``top``).
    They are among neither the hits nor any count of the library, and no step of a recipe sees them.

    With ``out``, writes hits.csv, rejects.csv, manifest.json, page.json and report.html there (with
    a recipe also pool.parquet and dropped.csv, with a spike spike.csv); ``explain`` colours the
    first hits' structures on the page by what their atoms add to the score, where the model has
    networks (some seconds). It keeps each ``shard`` of so many rows in out/unfinished until then:
    the same call goes on after those that a killed one had done, to the same files. ``resume`` True
    insists on that, False starts over; a library from stdin, or a model that is not from disk,
    always does.

    ``begun`` is called once with the rows that are done already, ``progress`` with all rows done so
    far. Raises Refusal for a wrong task or column, a library that cannot be read or has changed
    since, another screen's unfinished work in ``out``, or files that exist (unless ``force``).
    """
    if top < 1:
        raise Refusal(f"--top {top}: must be at least 1")
    check_level(level)
    check_spike(spike)
    recipe = read_asked(recipe, models)
    if isinstance(model, str | Path):
        from molgnn.models.bundle import load_bundle  # torch, for which a refusal need not wait

        model = load_bundle(model)
    column = chosen_column(model, task)
    pool = pool_of(engine, address, workers, timeout)
    folder = None if out is None else Path(out)
    if folder is not None:
        files = files_of(recipe is not None, spike is not None)
        check_startable(folder, force, resume, files)
    if not isinstance(library, Library | PackedLibrary):
        library = open_library(library, smiles, id)
    if isinstance(library, PackedLibrary):
        library.require(model.recipe)
    domain = domain if domain and can_tell(model) else False
    shards = shards_of(library, shard, chunk)
    choice = chosen_precision(model, precision, column, small=is_small(library))
    funnel = recipe and _funnel(recipe, model, column, minimize, top, models)
    size = recipe.pool.size if recipe else top
    ranking = Ranking(top, pool_size(size, choice["used"]), column, minimize)
    spikes = spike and read_spikes(spike, model, ranking, choice["used"], timeout)
    scoring = Scoring(model, [column], choice["used"], workers, timeout, pool)
    with ExitStack() as stack:
        record = Memory()
        if folder is not None:
            facts = claim(model, shards, shard, ranking, choice["used"], funnel, spikes)
            options = {"keep": resumable(model, library), "files": files}
            run = unfinished(folder, facts, force=force, resume=resume, **options)
            record = stack.enter_context(run)
        if begun:
            begun(record.resumed)
        keeper, timing = _run(scoring, engine, shards, ranking, record, progress, spikes)
        own = workers if engine == "local" else None
        options = {"before": keeper.scored, "workers": own, "timeout": timeout, "level": level}
        end = finish(model, keeper.candidates(), ranking, choice, domain, funnel, **options)
        manifest = build_manifest(model, library, keeper, end.best, timing, end.names) | end.facts
        checks, spiked = self_check(model, keeper, domain, spikes)
        manifest |= checks
        if folder is not None:
            more = beside(model, end.best.hits, column, keeper.sample.rows, explain)
            with record.results() as paths:
                rejects = record.rejects(keeper.shards)
                write_results(paths, end, manifest, more, rejects, model, column, spiked)
    return ScreenResult(end.table, manifest, folder, end.dropped(column), spiked)


def read_asked(recipe: "str | Path | Mapping | None", models: "Mapping | None") -> "Recipe | None":
    """The recipe, None where nobody asked for one. Raises Refusal for models without a recipe."""
    if recipe is None:
        if models:
            raise Refusal(f"--model {next(iter(models))}: only a --recipe names further models")
        return None
    from molgnn.screen.funnel.recipe import read_recipe  # a plain screen needs nothing of it

    return read_recipe(recipe)


def _funnel(recipe: "Recipe", *screen) -> "Funnel":
    from molgnn.screen.funnel.prepare import prepare

    return prepare(recipe, *screen)


def _run(scoring, engine, shards, ranking, record, progress, spikes) -> tuple[Keeper, Timing]:
    """The stages in one line: chunks of rows -> scores -> what is kept of each shard."""
    started = datetime.now().astimezone()
    gatherer = Gatherer(shards, ranking, record, scoring.watch, progress, spikes)
    if isinstance(shards, PackedShards):
        rows = shards.parts(record.done)
        chunks = scoring.parts(rows)
    else:
        rows = shards.chunks(record.done, record.out)
        chunks = scoring.rows(scoring.watch.each("read", rows))
    with closing(rows), closing(chunks):
        keeper = gatherer.gather(chunks)
    return keeper, Timing(started, scoring, record.resumed, engine)
