"""Parse and standardise one molecule, or refuse it with the reason.

A text is a SMILES, or an MDL mol block: the latter always has line breaks, the former never.
"""

import re

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from molgnn.errors import choices

NO_ATOMS = "no atoms"


class InvalidMolecule(ValueError):
    """A text that is no molecule. ``str(error)`` is the reason, in one line."""


def parse(text: str, recipe: str = "parent") -> Chem.Mol:
    """A sanitised, standardised molecule. Raises InvalidMolecule with the reason."""
    if recipe not in RECIPES:
        raise choices("standardisation", recipe, RECIPES)
    with rdBase.BlockLogs():
        mol = _read(text)
        if mol.GetNumAtoms() == 0:
            raise InvalidMolecule(NO_ATOMS)
        return RECIPES[recipe](mol)


def parse_quickly(text: str, recipe: str) -> Chem.Mol | None:
    """The molecule of ``parse``, in 0.8 of its time; None where only ``parse`` can say.

    It takes MolFromSmiles's own steps, less the two with nothing to do on most molecules: removing
    hydrogen atoms where none is written, and labelling stereo where no mark of it is. No other step
    may go: skipping Kekulize or SetAromaticity changes thousands of molecules.
    """
    refer = _REFER_TO_PARSE.get(recipe)
    if refer is None or refer.search(text):
        return None
    mol = Chem.MolFromSmiles(text, _AS_WRITTEN)
    if mol is None:
        return None
    try:
        Chem.SanitizeMol(mol)
    except (ValueError, RuntimeError):  # parse finds it again, and gives the reason
        return None
    if "@" in text or "/" in text or "\\" in text:
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol


def canonical(mol: Chem.Mol) -> str:
    """Canonical isomeric SMILES: the name under which a molecule is recognised."""
    return Chem.MolToSmiles(mol)


def _read(text: str) -> Chem.Mol:
    if not text.strip():
        raise InvalidMolecule("empty")
    if "\0" in text:
        raise InvalidMolecule("holds a NUL byte")
    is_block = "\n" in text
    mol = Chem.MolFromMolBlock(text) if is_block else Chem.MolFromSmiles(text)
    if mol is None:
        raise InvalidMolecule(_reason(text, is_block))
    return mol


def _reason(text: str, is_block: bool) -> str:
    """Parse again step by step, to say which step failed: only bad molecules pay for it."""
    if is_block:
        mol = Chem.MolFromMolBlock(text, sanitize=False)
    else:
        mol = Chem.MolFromSmiles(text, sanitize=False)
    if mol is None:
        return "not a valid mol block" if is_block else "not valid SMILES"
    try:
        Chem.SanitizeMol(mol)
    except Chem.MolSanitizeException as error:
        return " ".join(str(error).split())
    return "RDKit refuses the structure"


def _parent(mol: Chem.Mol) -> Chem.Mol:
    """The largest organic fragment: most heavy atoms among those with carbon, ties by weight and
    then by canonical SMILES, so that the order in which a salt is written does not matter."""
    fragments = Chem.GetMolFrags(mol, asMols=True)
    return mol if len(fragments) == 1 else max(fragments, key=_fragment_rank)


def _fragment_rank(fragment: Chem.Mol) -> tuple:
    numbers = [atom.GetAtomicNum() for atom in fragment.GetAtoms()]
    heavy = sum(number > 1 for number in numbers)
    weight = sum(atom.GetMass() for atom in fragment.GetAtoms())
    return 6 in numbers, heavy, round(weight, 3), canonical(fragment)


def _neutral(mol: Chem.Mol) -> Chem.Mol:
    return _renewed(rdMolStandardize.Uncharger().uncharge(_parent(mol)))


def _tautomer(mol: Chem.Mol) -> Chem.Mol:
    return _renewed(rdMolStandardize.TautomerEnumerator().Canonicalize(_neutral(mol)))


def _renewed(mol: Chem.Mol) -> Chem.Mol:
    """The same molecule read anew: hydrogen counts and stereo labels belong to the new charges."""
    renewed = Chem.MolFromSmiles(canonical(mol))
    if renewed is None:
        raise InvalidMolecule("standardisation gives a structure that RDKit refuses")
    return renewed


RECIPES = {"none": lambda mol: mol, "parent": _parent, "neutral": _neutral, "tautomer": _tautomer}

_AS_WRITTEN = Chem.SmilesParserParams()
_AS_WRITTEN.sanitize = False
_AS_WRITTEN.removeHs = False

# Nothing at all; white space (a mol block, CXSMILES, a name), NUL and what is not ASCII; explicit
# hydrogen atoms, which may have to be merged into their neighbours.
_AWKWARD = r"^$|[^!-~]|\[\d*[HDT]|#1"
# "parent" has nothing to choose where there is no dot; the other recipes always have work to do.
_REFER_TO_PARSE = {"none": re.compile(_AWKWARD), "parent": re.compile(_AWKWARD + r"|\.")}
