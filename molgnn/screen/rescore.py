"""The hits among the candidates: scored again in fp32, so that what users see is never rounded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from molgnn.errors import choices
from molgnn.screen.stages import Hit, Ranking

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Best:
    """The hits, best first, and what the manifest says of the ``precision`` they were found in."""

    hits: list[Hit]
    precision: dict


def chosen_precision(model: "Predictor", asked: str, column: int, small: bool) -> dict:
    """``used`` (fp32 or bf16) and the ``reason``; "auto" leaves a ``small`` library in fp32."""
    if asked not in ("auto", "fp32", "bf16"):
        raise choices("--precision", asked, ("auto", "fp32", "bf16"))
    if asked != "auto":
        return {"used": asked, "reason": "asked for"}
    if small:
        return {"used": "fp32", "reason": "a small library"}
    return model.choose_precision(column)


def pool_size(top: int, precision: str) -> int:
    """Candidates to keep for ``top`` hits: in bf16 as many more as its rounding could displace."""
    return top if precision == "fp32" else max(2 * top, top + 1000)


def best_of(
    model: "Predictor", candidates: Sequence[Hit], ranking: Ranking, precision: dict
) -> Best:
    """The ``ranking.top`` best of the candidates, which come in the library's order; of equal ones
    the earlier. Those found in bf16 are scored again; how much that moved a score at most is noted.
    """
    candidates, precision = exact(candidates, ranking, precision, partial(_exact, model))
    return Best([candidates[i] for i in best_rows(candidates, ranking, ranking.top)], precision)


def exact(
    candidates: Sequence[Hit],
    ranking: Ranking,
    precision: dict,
    anew: Callable[[Sequence[Hit]], list[Hit]],
) -> tuple[Sequence[Hit], dict]:
    """The candidates in fp32, scored ``anew`` where they are not, and what the manifest says."""
    if precision["used"] != "fp32" and candidates:
        found = anew(candidates)
        moved = np.abs(merits_of(ranking, found) - merits_of(ranking, candidates)).max()
        precision = precision | {"rescored": len(found), "largest_change": float(moved)}
        candidates = found
    return candidates, precision


def best_rows(candidates: Sequence[Hit], ranking: Ranking, count: int) -> np.ndarray:
    """The numbers of so many of the best, best first; of equal ones the earlier."""
    return np.argsort(-merits_of(ranking, candidates), kind="stable")[:count]


def merits_of(ranking: Ranking, hits: Sequence[Hit]) -> np.ndarray:
    """(B,): the more the better."""
    return ranking.merits(np.stack([hit.mean for hit in hits])) if hits else np.empty(0)


def _exact(model: "Predictor", candidates: Sequence[Hit]) -> list[Hit]:
    """Their texts are known to be good, and quick to parse: a worker has parsed each before."""
    from molgnn.models.job import predicted  # not above: what needs no model needs no torch

    found = predicted(model, [hit.row.text for hit in candidates])
    exact = list(candidates)
    for position, mean, std in zip(found.positions, found.mean, found.std, strict=True):
        exact[position] = replace(exact[position], mean=mean, std=std)
    return exact
