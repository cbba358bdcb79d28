"""The drawing of an explanation: a structure in two colours, and their scale."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from molgnn.chem.depict import svg_coloured

if TYPE_CHECKING:
    from molgnn.screen.explain.explanation import Explanation

# The two ends of ColorBrewer's RdBu, which colour-blind readers tell apart, and light enough for
# black letters on them.
RAISES, LOWERS = (239, 138, 98), (103, 169, 207)
_STEPS = 21  # of the scale
_SCALE = 34  # pixels under the structure


def colour(value: float, largest: float) -> tuple[float, float, float]:
    """RGB in 0..1: white for 0, ``RAISES`` for ``largest``, ``LOWERS`` for its negative."""
    share = min(abs(value) / largest, 1.0) if largest > 0 else 0.0
    end = RAISES if value > 0 else LOWERS
    return tuple((255 + share * (channel - 255)) / 255 for channel in end)


def coloured(
    mol: Chem.Mol, atoms: np.ndarray, bonds: np.ndarray, unit: str, width: int, height: int
) -> str:
    """An ``<svg>`` of the molecule coloured by ``atoms`` (n,) and ``bonds`` (m,), NaN for none, and
    under it the scale from minus to plus the largest of them."""
    largest = float(np.nanmax(np.abs([*atoms, *bonds, 0.0])))
    inner = svg_coloured(mol, shades(atoms, largest), shades(bonds, largest), width, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + _SCALE}" '
        f'viewBox="0 0 {width} {height + _SCALE}" font-family="system-ui, sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="#ffffff"/><g>{_inside(inner)}</g>'
        f"{_scale(largest, unit, width, height)}</svg>"
    )


def marked(mol: Chem.Mol, atoms: set[int], width: int = 340, height: int = 280) -> str:
    """An ``<svg>`` of the molecule with these atoms, and the bonds between them, in one colour."""
    bonds = {
        bond.GetIdx(): colour(1, 1)
        for bond in mol.GetBonds()
        if {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} <= atoms
    }
    return svg_coloured(mol, {atom: colour(1, 1) for atom in atoms}, bonds, width, height)


def _inside(svg: str) -> str:
    """What an ``<svg>`` holds: a page's style for drawings must not stretch one within another."""
    return svg[svg.index(">") + 1 : svg.rindex("</svg>")]


def shades(values: np.ndarray, largest: float) -> dict[int, tuple]:
    """Place -> colour; nearly white is left out: a faint disc under each atom says nothing."""
    least = 0.02 * largest
    return {i: colour(v, largest) for i, v in enumerate(values) if abs(v) > least}


def _scale(largest: float, unit: str, width: int, height: int) -> str:
    left, long = width * 0.2, width * 0.6
    step, top = long / _STEPS, height + 4
    cells = "".join(
        f'<rect x="{left + i * step:.1f}" y="{top}" width="{step + 0.5:.1f}" height="9" '
        f'fill="{_hex(colour(i - _STEPS // 2, _STEPS // 2))}"/>'
        for i in range(_STEPS)
    )
    said = [
        (left, f"−{largest:.2g}"),
        (width / 2, escape(_short(unit))),
        (left + long, f"+{largest:.2g}"),
    ]
    texts = "".join(
        f'<text x="{x:.1f}" y="{top + 22}" text-anchor="middle" fill="#333333">{text}</text>'
        for x, text in said
    )
    return cells + texts


def _hex(rgb: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


def card(shown: "Explanation") -> str:
    """The drawing with its figures, for a notebook; every text of the user's is escaped."""
    lines = [
        f"<b>{escape(shown.target.column)} {shown.prediction:.4g}</b>",
        f"score {shown.score:.4g} {escape(shown.unit)}",
    ]
    if np.isfinite(shown.baseline):
        lines[1] += f", baseline {shown.baseline:.4g}"
    lines += [escape(note) for note in shown.notes]
    for near in shown.neighbours[:1]:
        label = "" if near.label is None else f", {escape(str(near.label))}"
        lines.append(f"nearest known: {escape(near.smiles)} ({near.similarity:.2f}{label})")
    if shown.rationale is not None:
        lines.append(
            f"rationale: {escape(shown.rationale.smiles)}, {shown.rationale.kept:.0%} kept"
        )
    body = "<br>".join([f"<code>{escape(shown.smiles[:300])}</code>", *lines])
    return (
        f'<figure style="margin:0;max-width:360px">{shown.svg()}{shown.rationale_svg()}'
        f'<figcaption style="font-size:0.85em;overflow-wrap:anywhere">{body}'
        "</figcaption></figure>"
    )
