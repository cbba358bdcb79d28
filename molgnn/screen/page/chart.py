"""The histogram of scores as an inline SVG, coloured by the page's style sheet."""

import math
from html import escape

WIDTH, HEIGHT = 760, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 30, 48
MAX_BARS = 64


def histogram_svg(
    histogram: dict, label: str, cut: float | None, minimize: bool, kept: str = "hit"
) -> str:
    """``histogram`` as a manifest holds it; the bars beyond ``cut`` (None: no cut) are marked as
    those of the hits (or of what else was ``kept``), above it or, where low is good, below it.
    ``label`` names the axis."""
    edge, width, counts = coarse(histogram)
    low, high = edge, edge + width * len(counts)
    x = _scale(low, high, LEFT, WIDTH - RIGHT)
    y = _scale(0, max(counts), HEIGHT - BOTTOM, TOP)
    bars = "".join(_bar(x, y, edge + i * width, width, n) for i, n in enumerate(counts) if n)
    parts = [_grid(y, max(counts)), f'<g class="bars">{bars}</g>']
    if cut is not None:
        parts.append(_beyond(x(cut), bars, minimize, kept))
    parts.append(_axes(x, low, high, label))
    spoken = escape(_spoken(histogram, label, cut, minimize, kept))
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{spoken}">{"".join(parts)}</svg>'
    )


def coarse(histogram: dict) -> tuple[float, float, list[int]]:
    """First edge, bin width and counts, after merging pairs of bins until a chart can show them.

    Pairs start at even bins of the grid, so merged bins are bins of the coarser grid.
    """
    width, counts = histogram["bin_width"], list(histogram["counts"])
    first = round(histogram["first_edge"] / width)
    while len(counts) > MAX_BARS:
        counts = [0] * (first % 2) + counts
        counts += [0] * (len(counts) % 2)
        counts = [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)]
        first, width = first // 2, width * 2
    return first * width, width, counts


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers within [low, high], steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def figure(value: float, digits: int = 4) -> str:
    """A number for readers: few digits and a real minus sign."""
    return f"{value:.{digits}g}".replace("-", "−")


def _scale(a: float, b: float, start: float, end: float):
    return lambda value: start + (value - a) / (b - a) * (end - start)


def _bar(x, y, edge: float, width: float, count: int) -> str:
    left, right = x(edge), x(edge + width)
    gap = min(1.0, (right - left) / 5)
    top = min(y(count), HEIGHT - BOTTOM - 1.5)  # a single molecule among millions is still seen
    return (
        f'<rect x="{left + gap / 2:.2f}" y="{top:.2f}" width="{right - left - gap:.2f}" '
        f'height="{HEIGHT - BOTTOM - top:.2f}"/>'
    )


def _beyond(at: float, bars: str, minimize: bool, kept: str) -> str:
    """The bars again in the hits' colour, on their side of the cut, and the cut itself."""
    left, right = (0, at) if minimize else (at, WIDTH)
    side, dx = ("end", -6) if at > WIDTH / 2 else ("start", 6)
    return (
        f'<clipPath id="hits-side"><rect x="{left:.2f}" y="0" width="{right - left:.2f}" '
        f'height="{HEIGHT}"/></clipPath><g class="bars hit" clip-path="url(#hits-side)">{bars}</g>'
        f'<line class="cut" x1="{at:.2f}" x2="{at:.2f}" y1="{TOP - 14}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="cut-label" x="{at + dx:.2f}" y="{TOP - 6}" text-anchor="{side}">'
        f"last {kept}</text>"
    )


def _grid(y, most: int) -> str:
    lines = []
    for value in ticks(0, most, 4):
        if value != int(value):
            continue
        at = y(value)
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.2f}" y2="{at:.2f}"/>'
            f'<text x="{LEFT - 8}" y="{at + 4:.2f}" text-anchor="end">{int(value):,}</text>'
        )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return "".join(lines) + (
        f'<text class="axis" x="14" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle})">molecules</text>'
    )


def _axes(x, low: float, high: float, label: str) -> str:
    base = HEIGHT - BOTTOM
    parts = [f'<line class="base" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>']
    for value in ticks(low, high):
        at = f"{x(value):.2f}"
        parts.append(
            f'<line class="base" x1="{at}" x2="{at}" y1="{base}" y2="{base + 4}"/>'
            f'<text x="{at}" y="{base + 18}" text-anchor="middle">{figure(value)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="axis" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(label)}</text>"
    )
    return "".join(parts)


def _spoken(histogram: dict, label: str, cut: float | None, minimize: bool, kept: str) -> str:
    edge, width, counts = coarse(histogram)
    most = edge + (counts.index(max(counts)) + 0.5) * width
    text = (
        f"Histogram of {label} over {sum(counts):,} molecules, from {figure(edge)} to "
        f"{figure(edge + width * len(counts))}, most of them near {figure(most)}"
    )
    if cut is None:
        return text
    return f"{text}; {kept}s are at {figure(cut)} or {'less' if minimize else 'more'}"
