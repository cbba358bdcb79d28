"""The map: hits among a sample of the library, as an inline SVG with a link for each hit."""

from collections.abc import Sequence
from html import escape

import numpy as np

from molgnn.screen.page.cards import short
from molgnn.screen.page.told import Told

WIDTH, HEIGHT, PAD = 760, 460, 14
SHADES = 5  # of the sample, by score


def map_section(told: Told, rows: Sequence[list[str]]) -> str:
    """The map and what it shows; "" for a screen without one. On it are the hits that have a card:
    ``rows`` of hits.csv."""
    places = told.beside.get("map")
    cells = {row[0]: told.cells(row) for row in rows}
    if not places or not cells:
        return ""
    hits = [(x, y, cells[str(rank)]) for rank, x, y in places["hits"] if str(rank) in cells]
    sample = places["sample"]
    corner = np.array([[x, y] for x, y, _ in [*hits, *sample]]).max(axis=0, initial=1).tolist()
    # y grows upwards, as it does in every other plot of components
    width = WIDTH - 2 * PAD
    scale = min(width / corner[0], (HEIGHT - 2 * PAD) / corner[1])
    height = round(corner[1] * scale) + 2 * PAD
    left = (WIDTH - corner[0] * scale) / 2

    def at(x: int, y: int) -> tuple[float, float]:
        return round(left + x * scale, 1), round(height - PAD - y * scale, 1)

    dots = "".join(
        f'<circle class="s{shade}" cx="{x}" cy="{y}" r="2.6"/>'
        for (x, y), shade in zip((at(*p[:2]) for p in sample), _shades(sample), strict=True)
    )
    points = "".join(_point(told, *at(x, y), hit) for x, y, hit in hits)
    label = f"Map of {len(hits):,} hits among {len(sample):,} molecules of the library"
    return (
        f'<h2>Where the hits lie</h2>\n<div class="wide alone"><div class="panel">'
        f'<svg class="map" viewBox="0 0 {WIDTH} {height}" role="group" '
        f'aria-label="{label}; arrow keys go from hit to hit">'
        f'<g aria-hidden="true">{dots}</g>{points}</svg>{_legend(told, places, len(sample))}'
        "</div></div>"
    )


def _shades(sample: list) -> list[int]:
    """0 for the lowest fifth of the scores, 4 for the highest."""
    scores = np.array([score for *_, score in sample])
    if not len(scores):
        return []
    edges = np.quantile(scores, np.arange(1, SHADES) / SHADES)
    return np.searchsorted(edges, scores, side="right").tolist()


def _point(told: Told, x: float, y: float, cells: dict[str, str]) -> str:
    rank, domain = escape(cells["rank"]), told.facts.get("domain")
    outside = " outside" if domain and cells[domain["flag"]] == "false" else ""
    name = escape(short(cells["id"])) or f"line {escape(cells['line'])}"
    return (
        f'<a class="point{outside}" id="point-{rank}" href="#hit-{rank}">'
        f'<title>#{rank} {name}</title><circle cx="{x}" cy="{y}" r="5"/></a>'
    )


def _legend(told: Told, places: dict, count: int) -> str:
    shades = "".join(f'<i class="s{shade}"></i>' for shade in range(SHADES))
    low, high = (f"{share:.0%}" for share in places["explained"])
    ruled = (told.facts.get("domain") or {}).get("outside") is not None
    outside = '<i class="hit outside"></i> hit that is not in the domain ' if ruled else ""
    return (
        f'<p class="legend"><i class="hit"></i> hit {outside}<span>{shades} {count:,} molecules of '
        "the library drawn at random, stronger with a higher score</span></p>"
        '<p class="note">Each point is a molecule; a hit leads to its card. Molecules near each '
        f"other are alike in {escape(places['of'])}, as far as two directions tell: these two hold "
        f"{low} and {high} of all differences (principal components).</p>"
    )
