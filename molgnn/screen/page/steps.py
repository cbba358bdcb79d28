"""The funnel as an inline SVG: how many molecules came to each step, and how many went on."""

import math
from html import escape

from molgnn.screen.page.cards import short

WIDTH, ROW, BAR, LABEL, COUNT = 760, 32, 20, 250, 140
REASONS = 6  # of a step


def funnel_section(facts: dict) -> str:
    """``facts`` is the manifest; "" for a screen without a funnel."""
    steps = (facts.get("funnel") or {}).get("steps")
    if not steps:
        return ""
    counts = facts["counts"]
    rows = [("Rows of the library", counts["rows"], counts["rows"])]
    rows.append(("Scored", counts["rows"], counts["scored"]))
    rows += [(step["title"], step["before"], step["after"]) for step in steps]
    return (
        '<h2>The funnel</h2>\n<div class="wide alone"><div class="panel">'
        f'{funnel_svg(rows)}<p class="note">Each bar is what was left after a step, the pale one '
        f"what came to it. Lengths are logarithms.</p>{_table(steps)}</div></div>"
    )


def _table(steps: list[dict]) -> str:
    """Each step in full, with the most frequent reasons for which molecules went."""
    body = "".join(
        f'<tr><td>{escape(short(step["title"]))}</td><td class="count">{step["before"]:,}</td>'
        f'<td class="count">{step["after"]:,}</td><td class="reasons">{_reasons(step)}</td></tr>'
        for step in steps
    )
    head = '<th scope="col">step</th><th scope="col" class="count">before</th>'
    head += '<th scope="col" class="count">after</th><th scope="col" class="reasons">went for</th>'
    return (
        "<details><summary>Each step with its reasons</summary>\n<table><thead>"
        f"<tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _reasons(step: dict) -> str:
    found = list(step.get("dropped_by_reason", {}).items())
    said = [f"{escape(short(reason))}: {count:,}" for reason, count in found[:REASONS]]
    return "; ".join(said + (["others"] if found[REASONS:] else []))


def funnel_svg(rows: list[tuple[str, int, int]]) -> str:
    """Rows of title, number before and number after; the widest bar is the largest of all."""
    most = max(max(before, after) for _, before, after in rows)
    full = WIDTH - LABEL - COUNT
    parts = [
        _row(place * ROW, row, [_length(n, most) * full for n in row[1:]])
        for place, row in enumerate(rows)
    ]
    said = "; ".join(f"{title}: {_said(before, after)}" for title, before, after in rows)
    return (
        f'<svg class="chart funnel" viewBox="0 0 {WIDTH} {len(rows) * ROW}" role="img" '
        f'aria-label="Funnel: {escape(said)}">{"".join(parts)}</svg>'
    )


def _row(top: float, row: tuple[str, int, int], lengths: list[float]) -> str:
    """Bars in the middle, so that they close in on what is left; title left, numbers right."""
    title, before, after = row
    middle, y = LABEL + (WIDTH - LABEL - COUNT) / 2, top + (ROW - BAR) / 2
    bars = "".join(
        f'<rect class="{kind}" x="{middle - length / 2:.1f}" y="{y}" width="{length:.1f}" '
        f'height="{BAR}" rx="3"/>'
        for kind, length in zip(("before", "after"), lengths, strict=True)
    )
    base = top + ROW / 2 + 4
    return (
        f'<text class="axis" x="0" y="{base}">{escape(short(title, 36))}</text>{bars}'
        f'<text x="{WIDTH}" y="{base}" text-anchor="end">{_said(before, after)}</text>'
    )


def _length(count: int, most: int) -> float:
    """0..1: 0 for none, and one molecule is still seen."""
    if not count or most < 1:
        return 0.0
    return max(math.log1p(count) / math.log1p(most), 0.02)


def _said(before: int, after: int) -> str:
    """The number left, and how many went."""
    return f"{after:,}" + (f" (−{before - after:,})" if after < before else "")
