"""Whether a library lies where its model knows its way: asked of a sample drawn at random."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from molgnn.screen.columns import training_range
from molgnn.screen.sample import Drawn

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

MOST = 0.5  # a larger share outside is a warning


def library_domain(
    model: "Predictor", column: int, sample: Sequence[Drawn], domain: bool | str
) -> dict | None:
    """``outside`` counts the molecules of the sample without a training molecule as similar as the
    rule asks for (None: no rule, or ``domain`` not asked for), ``beyond`` those that score beyond
    all training labels of the model's ``column`` (None: no such range); and the
    ``warning`` where one is more than half. None for an empty sample, or where nothing is known."""
    rule = getattr(model, "rule", None) if domain else None
    known = training_range(model, model.columns[column])
    if not sample or (rule is None and known is None):
        return None
    outside = beyond = None
    if rule is not None:  # texts of rows with a score: a worker has parsed each before
        similarity = model.near([drawn.text for drawn in sample]).similarity
        outside = int((similarity < rule.threshold).sum())
    if known is not None:
        scores = np.array([drawn.score for drawn in sample])
        beyond = int(((scores < known[0]) | (scores > known[1])).sum())
    facts = {
        "sample": len(sample),
        "outside": outside,
        "threshold": None if rule is None else rule.threshold,
        "beyond": beyond,
        "training_range": known,
    }
    return facts | {"warning": _warning(facts)}


def _warning(facts: Mapping) -> str | None:
    size, parts = facts["sample"], []
    if facts["outside"] is not None and facts["outside"] > MOST * size:
        parts.append(
            f"{facts['outside']:,} have no training molecule as similar as {facts['threshold']:.2f}"
        )
    if facts["beyond"] is not None and facts["beyond"] > MOST * size:
        low, high = facts["training_range"]
        parts.append(
            f"{facts['beyond']:,} score beyond all training values ({low:.4g} to {high:.4g})"
        )
    if not parts:
        return None
    return (
        f"most of the library is outside the model's domain: of {size:,} molecules drawn at random "
        f"{' and '.join(parts)}: trust no score of it without a test"
    )
