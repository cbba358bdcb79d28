"""The funnel at work on a pool: step by step to the final hits, each drop with its reason."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from molgnn.chem.properties import RULE_SETS
from molgnn.data.pool.workers import cores, plan, worked
from molgnn.models.familiar import Column
from molgnn.screen.funnel import examine
from molgnn.screen.funnel.columns import Told, columns_of
from molgnn.screen.funnel.diversity import diversify
from molgnn.screen.funnel.examine import Dropped, Examination, Finding
from molgnn.screen.funnel.ledger import Ledger
from molgnn.screen.funnel.parts import PARETO, Pool
from molgnn.screen.funnel.prepare import Funnel
from molgnn.screen.funnel.values import STEP, Values, values_of
from molgnn.screen.stages import Hit

POOL, HITS = "pool", "hits"
_CHUNK = 256


@dataclass(frozen=True)
class Outcome:
    """The final hits, best first, ``columns`` of them and ``facts`` for the manifest; and the whole
    ``pool`` in the library's order, with why each of its others was ``dropped``."""

    hits: list[Hit]
    columns: Sequence[Column]
    facts: dict
    pool: Sequence[Hit]
    dropped: dict[int, Dropped]


def run_funnel(
    funnel: Funnel,
    pool: Sequence[Hit],
    merits: np.ndarray,
    taken: Sequence[str],
    names: Sequence[str],
    before: int,
    task: str,
    workers: int | None = None,
    timeout: float | None = None,
) -> Outcome:
    """``pool`` in the library's order, with ``merits`` (B,) of its scores; it was chosen out of
    ``before`` molecules by ``task``. ``names`` are the model's columns in hits.csv, ``taken`` all
    names there. The outcome does not depend on ``workers``."""
    ledger = Ledger(len(pool))
    ledger.begin(POOL, _pool_title(funnel.recipe.pool, task), before)
    values = values_of(funnel, pool, workers, timeout)
    if funnel.recipe.objectives:
        ledger.drop(STEP, _objectives_title(funnel), values.dropped)
    findings = _examined(funnel.examination, pool, ledger, workers, timeout)
    _note(funnel, findings, ledger)
    order, clusters = _order(values, merits), {}
    if funnel.recipe.diversity:
        threads = workers or cores()
        asked = funnel.recipe.diversity
        clusters = diversify(asked, findings, ledger, order, funnel.top, threads)
    left = order[ledger.alive[order]]
    ledger.drop(
        HITS, f"the best {funnel.top:,} by {_rank_name(funnel, task)}", _behind(left, funnel.top)
    )
    best = left[: funnel.top]
    told = columns_of(funnel, values, findings, clusters, best, taken, names)
    hits = [pool[i] for i in best]
    return Outcome(hits, told.columns, _facts(funnel, ledger, told, len(pool)), pool, ledger.why)


def _examined(
    examination: Examination,
    pool: Sequence[Hit],
    ledger: Ledger,
    workers: int | None,
    timeout: float | None,
) -> list[Finding]:
    """What chemistry says of those who are left; nothing of the others."""
    findings = [Finding() for _ in pool]
    left = ledger.left.tolist()
    if not examination.asks:
        return findings
    rows = [pool[i].row for i in left]
    chunks = (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))
    chunks, workers = plan(chunks, workers, 0, timeout)
    first = 0
    with closing(worked(chunks, examination, workers, timeout=timeout)) as stream:
        for part, found in stream:
            for row, number, finding in zip(part, left[first:], found, strict=False):
                if row.problem:
                    finding.dropped = Dropped(examine.PROPERTIES, row.problem, ("not examined",))
                findings[number] = finding
            first += len(part)
    return findings


def _note(funnel: Funnel, findings: Sequence[Finding], ledger: Ledger) -> None:
    """One step after the other, who was dropped at it."""
    titles = _chemistry_titles(funnel)
    dropped = {i: findings[i].dropped for i in ledger.left.tolist() if findings[i].dropped}
    titles |= {  # steps that nobody asked for: a molecule that not even RDKit could look at
        why.step: "what could be examined" for why in dropped.values() if why.step not in titles
    }
    for step in (examine.PROPERTIES, examine.ALERTS, examine.NOVELTY, examine.CORES):
        if step in titles:
            own = {i: why for i, why in dropped.items() if why.step == step}
            ledger.drop(step, titles[step], own)


def _order(values: Values, merits: np.ndarray) -> np.ndarray:
    """All molecules, best first: by the objectives, then by the score, then as in the library."""
    first = np.zeros(len(merits)) if values.merit is None else values.merit
    return np.lexsort((-merits, -first))


def _behind(left: np.ndarray, top: int) -> dict[int, Dropped]:
    count = len(left)
    return {
        int(i): Dropped(
            HITS, f"ranked {rank:,} of the {count:,} left", (f"behind the {top:,} best",)
        )
        for rank, i in enumerate(left[top:], top + 1)
    }


def _facts(funnel: Funnel, ledger: Ledger, told: Told, size: int) -> dict:
    return {
        **funnel.facts(),
        "pool": size,
        "steps": ledger.steps,
        "columns": told.facts,
        "alerts_column": told.alerts,
        "atoms_column": told.atoms,
        "cluster_column": told.cluster,
        "combined_column": told.combined,
        "objective_columns": told.objectives,
    }


def _pool_title(asked: Pool, task: str) -> str:
    bounds = [("at least", asked.at_least), ("at most", asked.at_most)]
    bound = "".join(f", {words} {value:g}" for words, value in bounds if value is not None)
    return f"the best {asked.size:,} by {task}{bound}"


def _rank_name(funnel: Funnel, task: str) -> str:
    asked = funnel.recipe.objectives
    if asked is None:
        return task
    return "Pareto rank" if asked.combine == PARETO else f"the {asked.combine} of the objectives"


def _objectives_title(funnel: Funnel) -> str:
    asked = funnel.recipe.objectives
    words = []
    for each in asked.of:
        bounds = [("at least", each.at_least), ("at most", each.at_most)]
        limits = "".join(f", {word} {value:g}" for word, value in bounds if value is not None)
        words.append(f"{each.name} {each.aim}{limits}")
    ranks = f", the first {asked.ranks:,} ranks" if asked.ranks else ""
    return f"{asked.combine} of {'; '.join(words)}{ranks}"


def _chemistry_titles(funnel: Funnel) -> dict[str, str]:
    """Of the steps that were asked for, what they are about, in words."""
    recipe, found = funnel.recipe, {}
    if recipe.properties:
        words = [f"{name} {_span(*span)}" for name, span in recipe.properties.ranges.items()]
        for name, allowed in recipe.properties.sets.items():
            limits = ", ".join(f"{k} {_span(*span)}" for k, span in RULE_SETS[name].ranges.items())
            words.append(f"{name} ({limits}; {allowed} may be missed)")
        found[examine.PROPERTIES] = "; ".join(words)
    if recipe.alerts:
        words = [f"{name} dropped" for name in recipe.alerts.drop]
        words += [f"{name} told" for name in recipe.alerts.flag]
        found[examine.ALERTS] = ", ".join(words)
    if recipe.novelty:
        kinds = {
            kind: funnel.known.origin.count(kind) for kind in dict.fromkeys(funnel.known.origin)
        }
        words = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.items())
        found[examine.NOVELTY] = f"at most {recipe.novelty.at_most:g} similar to any of {words}"
    if recipe.cores:
        found[examine.CORES] = f"without the cores {', '.join(recipe.cores)}"
    return found


def _span(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
