"""What a screen finds out about itself: whether its model knows such a library, and whether hidden
molecules came early."""

from typing import TYPE_CHECKING

import pandas as pd

from molgnn.screen.library_domain import library_domain
from molgnn.screen.spike.found import spike_facts, spike_table, words

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor
    from molgnn.screen.keeper import Keeper
    from molgnn.screen.spike.read import Spikes


def self_check(
    model: "Predictor", keeper: "Keeper", domain: bool | str, spikes: "Spikes | None"
) -> tuple[dict, pd.DataFrame | None]:
    """For the manifest, where there is something to say; and the hidden molecules, best first, None
    without. ``domain`` is that of ``Predictor.predict``."""
    known = library_domain(model, keeper.ranking.column, keeper.sample.rows, domain)
    facts = {"library_domain": known} if known else {}
    if spikes is None:
        return facts, None
    return facts | {"spike": spike_facts(spikes, keeper)}, spike_table(spikes, keeper)


def said(facts: dict) -> list[str]:
    """What the manifest ``facts`` have of it, a line each."""
    lines, known = [], facts.get("library_domain")
    if known and known["warning"]:
        lines.append(known["warning"])
    return lines + (words(facts["spike"]) if facts.get("spike") else [])


def is_spike(facts: object) -> bool:
    """Whether these are facts of hidden molecules, as a manifest holds them, if it does."""
    if facts is None:
        return True
    try:
        whole = ("molecules", "duplicates", "invalid", "in_library", "library")
        good = all(_is_count(facts[key]) for key in whole)
        good &= facts["training"] is None or _is_count(facts["training"])
        texts = [facts["ties"], facts["file"]["name"], facts["precision"]]
        texts += [row["reason"] for row in facts["invalid_rows"]]
        good &= all(isinstance(text, str) for text in texts)
        good &= len(facts["invalid_rows"]) > 0 or not facts["invalid"]
        good &= all(_is_count(row["line"]) for row in facts["invalid_rows"])
        good &= facts["unseen"] is not None or facts["training"] in (None, 0, facts["molecules"])
        of = [facts["figures"], *([facts["unseen"]] if facts["unseen"] else [])]
        return good and all(map(_are_figures, of))
    except (TypeError, KeyError, AttributeError):
        return False


def _are_figures(of: dict) -> bool:
    numbers = [of[key] for key in ("ef1", "ef1_most", "recall", "median_rank")]
    early = [of["roc_auc"], of["bedroc"]]
    whole = all(_is_count(of[key]) for key in ("molecules", "top", "found"))
    numbers += [] if early == [None, None] else early
    return whole and all(_is_number(value) for value in numbers)


def is_library_domain(facts: object) -> bool:
    """Whether these are facts of the library's sample, as a manifest holds them, if it does."""
    if facts is None:
        return True
    warning = facts.get("warning", "") if isinstance(facts, dict) else 0
    return warning is None or isinstance(warning, str)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < float("inf")
