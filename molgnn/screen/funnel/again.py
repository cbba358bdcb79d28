"""A second look at a pool: another recipe or model, without touching the library."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from molgnn.data.readers.reader import file_sha256
from molgnn.data.readers.rejects import Reject
from molgnn.errors import Refusal
from molgnn.models.doubts import LEVEL, check_level
from molgnn.screen.columns import chosen_column
from molgnn.screen.familiar import can_tell
from molgnn.screen.finish import finish
from molgnn.screen.funnel.prepare import prepare
from molgnn.screen.funnel.recipe import read_recipe
from molgnn.screen.funnel.tables import POOL, read_pool
from molgnn.screen.funnel.values import scores
from molgnn.screen.histogram import Histogram
from molgnn.screen.keeper import Keeper
from molgnn.screen.manifest import Timing, build_manifest
from molgnn.screen.outputs import check_free, drafts
from molgnn.screen.page.beside import beside
from molgnn.screen.pipeline import ScreenResult
from molgnn.screen.results import write_results
from molgnn.screen.sample import Drawn, Sample, keys
from molgnn.screen.scoring import Scoring
from molgnn.screen.shard import ShardState
from molgnn.screen.stages import Hit, Ranking
from molgnn.screen.tally import Tally
from molgnn.screen.unfinished import OF_FUNNEL

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

PRECISION = {"used": "fp32", "reason": "the scores of a pool"}


@dataclass(frozen=True)
class PoolFile:
    """The pool in the place of a library, as a manifest describes one."""

    path: Path
    lines: int
    sha256: str
    blank_lines: int = 0
    header_lines: int = 0
    files: list[str] = field(init=False)
    hashes: dict[str, str] = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "files", [str(self.path)])
        object.__setattr__(self, "hashes", {str(self.path): self.sha256})

    def size(self, _: str) -> int:
        return self.path.stat().st_size


def rescore(
    folder: str | Path,
    recipe: "str | Path | Mapping" = "plain",
    *,
    model: "Predictor | str | Path | None" = None,
    top: int = 100,
    out: str | Path | None = None,
    task: str | None = None,
    minimize: bool | None = None,
    models: "Mapping[str, Predictor | str | Path] | None" = None,
    workers: int | None = None,
    timeout: float | None = None,
    domain: bool | str = True,
    level: float = LEVEL,
    explain: bool = True,
    force: bool = False,
    device: str = "auto",
) -> ScreenResult:
    """The funnel ``recipe`` on the pool that an earlier screen with a recipe left in ``folder``.

    ``model`` None is that of the screen, whose scores are in the pool; any other one scores the
    pool anew. ``task`` and ``minimize`` None are those of the screen, or of another model its first
    task and its highest values. The other arguments, and what is written to ``out``, are those of
    ``molgnn.screen``; the manifest tells of the earlier screen under ``rescored``, and of the pool
    as its library. Raises Refusal as ``molgnn.screen`` does, and for a folder without a pool.
    """
    if top < 1:
        raise Refusal(f"--top {top}: must be at least 1")
    check_level(level)
    recipe, folder = read_recipe(recipe), Path(folder)
    if out is not None:
        check_free(Path(out), OF_FUNNEL, force)
        if Path(out).resolve() == folder.resolve():
            raise Refusal(f"--out {out}: is the folder that is rescored: give another one")
    before = _manifest(folder)
    kept, sha256 = read_pool(folder / POOL)
    model = _model(model, before, folder, device)
    same = bool(sha256) and model.sha256 == sha256
    if same:
        task = before["task"] if task is None else task
        minimize = before["direction"] == "minimize" if minimize is None else minimize
        if task == before["task"]:
            _check_direction(before, minimize, len(kept), folder)
    column, minimize = chosen_column(model, task), bool(minimize)
    funnel = prepare(recipe, model, column, minimize, top, models)
    scoring = Scoring(model, [column], "fp32", workers, timeout)
    started, rejects = datetime.now().astimezone(), []
    if not same:
        kept, rejects = _scored(model, kept, column, workers, timeout)
    domain = domain if domain and can_tell(model) else False
    ranking = Ranking(top, max(top, len(kept)), column, minimize)
    keeper = _kept(ranking, kept, rejects)
    options = {"before": len(kept), "workers": workers, "timeout": timeout, "level": level}
    end = finish(model, kept, ranking, dict(PRECISION), domain, funnel, **options)
    library = PoolFile(folder / POOL, keeper.rows, file_sha256(folder / POOL))
    timing = Timing(started, scoring, 0, "local")
    manifest = build_manifest(model, library, keeper, end.best, timing, end.names) | end.facts
    manifest["rescored"] = {"folder": str(folder)} | {
        key: before[key] for key in ("library", "model", "task", "direction", "counts")
    }
    if out is not None:
        with drafts(Path(out), OF_FUNNEL, force) as paths:
            more = beside(model, end.best.hits, column, keeper.sample.rows, explain)
            write_results(paths, end, manifest, more, rejects, model, column)
    return ScreenResult(
        end.table, manifest, None if out is None else Path(out), end.dropped(column)
    )


def _check_direction(before: Mapping, minimize: bool, kept: int, folder: Path) -> None:
    """Raises Refusal where the pool is of one end of the scores, and the other is asked for."""
    was = before["direction"] == "minimize"
    if minimize != was and kept < before["counts"]["scored"]:
        there, gone = ("lowest", "highest") if was else ("highest", "lowest")
        raise Refusal(
            f"{folder}: its pool holds the {kept:,} {there} of {before['task']}, and the {gone} of "
            "the library are not in it: screen the library for them"
        )


def _manifest(folder: Path) -> dict:
    path = folder / "manifest.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        dicts = all(
            isinstance(facts[key], dict) for key in ("funnel", "model", "library", "counts")
        )
        if dicts and isinstance(facts["counts"]["scored"], int):
            return facts | {"task": str(facts["task"]), "direction": str(facts["direction"])}
    except OSError:
        raise Refusal(f"{path}: no such file: --rescore needs the folder of a screen") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise Refusal(f"{path}: not of a screen with a --recipe, so it kept no pool")


def _model(given, before: dict, folder: Path, device: str) -> "Predictor":
    """The model that is asked for, or that of the screen, by its folder or its name."""
    from molgnn.models.bundle import load_bundle  # torch, for which a refusal need not wait

    if isinstance(given, str | Path):
        return load_bundle(given, device=device)
    if given is not None:
        return given
    facts = before["model"]
    for place in (before["funnel"].get("model_folder"), facts.get("name")):
        try:
            model = load_bundle(place, device=device) if place else None
        except Refusal:
            continue
        if model is not None and model.sha256 == facts.get("sha256"):
            return model
    raise Refusal(
        f"{folder}: its model {facts.get('name')!r} is no longer where it was: name it, as in "
        f"molgnn screen MODEL --rescore {folder}"
    )


def _scored(
    model: "Predictor", kept: Sequence[Hit], column: int, workers, timeout
) -> tuple[list[Hit], list[Reject]]:
    """The pool by another model; a molecule that it gives no score is a reject."""
    rows, width = [hit.row for hit in kept], len(model.columns)
    values, reasons = scores(model, rows, [column], workers, timeout)
    hits = [
        Hit(row, each[:width], each[width:])
        for i, (row, each) in enumerate(zip(rows, values, strict=True))
        if i not in reasons
    ]
    refused = [(rows[i], why) for i, why in sorted(reasons.items())]
    return hits, [Reject(row.file, row.line, row.text, why) for row, why in refused]


def _kept(ranking: Ranking, kept: Sequence[Hit], rejects: Sequence[Reject]) -> Keeper:
    """The counts of the pool, as if it were a library of one shard."""
    histogram, tally, keeper = Histogram(), Tally(), Keeper(ranking, Sample())
    scores = np.array([hit.mean[ranking.column] for hit in kept], dtype=np.float64)
    histogram.add(scores)
    drawn = zip(keys(np.arange(len(kept))).tolist(), kept, scores.tolist(), strict=True)
    sample = [Drawn(key, hit.row.text, score) for key, hit, score in drawn]
    for reject in rejects:
        tally.add(reject.reason)
    rows = len(kept) + len(rejects)
    keeper.merge(ShardState(rows, len(kept), tally, histogram, [], {}, sample))
    return keeper
