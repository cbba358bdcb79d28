"""Draw molecules as SVG that can stand inside a page."""

import re

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

_CLASS = re.compile(r" class='[^']*'")
_STYLE = re.compile(
    r"fill:none;fill-rule:evenodd;stroke:(#\w+);stroke-width:([\d.]+)px;"
    r"stroke-linecap:butt;stroke-linejoin:miter;stroke-opacity:1"
)


def svg(mol: Chem.Mol, width: int = 260, height: int = 200) -> str:
    """An ``<svg>`` element of that many pixels, transparent, in RDKit's colours for a light ground.

    It has no XML header and no text of the input: RDKit draws letters as paths, so that nothing
    in a molecule's name or properties can reach the page.
    """
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options = drawer.drawOptions()
    options.clearBackground = False
    options.bondLineWidth = 1.4
    options.padding = 0.04
    options.fixedBondLength = 26
    options.addStereoAnnotation = False
    _draw(drawer, mol)
    drawer.FinishDrawing()
    return _slim(drawer.GetDrawingText())


def _draw(drawer: rdMolDraw2D.MolDraw2DSVG, mol: Chem.Mol) -> None:
    try:
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol)
    except Chem.KekulizeException:
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol, kekulize=False)


def _slim(text: str) -> str:
    """Without header, comments and what only an editor of the drawing would need."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+xmlns:(rdkit|xlink)='[^']*'|\s+xml:space='[^']*'", "", text)
    text = _STYLE.sub(r"fill:none;stroke:\1;stroke-width:\2px", _CLASS.sub("", text))
    return text.replace("'", '"').strip()
