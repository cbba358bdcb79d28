"""Draw molecules as SVG that can stand inside a page."""

import re
from collections.abc import Mapping

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

RGB = tuple[float, float, float]
_CLASS = re.compile(r" class='[^']*'")
# What lies behind the structure comes first: bands, which have no outline, and discs.
_BEHIND = re.compile(
    r"<!-- END OF HEADER -->\s*((?:<(?:path[^>]*stroke-width:0\.0px|ellipse)[^>]*/>\s*)+)"
)
_BAND = re.compile(
    r"style='fill:(#\w+);fill-rule:evenodd;(?:fill-opacity:1;)?stroke:#\w+;stroke-width:[01]\.0px;"
    r"stroke-linecap:butt;stroke-linejoin:miter;(?:stroke-miterlimit:10;)?stroke-opacity:1;?'"
)
_STYLE = re.compile(
    r"fill:none;fill-rule:evenodd;stroke:(#\w+);stroke-width:([\d.]+)px;"
    r"stroke-linecap:butt;stroke-linejoin:miter;stroke-opacity:1"
)


def svg(mol: Chem.Mol, width: int = 260, height: int = 200) -> str:
    """An ``<svg>`` element of that many pixels, transparent, in RDKit's colours for a light ground.

    It has no XML header and no text of the input: RDKit draws letters as paths, so that nothing
    in a molecule's name or properties can reach the page.
    """
    drawer = _drawer(width, height)
    _draw(drawer, mol)
    drawer.FinishDrawing()
    return _slim(drawer.GetDrawingText())


def svg_coloured(
    mol: Chem.Mol,
    atoms: Mapping[int, RGB],
    bonds: Mapping[int, RGB],
    width: int,
    height: int,
    group: str = "",
) -> str:
    """The same with discs behind atoms and bands behind bonds, in colours of RGB in 0..1. With the
    name of a ``group`` these are a ``<g>`` of that class, so that a page can hide them."""
    drawer = _drawer(width, height)
    colours = {
        "highlightAtoms": list(atoms),
        "highlightAtomColors": dict(atoms),
        "highlightBonds": list(bonds),
        "highlightBondColors": dict(bonds),
    }
    _draw(drawer, mol, **colours)
    drawer.FinishDrawing()
    text = drawer.GetDrawingText()
    if group:
        text = _BEHIND.sub(lambda found: _grouped(found[1], group), text, count=1)
    return _slim(text)


def _drawer(width: int, height: int) -> rdMolDraw2D.MolDraw2DSVG:
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options = drawer.drawOptions()
    options.clearBackground = False
    options.bondLineWidth = 1.4
    options.padding = 0.04
    options.fixedBondLength = 26
    options.addStereoAnnotation = False
    return drawer


def _draw(drawer: rdMolDraw2D.MolDraw2DSVG, mol: Chem.Mol, **colours) -> None:
    try:
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol, **colours)
    except Chem.KekulizeException:
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol, kekulize=False, **colours)


def _grouped(shapes: str, group: str) -> str:
    slim = _BAND.sub(r"fill='\1'", shapes)  # before Python 3.12 not within the f-string
    return f'<g class="{group}">{slim}</g>\n'


def _slim(text: str) -> str:
    """Without header, comments and what only an editor of the drawing would need."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+xmlns:(rdkit|xlink)='[^']*'|\s+xml:space='[^']*'", "", text)
    text = _STYLE.sub(r"fill:none;stroke:\1;stroke-width:\2px", _CLASS.sub("", text))
    return text.replace("'", '"').strip()
