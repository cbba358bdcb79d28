"""What the files of a screen tell its page: read once, and checked."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from molgnn.errors import Refusal
from molgnn.screen.familiar import is_told
from molgnn.screen.hits import AFTER, BEFORE, read_hits
from molgnn.screen.selfcheck import is_library_domain, is_spike

NEEDED = (
    *("molgnn", "versions", "model", "library", "task", "unit", "direction", "columns"),
    *("std_columns", "score_column", "cut", "counts", "invalid_reasons", "scores", "device"),
)


@dataclass(frozen=True)
class Told:
    """``facts`` are the manifest; ``beside`` is page.json, {} for a screen without one; ``rows``
    are the cells of hits.csv, under ``names``, with ``header`` as it stands there."""

    facts: dict
    beside: dict
    header: list[str]
    rows: list[list[str]]

    @cached_property
    def names(self) -> list[str]:
        """The columns that the manifest says there are."""
        facts = self.facts
        doubt = facts["doubt"]["columns"] if facts.get("doubt") else []
        familiar = facts["domain"]["columns"] if facts.get("domain") else []
        funnel = facts["funnel"]["columns"] if facts.get("funnel") else {}
        own = [*facts["columns"], *facts["std_columns"], *doubt, *familiar, *funnel]
        return [*BEFORE, *own, *AFTER]

    def cells(self, row: list[str]) -> dict[str, str]:
        """Column -> cell."""
        return dict(zip(self.names, row, strict=True))

    @cached_property
    def why(self) -> dict[str, dict]:
        """Rank -> what is known of the atoms and bonds of that hit."""
        hits = self.beside.get("why", {}).get("hits", [])
        return {str(hit["rank"]): hit for hit in hits}


def read_told(hits: Path, manifest: Path, beside: Path) -> Told:
    """What the three files tell. ``beside`` may be missing, as screens did not always write it.
    Raises Refusal for files that are not those of a screen, by name."""
    facts = _json(manifest, "the manifest of a screen")
    missing = [key for key in NEEDED if key not in facts]
    if missing:
        raise Refusal(f"{manifest}: not the manifest of a screen (no {missing[0]!r})")
    for key, check in _CHECKS.items():
        if not check(facts.get(key)):
            raise Refusal(f"{manifest}: not the manifest of a screen (damaged {key!r})")
    more = _json(beside, "what a screen wrote for its page") if beside.is_file() else {}
    if not _is_beside(more):
        raise Refusal(f"{beside}: not what a screen wrote for its page: remove it to do without")
    try:
        header, *rows = read_hits(hits)
    except ValueError as error:
        raise Refusal(f"{hits}: not the hits of a screen ({error})") from error
    told = Told(facts, more, header, rows)
    width = len(told.names)
    for number, row in enumerate([header, *rows], 1):
        if len(row) != width:
            raise Refusal(f"{hits} row {number}: {len(row)} columns, where {width} were written")
    return told


def _json(path: Path, what: str) -> dict:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Refusal(f"{path}: not {what} ({error})") from error
    if not isinstance(found, dict):
        raise Refusal(f"{path}: not {what}")
    return found


def _is_doubt(facts: object) -> bool:
    if facts is None:
        return True
    try:
        return 0 < facts["level"] < 1 and _texts(facts["columns"])
    except (TypeError, KeyError):
        return False


def _is_funnel(facts: object) -> bool:
    if facts is None:
        return True
    try:
        steps = [(step["before"], step["after"], step["title"]) for step in facts["steps"]]
        whole = all(isinstance(n, int) and n >= 0 for *counts, _ in steps for n in counts)
        for step in facts["steps"]:
            reasons = step.get("dropped_by_reason", {})
            whole = whole and _numbers(list(reasons.values())) and _texts(list(reasons))
        named = [column["title"] for column in facts["columns"].values()]
        return whole and _texts(named) and _texts([title for *_, title in steps])
    except (TypeError, KeyError, AttributeError):
        return False


def _is_beside(facts: dict) -> bool:
    """Whether the parts that are there have the shape that the page draws."""
    why, card, places = (facts.get(key) or {} for key in ("why", "card", "map"))
    try:
        return _is_why(why) and _is_card(card) and (not places or _is_map(places))
    except (TypeError, KeyError, AttributeError):
        return False


def _is_why(why: dict) -> bool:
    if "hits" not in why:
        return isinstance(why.get("none", ""), str)
    shares = [s for hit in why["hits"] for s in [*hit["atoms"], *hit["bonds"]] if s is not None]
    more = [hit["rank"] for hit in why["hits"]] + [hit["largest"] for hit in why["hits"]]
    more += [hit.get("features", 0) for hit in why["hits"]] + [why["share"], why["limit"]]
    return _numbers(shares + more) and _texts(
        [hit["smiles"] for hit in why["hits"]] + [why["unit"]]
    )


def _is_card(card: dict) -> bool:
    data, metrics = card.get("data") or {}, card.get("metrics") or {}
    texts = [card.get("predicts", ""), *(data.get(key, "") for key in ("name", "split"))]
    figures = [value for found in metrics.values() for value in found.values()]
    return _texts(texts) and _numbers([*figures, *(data.get("counts") or {}).values()])


def _is_map(places: dict) -> bool:
    points = [*places["hits"], *places["sample"]]
    threes = all(isinstance(point, list) and len(point) == 3 for point in points)
    numbers = [value for point in points for value in point] + list(places["explained"])
    return threes and len(places["explained"]) == 2 and _numbers(numbers) and _texts([places["of"]])


def _numbers(values: list) -> bool:
    """Whether all are numbers, and finite ones: JSON as Python reads it has others."""
    return all(isinstance(v, int | float) and abs(v) < float("inf") for v in values)


def _texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


_CHECKS = {
    "domain": is_told,
    "doubt": _is_doubt,
    "funnel": _is_funnel,
    "spike": is_spike,
    "library_domain": is_library_domain,
}
