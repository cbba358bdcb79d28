"""The manifest of a screen: what was screened with what, and how it went, as plain data."""

import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from molgnn import __version__
from molgnn.data.packed.library import PackedLibrary
from molgnn.screen.columns import task_of, training_range
from molgnn.screen.keeper import Keeper
from molgnn.screen.rescore import Best
from molgnn.screen.scoring import Scoring
from molgnn.screen.stopwatch import rate

if TYPE_CHECKING:
    from molgnn.data.library import Library
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Timing:
    """When a screen started, how it was scored, the rows that an earlier run had done, and the
    engine that its workers belonged to."""

    started: datetime
    scoring: Scoring
    resumed: int
    engine: str


def build_manifest(
    model: "Predictor",
    library: "Library | PackedLibrary",
    keeper: Keeper,
    best: Best,
    timing: Timing,
    names: list[str],
) -> dict:
    """Everything that ``manifest.json`` says; ``names`` are the model's columns in hits.csv.

    ``rows = scored + invalid``, and ``lines = rows + blank_lines + header_lines``, to which a
    packed library that left out ``duplicates`` adds these. ``cut`` is the score of the
    last hit, null where every scored molecule is a hit. ``precision`` is that of all scores but the
    hits', which are fp32. ``run`` holds all that differs between two
    runs of one screen: times, workers, ``resumed`` (the rows that an earlier run had done). A
    stage's molecules a second are the other rows by the seconds in which it was busy; featurising
    adds up those of all workers.
    """
    ranking = keeper.ranking
    column = model.columns[ranking.column]
    known = training_range(model, column)
    hits = [hit.mean[ranking.column] for hit in best.hits]
    return {
        "molgnn": __version__,
        "versions": versions(),
        "model": _model(model),
        "library": _library(library),
        "task": column,
        "unit": task_of(model, column).unit,
        "direction": "minimize" if ranking.minimize else "maximize",
        "top": ranking.top,
        "columns": names[: len(model.columns)],
        "std_columns": names[len(model.columns) :],
        "score_column": names[ranking.column],
        "cut": float(hits[-1]) if hits and keeper.scored > ranking.top else None,
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
        "precision": best.precision,
        "run": _run(timing, keeper.rows - timing.resumed),
    }


def versions() -> dict[str, str]:
    """Of the software that has a say in the results, besides molgnn."""
    others = {name: _version(name) for name in ("rdkit", "torch", "numpy")}
    return {"python": platform.python_version()} | others


def _model(model: "Predictor") -> dict:
    tasks = [
        {"name": t.name, "kind": t.kind, "unit": t.unit, "classes": list(t.classes)}
        for t in model.tasks
    ]
    others = [each.kind for each in getattr(model, "shallow", ())]
    return {
        "name": model.name,
        "sha256": model.sha256,
        "members": model.num_members,
        "networks": model.num_members - len(others),
        "others": others,
        "features": list(getattr(model, "blocks", ())),
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


def _run(timing: Timing, rows: int) -> dict:
    watch = timing.scoring.watch
    stages = {
        stage: {"seconds": round(seconds, 3), "molecules_per_second": rate(rows, seconds)}
        for stage, seconds in watch.seconds.items()
    }
    return {
        "engine": timing.engine,
        "workers": timing.scoring.workers if timing.engine == "local" else None,
        "featurizer": "; ".join(sorted(timing.scoring.routes)),
        "started": timing.started.isoformat(timespec="seconds"),
        "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seconds": round(watch.total, 3),
        "molecules_per_second": rate(rows, watch.total),
        "stages": stages,
        "resumed": timing.resumed,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # rdkit from conda carries no package metadata
        return "unknown"
