"""Explain the molecules of a file: a folder with figures, drawings and a page."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import molgnn
from molgnn.data.readers.reader import Row, open_table
from molgnn.errors import Refusal
from molgnn.screen.explain.api import explained
from molgnn.screen.explain.explanation import Explanation, Unexplained
from molgnn.screen.explain.figures import GRADIENTS, OCCLUSION
from molgnn.screen.explain.page import index_page, molecule_card
from molgnn.screen.explain.target import Target, target_of
from molgnn.screen.explain.wanted import ATTRIBUTIONS, Wanted
from molgnn.screen.outputs import check_free, drafts, open_text

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

LIMIT = 100  # rows explained, unless more are asked for
INDEX, FIGURES = "index.html", "explanations.json"
_AT_ONCE = 20  # molecules, for which the forward passes are shared


@dataclass(frozen=True)
class Written:
    """How many rows were read, how many of them are explained, and whether the file has more."""

    rows: int
    explained: int
    more: bool


def explain_table(
    model: "Predictor",
    source: str | Path,
    out: str | Path,
    *,
    target: str | None = None,
    wanted: Wanted = ATTRIBUTIONS,
    smiles: str | None = None,
    id: str | None = None,
    limit: int = LIMIT,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write explanations.json, index.html and a drawing for each molecule, named by its row.

    The first ``limit`` rows of ``source`` are explained; a row that is no molecule stays, with its
    reason. ``smiles`` and ``id`` name columns. Raises Refusal for a file that exists (unless
    ``force``), an input that cannot be read, or an unknown target.
    """
    out, what = Path(out), target_of(model, target)
    check_output(out, force)
    rows, more = _rows(source, smiles, id, limit)
    found = []
    for start in range(0, len(rows), _AT_ONCE):
        found += _explained(model, rows[start : start + _AT_ONCE], what, wanted)
        if progress:
            progress(len(found))
    count = sum(isinstance(each, Explanation) for each in found)
    _write(out, force, facts_of(model, str(source), what), list(zip(rows, found, strict=True)))
    return Written(len(rows), count, more)


def check_output(out: str | Path, force: bool) -> None:
    """Refuse a folder that holds an explanation already."""
    check_free(Path(out), [INDEX, FIGURES], force)


def _rows(source, smiles, id, limit: int) -> tuple[list[Row], bool]:
    if limit < 1:
        raise Refusal(f"--limit {limit}: must be at least 1")
    with closing(open_table(source, smiles=smiles, id=id)) as table:
        rows = list(islice(table, limit + 1))
    return rows[:limit], len(rows) > limit


def _explained(model, rows: list[Row], target: Target, wanted: Wanted) -> Iterator:
    """One for each row; those that cannot be read are not tried."""
    good = [row for row in rows if not row.problem]
    found = iter(explained(model, [row.text for row in good], target, wanted))
    for row in rows:
        yield Unexplained(row.text, row.problem) if row.problem else next(found)


def facts_of(model: "Predictor", source: str, target: Target) -> dict:
    """What explanations.json says beside the molecules."""
    return {
        "molgnn": molgnn.__version__,
        "model": {"name": model.name, "sha256": model.sha256},
        "input": source,
        "target": target.column,
        "unit": target.unit if model.members else target.plain_unit,
        "method": GRADIENTS if model.members else OCCLUSION,
    }


def _write(out: Path, force: bool, facts: dict, pairs: list[tuple]) -> None:
    drawings, cards, molecules = {}, [], []
    for number, (row, shown) in enumerate(pairs, 1):
        own = {"row": number, "line": row.line, "id": row.id, **shown.to_json()}
        if (
            "reason" in own and "\n" in row.text
        ):  # of a mol block that is none, its reason is enough
            own["smiles"] = ""
        if isinstance(shown, Explanation):
            own["svg"] = f"molecule_{number:04d}.svg"  # never a name from the file
            drawings[own["svg"]] = shown.svg()
            cards.append(molecule_card(shown, row.line, row.id))
        molecules.append(own)
    facts = facts | {"molecules": molecules}
    with drafts(out, [FIGURES, *drawings, INDEX], force) as paths:
        for name, text in {
            FIGURES: json.dumps(facts, indent=1, allow_nan=False) + "\n",
            **drawings,
            INDEX: index_page(facts, cards),
        }.items():
            with open_text(paths[name]) as file:
                file.write(text)
