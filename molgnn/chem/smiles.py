"""Parse and standardise one molecule, or refuse it with the reason.

A text is a SMILES, or an MDL mol block: the latter always has line breaks, the former never.
"""

import re
from collections.abc import Callable, Sequence

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from molgnn.errors import choices

NO_ATOMS = "no atoms"
MAX_LENGTH = 20_000  # characters of a SMILES; larger molecules take RDKit minutes
MAX_ATOMS = 3_000  # RDKit writes SMILES by recursion: a chain of 5,000 overflows 2 MB of stack


class InvalidMolecule(ValueError):
    """A text that is no molecule. ``str(error)`` is the reason, in one line."""


def parse(text: str, recipe: str = "parent") -> Chem.Mol:
    """A sanitised, standardised molecule. Raises InvalidMolecule with the reason."""
    if recipe not in RECIPES:
        raise choices("standardisation", recipe, RECIPES)
    with rdBase.BlockLogs():
        return RECIPES[recipe](read(text))


def parse_quickly(text: str, recipe: str) -> Chem.Mol | None:
    """The molecule of ``parse``, in 0.8 of its time; None where only ``parse`` can say.

    It takes MolFromSmiles's own steps, less the two with nothing to do on most molecules: removing
    hydrogen atoms where none is written, and labelling stereo where no mark of it is. No other step
    may go: skipping Kekulize or SetAromaticity changes thousands of molecules.
    """
    if recipe not in ("none", "parent") or not isinstance(text, str):
        return None
    if not 0 < len(text) <= MAX_ATOMS or _UNUSUAL(text):  # an atom takes a character at least
        return None
    if has_hydrogen_atom(text):  # it may have to be merged into its neighbour
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
    return _parent(mol) if recipe == "parent" and "." in text else mol


def as_written(text: str) -> Chem.Mol | None:
    """The atoms and bonds of a text that ``read`` accepts, in their order and not one removed."""
    if "\n" in text:
        return Chem.MolFromMolBlock(text, sanitize=False, removeHs=False)
    return Chem.MolFromSmiles(text, _AS_WRITTEN)


def has_hydrogen_atom(text: str) -> bool:
    """Whether a bracket may start with H, as in [H], [2H], [D] or [#1]; True as well for [C@OH1H].

    Plain searches on purpose: a regular expression takes memory for its state, at which malloc
    tidies up all the small blocks that RDKit has freed, and parsing takes a tenth longer.
    """
    if "[" not in text:
        return False
    for mark in _HYDROGEN_MARKS:  # noqa: SIM110 (any() with a generator takes three times as long)
        if mark in text:
            return True
    return False


def canonical(mol: Chem.Mol) -> str:
    """Canonical isomeric SMILES: the name under which a molecule is recognised."""
    return Chem.MolToSmiles(mol)


def read(text: str) -> Chem.Mol:
    """The sanitised molecule, not standardised yet. Raises InvalidMolecule with the reason."""
    if not isinstance(text, str):
        raise InvalidMolecule("not a text")
    if not text.strip():
        raise InvalidMolecule("empty")
    if "\0" in text:
        raise InvalidMolecule("holds a NUL byte")
    is_block = "\n" in text
    if not is_block:
        _check_line(text)
    mol = Chem.MolFromMolBlock(text) if is_block else Chem.MolFromSmiles(text)
    if mol is None:
        raise InvalidMolecule(_reason(text, is_block))
    if mol.GetNumAtoms() == 0:
        raise InvalidMolecule(NO_ATOMS)
    if mol.GetNumAtoms() > MAX_ATOMS:
        raise InvalidMolecule(f"{mol.GetNumAtoms():,} atoms: more than {MAX_ATOMS:,}")
    if is_block:
        for bond in mol.GetBonds():  # "not stated": no stereo, as a SMILES says it
            if bond.GetStereo() == Chem.BondStereo.STEREOANY:
                bond.SetStereo(Chem.BondStereo.STEREONONE)
    return mol


def _check_line(text: str) -> None:
    """Refuse what RDKit would read as one molecule with a name behind it, or read for minutes."""
    if len(text) > MAX_LENGTH:
        raise InvalidMolecule(f"{len(text):,} characters: more than {MAX_LENGTH:,}")
    rest = text.strip().split(maxsplit=1)[1:]
    if rest and not rest[0].startswith("|"):  # bars hold a CXSMILES extension
        raise InvalidMolecule("holds white space: not one SMILES")


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
    return parent_atoms(mol)[0]


def parent_atoms(mol: Chem.Mol) -> tuple[Chem.Mol, Sequence[int]]:
    """The parent, and for each of its atoms its number in ``mol``."""
    if len(Chem.GetMolFrags(mol)) == 1:  # as indices: molecules take half of all the time to parse
        return mol, range(mol.GetNumAtoms())
    places: list[Sequence[int]] = []
    mols = Chem.GetMolFrags(mol, asMols=True, fragsMolAtomMapping=places)
    fragments = list(zip(mols, places, strict=True))
    for rank in (_organic_size, _weight, canonical):  # the next, dearer one only for a tie
        ranks = [rank(fragment) for fragment, _ in fragments]
        fragments = [f for f, r in zip(fragments, ranks, strict=True) if r == max(ranks)]
        if len(fragments) == 1:
            break
    return fragments[0]


def _organic_size(fragment: Chem.Mol) -> tuple[bool, int]:
    numbers = [atom.GetAtomicNum() for atom in fragment.GetAtoms()]
    return 6 in numbers, sum(number > 1 for number in numbers)


def _weight(fragment: Chem.Mol) -> float:
    return round(sum(atom.GetMass() for atom in fragment.GetAtoms()), 3)


def renewed(mol: Chem.Mol) -> Chem.Mol:
    """The same molecule read anew: hydrogen counts and stereo labels belong to the new charges."""
    anew = Chem.MolFromSmiles(canonical(mol))
    if anew is None:
        raise InvalidMolecule("standardisation gives a structure that RDKit refuses")
    return anew


Renew = Callable[[Chem.Mol], Chem.Mol]


def _neutral(mol: Chem.Mol, renew: Renew = renewed) -> Chem.Mol:
    return renew(rdMolStandardize.Uncharger().uncharge(_parent(mol)))


def _tautomer(mol: Chem.Mol, renew: Renew = renewed) -> Chem.Mol:
    return renew(rdMolStandardize.TautomerEnumerator().Canonicalize(_neutral(mol, renew)))


# ``renew`` reads a molecule anew: it alone loses the order of the atoms (chem.trace keeps track).
RECIPES = {
    "none": lambda mol, renew=renewed: mol,
    "parent": lambda mol, renew=renewed: _parent(mol),
    "neutral": _neutral,
    "tautomer": _tautomer,
}

_AS_WRITTEN = Chem.SmilesParserParams()
_AS_WRITTEN.sanitize = False
_AS_WRITTEN.removeHs = False

_UNUSUAL = re.compile(
    r"[^!-~]"
).search  # white space (a mol block, CXSMILES, a name), NUL, non-ASCII
_HYDROGEN_MARKS = ("[H", "[D", "[T", "#1", *(f"{digit}H" for digit in range(10)))
