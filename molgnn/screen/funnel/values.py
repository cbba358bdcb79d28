"""The objectives of a pool: their values by all models, and what they make together."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from molgnn.screen.funnel.examine import Dropped
from molgnn.screen.funnel.objectives import (
    desirability,
    geometric_mean,
    pareto_ranks,
    weighted_mean,
)
from molgnn.screen.funnel.parts import DESIRABILITY, DOWN, PARETO, TARGET, Objective, Objectives
from molgnn.screen.funnel.prepare import Funnel
from molgnn.screen.scoring import Scoring
from molgnn.screen.stages import NOT_FINITE, Hit

if TYPE_CHECKING:
    from molgnn.data.readers.record import Row
    from molgnn.models.ensemble import Predictor

STEP = "objectives"
_CHUNK = 1024


@dataclass(frozen=True)
class Values:
    """Of B molecules: ``each`` (B, M) by objective; ``shares`` (B, M), desirabilities where they
    were asked for; ``merit`` (B,), the more the better, None without objectives; ``dropped``."""

    each: np.ndarray
    shares: np.ndarray | None
    merit: np.ndarray | None
    dropped: dict[int, Dropped]


def values_of(
    funnel: Funnel, hits: Sequence[Hit], workers: int | None, timeout: float | None
) -> Values:
    """Score the pool by the other models, and weigh. Pareto ranks are those among the molecules
    that no limit of an objective drops."""
    asked = funnel.recipe.objectives
    if asked is None:
        return Values(np.zeros((len(hits), 0)), None, None, {})
    width = 1 + max((s.column for s in funnel.sources if s.model is None), default=0)
    own = [np.concatenate([hit.mean, hit.std])[:width] for hit in hits]
    tables: dict[str | None, np.ndarray] = {None: np.array(own).reshape(len(hits), width)}
    dropped: dict[int, Dropped] = {}
    for name, model in funnel.models.items():
        columns = [s.column for s in funnel.sources if s.model == name]
        rows = [hit.row for hit in hits]
        tables[name], reasons = scores(model, rows, columns, workers, timeout)
        dropped |= {i: Dropped(STEP, f"{name}: {why}", (name,)) for i, why in reasons.items()}
    each = np.stack([tables[s.model][:, s.column] for s in funnel.sources], axis=1)
    dropped = _beyond(asked, each) | dropped
    alive = np.ones(len(hits), dtype=bool)
    alive[list(dropped)] = False
    merit, shares, beyond = _merits(asked, each, alive)
    return Values(each, shares, merit, dropped | beyond)


def scores(
    model: "Predictor",
    rows: "Sequence[Row]",
    columns: Sequence[int],
    workers: int | None = None,
    timeout: float | None = None,
) -> tuple[np.ndarray, dict[int, str]]:
    """Means and standard deviations (B, 2 C), NaN where there are none, and why; ``columns``, of
    both, must be finite."""
    width = len(model.columns)
    scoring = Scoring(model, sorted({c % width for c in columns}), "fp32", workers, timeout)
    found, reasons, first = np.full((len(rows), 2 * width), np.nan), {}, 0
    with closing(scoring.rows(_chunks(rows))) as stream:
        for result in stream:
            found[first + result.positions] = np.hstack([result.mean, result.std])
            reasons |= {first + i: why for i, why in result.reasons.items()}
            first += len(result.rows)
    return found, reasons


def _chunks(rows: "Sequence[Row]") -> "Iterator[list[Row]]":
    for start in range(0, len(rows), _CHUNK):
        yield list(rows[start : start + _CHUNK])


def _beyond(asked: Objectives, each: np.ndarray) -> dict[int, Dropped]:
    """Who is beyond a limit of some objective, or has no value for it."""
    missed: dict[int, list[tuple[str, str]]] = {}
    for objective, values in zip(asked.of, each.T, strict=True):
        name, low, high = objective.name, objective.at_least, objective.at_most
        for i in np.flatnonzero(~np.isfinite(values)).tolist():
            missed.setdefault(i, []).append((name, f"{name}: {NOT_FINITE}"))
        for i in np.flatnonzero(values < (-np.inf if low is None else low)).tolist():
            words = f"{name} {values[i]:.4g} is below {low:g}"
            missed.setdefault(i, []).append((f"{name} below {low:g}", words))
        for i in np.flatnonzero(values > (np.inf if high is None else high)).tolist():
            words = f"{name} {values[i]:.4g} is above {high:g}"
            missed.setdefault(i, []).append((f"{name} above {high:g}", words))
    return {
        i: Dropped(STEP, "; ".join(words for _, words in why), tuple(kind for kind, _ in why))
        for i, why in missed.items()
    }


def _merits(
    asked: Objectives, each: np.ndarray, alive: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, dict[int, Dropped]]:
    """Merit (B,) by the way in which the objectives are combined, NaN for those who are not
    ``alive``; desirabilities; and who is dropped by the rank."""
    merit = np.full(len(each), np.nan)
    weights = np.array([objective.weight for objective in asked.of])
    if asked.combine == PARETO:
        ups = [_upwards(o, values) for o, values in zip(asked.of, each[alive].T, strict=True)]
        ranks = pareto_ranks(np.stack(ups, axis=1))
        merit[alive] = -ranks
        beyond = {}
        for i in np.flatnonzero(merit < -(asked.ranks or np.inf)).tolist():
            words = f"Pareto rank {-merit[i]:.0f} is above {asked.ranks}"
            beyond[i] = Dropped(STEP, words, (f"Pareto rank above {asked.ranks}",))
        return merit, None, beyond
    if asked.of[0].low is None:
        signs = np.array([-1.0 if objective.aim == DOWN else 1.0 for objective in asked.of])
        merit[alive] = weighted_mean(each[alive] * signs, weights)
        return merit, None, {}
    shares = np.stack([_share(o, v) for o, v in zip(asked.of, each.T, strict=True)], axis=1)
    mean = geometric_mean if asked.combine == DESIRABILITY else weighted_mean
    merit[alive] = mean(shares[alive], weights)
    return merit, shares, {}


def _upwards(objective: Objective, values: np.ndarray) -> np.ndarray:
    if objective.aim == TARGET:
        return -np.abs(values - objective.target)
    return -values if objective.aim == DOWN else values


def _share(objective: Objective, values: np.ndarray) -> np.ndarray:
    target = 0.0 if objective.target is None else objective.target
    span = objective.low, objective.high, target, objective.shape
    return desirability(values, objective.aim, *span)
