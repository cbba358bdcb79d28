"""The candidates of a screen in bf16, scored again in fp32: what users see is never rounded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from molgnn.models.job import predicted
from molgnn.screen.stages import Hit, Ranking

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


def pool_size(top: int, precision: str) -> int:
    """Candidates to keep for ``top`` hits: in bf16 as many more as its rounding could displace."""
    return top if precision == "fp32" else max(2 * top, top + 1000)


def rescored(
    model: "Predictor", candidates: Sequence[Hit], ranking: Ranking
) -> tuple[list[Hit], float]:
    """The candidates, which come in the library's order, with their fp32 values, best first; ties
    go to the earlier row. And the largest difference that this made to a score."""
    if not candidates:
        return [], 0.0
    found = predicted(model, [hit.row.text for hit in candidates])
    exact = [
        replace(candidates[position], mean=mean, std=std)
        for position, mean, std in zip(found.positions, found.mean, found.std, strict=True)
    ]
    merits = ranking.merits(found.mean)
    rounded = ranking.merits(np.stack([candidates[i].mean for i in found.positions]))
    order = np.argsort(-merits, kind="stable")
    return [exact[i] for i in order], float(np.abs(merits - rounded).max())
