"""The drawing of a hit, with what its atoms and bonds add to the score where that is known."""

from html import escape

import numpy as np
from rdkit import Chem

from molgnn.chem.depict import svg, svg_coloured
from molgnn.chem.smiles import InvalidMolecule
from molgnn.chem.trace import Trace, parse_traced
from molgnn.screen.explain.drawing import shades

MAX_ATOMS = 400  # a larger structure is no picture any more
WIDTH, HEIGHT = 260, 200


def read_structure(smiles: str) -> tuple[Chem.Mol, Trace] | None:
    """The molecule as it is written, and where its atoms stand; None for a text that is none."""
    try:
        return parse_traced(smiles, "none")
    except InvalidMolecule:
        return None


def structure(
    read: tuple[Chem.Mol, Trace] | None, smiles: str, name: str, why: dict | None
) -> tuple[str, bool]:
    """The drawing, labelled for a screen reader by the escaped ``name``, or why there is none; and
    whether it has the colours of ``why``, what page.json says of this hit."""
    if read is None:
        return "<span>no structure</span>", False
    mol, trace = read
    if mol.GetNumAtoms() > MAX_ATOMS:
        return f"<span>{mol.GetNumAtoms():,} atoms, too many to draw</span>", False
    colours = _colours(trace, smiles, why)
    if colours is None:
        return _labelled(svg(mol, WIDTH, HEIGHT), f"Structure of {name}"), False
    drawing = svg_coloured(mol, *colours, WIDTH, HEIGHT, group="why")
    said = ", coloured by what its atoms and bonds add to the score"
    return _labelled(drawing, f"Structure of {name}{said}"), True


def _colours(trace: Trace, smiles: str, why: dict | None) -> tuple[dict, dict] | None:
    """Of atoms and bonds of the drawing; None where page.json is of another molecule."""
    if why is None or why["smiles"] != smiles:
        return None
    atoms, bonds = (np.array(why[key], dtype=np.float64) for key in ("atoms", "bonds"))
    if len(atoms) != trace.num_atoms or len(bonds) != trace.num_bonds:
        return None
    own = atoms[trace.atoms], bonds[trace.bonds]
    largest = float(np.nanmax(np.abs([*atoms, *bonds, 0.0])))
    return shades(own[0], largest), shades(own[1], largest)


def _labelled(drawing: str, label: str) -> str:
    return drawing.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def captioned(why: dict, unit: str) -> str:
    """What full colour stands for, of a drawing with colours."""
    text = f"full colour: ±{why['largest']:.3g} {unit}".rstrip()
    if "features" in why:
        text += f"; features beside the graph add {why['features']:+.3g}"
    return f'<span class="full">{escape(text).replace("-", "−")}</span>\n'
