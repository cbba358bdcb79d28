"""Molecules drawn side by side as HTML that shows in a notebook."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from molgnn.chem.depict import svg
from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.screen.page.cards import MAX_ATOMS, short

WIDTH, HEIGHT = 200, 150  # pixels of a drawing
_GRID = (
    f"display:grid; grid-template-columns:repeat(auto-fill,{WIDTH + 10}px); gap:12px 6px; "
    "padding:10px; background:#ffffff; color:#16202b; text-align:center; "
    "font:13px/1.4 system-ui, sans-serif"
)


class Cell(NamedTuple):
    """A molecule with the lines below it."""

    smiles: str
    lines: Sequence[str]


class Drawing:
    """Cells as HTML without script or anything from elsewhere. All texts are escaped."""

    def __init__(self, cells: Sequence[Cell]):
        self.cells = list(cells)

    def __repr__(self) -> str:
        return f"Drawing({len(self.cells)} molecules)"

    def _repr_html_(self) -> str:
        return f'<div style="{_GRID}">{"".join(map(_cell, self.cells))}</div>'


def _cell(cell: Cell) -> str:
    lines = "<br>".join(f"<bdi>{escape(short(line, 60))}</bdi>" for line in cell.lines if line)
    title = escape(short(cell.smiles), quote=True)
    return f'<div title="{title}">{_structure(cell.smiles)}<div>{lines}</div></div>'


def _structure(smiles: str) -> str:
    try:
        mol = parse(smiles, "none")
    except InvalidMolecule:
        return "<div>no structure</div>"
    if mol.GetNumAtoms() > MAX_ATOMS:
        return f"<div>{mol.GetNumAtoms():,} atoms, too many to draw</div>"
    return svg(mol, WIDTH, HEIGHT)
