"""The manifest of a screen: what was screened with what, and how it went, as plain data."""

import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from molgnn import __version__
from molgnn.data.packed import PackedLibrary
from molgnn.screen.columns import task_of, training_range
from molgnn.screen.stages import Keeper
from molgnn.screen.stopwatch import Stopwatch, rate

if TYPE_CHECKING:
    from molgnn.data.library import Library
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Timing:
    """When a screen started, the watch that ran along, the workers that featurised and the routes
    that featurising took in them (see ``chem.graph.route``)."""

    started: datetime
    watch: Stopwatch
    workers: int
    routes: set[str]


def build_manifest(
    model: "Predictor",
    library: "Library | PackedLibrary",
    keeper: Keeper,
    timing: Timing,
    names: list[str],
) -> dict:
    """Everything that ``manifest.json`` says; ``names`` are the model's columns in hits.csv.

    ``rows = scored + invalid``, and ``lines = rows + blank_lines + header_lines``, to which a
    packed library that left out ``duplicates`` adds these. ``cut`` is the score of the
    last hit, null where every scored molecule is a hit. A stage's molecules a second are rows by
    the seconds in which it was busy; featurising adds up those of all workers.
    """
    column = model.columns[keeper.column]
    known = training_range(model, column)
    hits = [hit.mean[keeper.column] for hit in keeper.hits()]
    return {
        "molgnn": __version__,
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in ("rdkit", "torch", "numpy")},
        "featurizer": "; ".join(sorted(map(_route, timing.routes))),
        "model": _model(model),
        "library": _library(library),
        "task": column,
        "unit": task_of(model, column).unit,
        "direction": "minimize" if keeper.minimize else "maximize",
        "top": keeper.top,
        "columns": names[: len(model.columns)],
        "std_columns": names[len(model.columns) :],
        "score_column": names[keeper.column],
        "cut": keeper.cut,
        "training_range": known,
        "hits_beyond_training": sum(not known[0] <= s <= known[1] for s in hits) if known else 0,
        "counts": {
            "rows": keeper.rows,
            "scored": keeper.scored,
            "invalid": keeper.invalid,
            "blank_lines": library.blank_lines,
            "header_lines": library.header_lines,
            "lines": library.lines,
            "hits": len(hits),
            **_duplicates(library),
        },
        "invalid_reasons": keeper.reasons.most(10),
        "scores": keeper.histogram.summary(),
        "device": str(model.device),
        **_times(timing, keeper.rows),
    }


def _model(model: "Predictor") -> dict:
    tasks = [
        {"name": t.name, "kind": t.kind, "unit": t.unit, "classes": list(t.classes)}
        for t in model.tasks
    ]
    return {
        "name": model.name,
        "sha256": model.sha256,
        "members": model.num_members,
        "recipe": model.recipe,
        "tasks": tasks,
    }


def _library(library: "Library | PackedLibrary") -> dict:
    files = [
        {"name": name, "size": library.size(name), "sha256": library.hashes[name]}
        for name in library.files
    ]
    packed = {"packed": library.origin()} if isinstance(library, PackedLibrary) else {}
    return {"sha256": library.sha256, "files": files} | packed


def _duplicates(library: "Library | PackedLibrary") -> dict:
    """Only a packed library leaves rows out, and says how many."""
    found = library.duplicates if isinstance(library, PackedLibrary) else 0
    return {"duplicates": found} if found else {}


def _times(timing: Timing, rows: int) -> dict:
    stages = {
        stage: {"seconds": round(seconds, 3), "molecules_per_second": rate(rows, seconds)}
        for stage, seconds in timing.watch.seconds.items()
    }
    return {
        "workers": timing.workers,
        "started": timing.started.isoformat(timespec="seconds"),
        "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seconds": round(timing.watch.total, 3),
        "molecules_per_second": rate(rows, timing.watch.total),
        "stages": stages,
    }


def _route(route: str) -> str:
    kind, _, fault = route.partition(": ")
    return f"{kind} (self-test failed: {fault})" if fault else kind


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # rdkit from conda carries no package metadata
        return "unknown"
