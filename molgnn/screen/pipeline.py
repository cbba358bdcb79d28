"""Screen a library: read it as a stream, featurise, score, keep the best, account for every row."""

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from molgnn.data.library import Library, read_library
from molgnn.data.packed import PackedLibrary, packed_folder
from molgnn.data.rejects import defuse
from molgnn.data.workers import featurized, plan
from molgnn.errors import Refusal
from molgnn.screen.columns import chosen_column, output_names
from molgnn.screen.hits import AFTER, BEFORE, hit_table, write_hits
from molgnn.screen.manifest import Timing, build_manifest
from molgnn.screen.outputs import check_free, csv_writer, drafts, open_text
from molgnn.screen.report import report_page
from molgnn.screen.stages import Keeper, scored
from molgnn.screen.stopwatch import Stopwatch

if TYPE_CHECKING:
    from molgnn.data.reader import Row
    from molgnn.models.ensemble import Predictor

FILES = ("hits.csv", "rejects.csv", "report.html", "manifest.json")  # in the order they appear
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
    timeout: float | None = None,
    chunk: int = CHUNK,
    smiles: str | None = None,
    id: str | None = None,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ScreenResult:
    """The ``top`` molecules of a library by the model's value for ``task`` (default: its first).

    ``library`` is one or several files or globs; ``smiles`` and ``id`` name its columns; or a
    packed library, which has chunks of its own and neither needs workers nor RDKit. Memory
    does not grow with the library, and the result does not depend on ``workers`` (None: chosen by
    size) or ``chunk``. A molecule that takes a worker longer than ``timeout`` seconds (None: 60),
    or kills it, is a reject; with a number there is at least one worker. With ``out``, writes
    hits.csv, rejects.csv, manifest.json and report.html there. ``progress`` is called with the rows
    done so far. Raises Refusal for a wrong task or column, a library that cannot be read, or files
    that exist (unless ``force``).
    """
    if top < 1:
        raise Refusal(f"--top {top}: must be at least 1")
    column = chosen_column(model, task)
    folder = None if out is None else Path(out)
    if folder is not None:
        check_free(folder, FILES, force)
    if not isinstance(library, Library | PackedLibrary):
        library = _opened(library, smiles, id)
    if isinstance(library, PackedLibrary):
        library.require(model.recipe)
    with ExitStack() as stack:
        paths = stack.enter_context(drafts(folder, FILES, force)) if folder else None
        reject = stack.enter_context(RejectFile(paths["rejects.csv"])) if paths else _ignore
        keeper = Keeper(top, column, minimize, reject)
        timing = _stream(model, library, keeper, workers, timeout, chunk, progress)
        names = output_names(model, [*BEFORE, *AFTER])
        hits = hit_table(keeper.hits(), column, names)
        manifest = build_manifest(model, library, keeper, timing, names)
        if paths:
            _write(paths, hits, manifest)
    return ScreenResult(hits, manifest, folder)


def _stream(model, library, keeper, workers, timeout, chunk, progress) -> Timing:
    """The stages in one line: chunks of rows -> graphs -> scores -> what is kept."""
    started, watch, routes = datetime.now().astimezone(), Stopwatch(), set()
    if isinstance(library, PackedLibrary):
        parts, workers, stage = library.parts(), 0, "unpack"
    else:
        chunks = watch.each("read", library.chunks(chunk))
        chunks, workers = plan(chunks, workers, timeout=timeout)
        parts, stage = featurized(chunks, model.recipe, workers, timeout), "featurize"
    with closing(parts) as stream:
        for part in stream:
            watch.seconds[stage] += part.seconds
            routes.add(part.route)
            with watch.measure("score"):
                result = scored(model, part, [keeper.column])
            with watch.measure("keep"):
                keeper.add(result)
            if progress:
                progress(keeper.rows)
    return Timing(started, watch, workers, routes)


def _write(paths: dict[str, Path], hits: pd.DataFrame, manifest: dict) -> None:
    write_hits(paths["hits.csv"], hits)
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    with open_text(paths["manifest.json"]) as file:
        file.write(text + "\n")
    # From the files, as `molgnn report` makes it, so that a rebuilt page is the same page.
    page = report_page(paths["hits.csv"], paths["manifest.json"])
    with open_text(paths["report.html"]) as file:
        file.write(page)


class RejectFile:
    """rejects.csv, written row by row as they come."""

    def __init__(self, path: Path):
        self._file = open_text(path)
        self._writer = csv_writer(self._file)
        self._writer.writerow(["file", "line", "text", "reason"])

    def __enter__(self) -> "RejectFile":
        return self

    def __exit__(self, *error) -> None:
        self._file.close()

    def __call__(self, row: "Row", reason: str) -> None:
        self._writer.writerow([defuse(row.file), row.line, defuse(row.text), defuse(reason)])


def _ignore(row: "Row", reason: str) -> None:
    """Without a folder nobody keeps the rejects; the manifest still counts them."""


def _opened(library, smiles: str | None, id: str | None) -> Library | PackedLibrary:
    paths = [library] if isinstance(library, str | Path) else list(library)
    folder = packed_folder(paths)
    return PackedLibrary(folder) if folder else read_library(paths, smiles=smiles, id=id)
