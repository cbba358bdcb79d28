"""The end of a screen: from the candidates to the hits, with or without a funnel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from molgnn.models.doubts import LEVEL
from molgnn.screen.columns import output_names
from molgnn.screen.familiar import familiarity
from molgnn.screen.hits import AFTER, BEFORE, hit_table, intervals
from molgnn.screen.rescore import Best, best_of, best_rows, exact, merits_of
from molgnn.screen.stages import Hit, Ranking

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor
    from molgnn.screen.funnel.prepare import Funnel
    from molgnn.screen.funnel.run import Outcome


@dataclass(frozen=True)
class Finish:
    """The hits and their ``table``; ``names`` are the model's columns there. ``facts`` are for the
    manifest, and ``outcome`` is that of the funnel, None without one."""

    best: Best
    table: pd.DataFrame
    names: list[str]
    facts: dict
    outcome: "Outcome | None"

    def dropped(self, column: int) -> pd.DataFrame | None:
        """Who of the pool is no hit, and why; ``column`` is the one that ranks."""
        if self.outcome is None:
            return None
        from molgnn.screen.funnel.tables import dropped_table

        return dropped_table(self.outcome, column)


def finish(
    model: "Predictor",
    candidates: Sequence[Hit],
    ranking: Ranking,
    precision: dict,
    domain: bool | str,
    funnel: "Funnel | None" = None,
    *,
    level: float = LEVEL,
    before: int = 0,
    workers: int | None = None,
    timeout: float | None = None,
) -> Finish:
    """``candidates`` in the library's order, the best of ``before`` molecules. ``workers`` and
    ``timeout`` are the funnel's."""
    names, column = output_names(model, [*BEFORE, *AFTER]), ranking.column
    if funnel is None:
        best, outcome = best_of(model, candidates, ranking, precision), None
    else:
        taken = [*BEFORE, *names, *_beside(model, [], domain, level, names)[0], *AFTER]
        anew = partial(_anew, model, column, workers, timeout)
        candidates, precision = exact(candidates, ranking, precision, anew)
        pool = pool_of(candidates, ranking, funnel)
        outcome = _through(funnel, pool, ranking, taken, names, before, model, workers, timeout)
        best = Best(outcome.hits, precision)
    _, beside, facts = _beside(model, best.hits, domain, level, names)
    more = [*beside, *(outcome.columns if outcome else ())]
    table = hit_table(best.hits, column, names, more)
    if outcome:
        # The scores of the hits are no longer the highest: where the pool ends is told instead.
        scores = [hit.mean[column] for hit in outcome.pool]
        worst = max(scores, default=None) if ranking.minimize else min(scores, default=None)
        facts["cut"] = None if worst is None or before <= len(scores) else float(worst)
        facts["funnel"] = outcome.facts | {"model_folder": folder_of(model)}
    return Finish(best, table, names, facts, outcome)


def _beside(model, hits: Sequence[Hit], domain, level: float, names: list[str]) -> tuple:
    """The names of the columns beside the model's own in hits.csv, the columns, and what the
    manifest says of them: intervals and sets, then how familiar the hits are."""
    doubt = intervals(model, hits, level, names)
    told = [column.name for column in doubt]
    known = familiarity(model, hits, domain, [*names, *told])
    facts = {"doubt": {"level": level, "columns": told} if told else None, "domain": known.facts}
    names = [*told, *(known.facts["columns"] if known.facts else ())]
    return names, [*doubt, *known.columns], facts


def folder_of(model: "Predictor") -> str | None:
    """Where a second look can find it again."""
    path = getattr(model, "path", None)
    return None if path is None else str(path.resolve())


def pool_of(candidates: Sequence[Hit], ranking: Ranking, funnel: "Funnel") -> list[Hit]:
    """Those that the recipe's pool holds, in the order of the candidates."""
    asked, score = funnel.recipe.pool, ranking.column
    low = -np.inf if asked.at_least is None else asked.at_least
    high = np.inf if asked.at_most is None else asked.at_most
    rows = np.sort(best_rows(candidates, ranking, asked.size))
    return [candidates[i] for i in rows if low <= candidates[i].mean[score] <= high]


def _anew(model: "Predictor", column: int, workers, timeout, hits: Sequence[Hit]) -> list[Hit]:
    """Scored in fp32: a pool may be large, so by workers."""
    from molgnn.screen.funnel.values import scores

    values, reasons = scores(model, [hit.row for hit in hits], [column], workers, timeout)
    means, stds = np.hsplit(values, 2)
    pairs = enumerate(zip(hits, means, stds, strict=True))
    return [hit if i in reasons else Hit(hit.row, mean, std) for i, (hit, mean, std) in pairs]


def _through(funnel, pool, ranking, taken, names, before, model, workers, timeout) -> "Outcome":
    from molgnn.screen.funnel.run import run_funnel  # a plain screen needs nothing of it

    merits, task = merits_of(ranking, pool), model.columns[ranking.column]
    options = {"before": before, "task": task, "workers": workers, "timeout": timeout}
    return run_funnel(funnel, pool, merits, taken, names, **options)
