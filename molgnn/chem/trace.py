"""Which atom and bond of the user's text each atom and bond of the standardised graph is.

Values for atoms and bonds are given and wanted in the order of the text, but a graph may lack the
explicit hydrogen atoms and the salt of its text, and ``renewed`` changes the order of the rest. So
the graph comes from the steps of ``parse`` and is only watched: no atom's place is ever guessed.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rdkit import Chem, rdBase

from molgnn.chem.deadline import each
from molgnn.chem.descriptors import molecule_features
from molgnn.chem.graph import pack
from molgnn.chem.packed import PackedGraphs
from molgnn.chem.smiles import (
    RECIPES,
    InvalidMolecule,
    as_written,
    canonical,
    has_hydrogen_atom,
    read,
    renewed,
)
from molgnn.errors import choices

UNTRACED = "its atoms cannot be traced through standardisation"
_MARK = "_molgnn_written"  # on an atom: its number in the text


@dataclass(frozen=True)
class Trace:
    """Where the atoms and bonds of a graph with n atoms and m bonds stand in its text.

    ``atoms`` (n,) int32: for each atom of the graph its number, from 0, among the ``num_atoms``
    atoms written in the SMILES or mol block, explicit hydrogen included. ``bonds`` (m,) int32: the
    same for bonds, in the order in which RDKit numbers the written ones (mol block: its own order;
    SMILES: as written, but a ring closure after all others). ``num_atoms``, ``num_bonds``: how
    many are written. ``ends`` (num_bonds, 2) int32: the two written atoms of each written bond.
    """

    atoms: np.ndarray
    bonds: np.ndarray
    num_atoms: int
    num_bonds: int
    ends: np.ndarray


def parse_traced(text: str, recipe: str = "parent") -> tuple[Chem.Mol, Trace]:
    """The molecule of ``parse`` and where its atoms and bonds are from. Raises InvalidMolecule
    with the reason of ``parse``, or with UNTRACED where an atom's place is not certain."""
    if recipe not in RECIPES:
        raise choices("standardisation", recipe, RECIPES)
    with rdBase.BlockLogs():
        mol = read(text)
        may_lack = "\n" in text or has_hydrogen_atom(text)
        written = _as_written(text) if may_lack else mol
        if written.GetNumAtoms() == mol.GetNumAtoms():
            written = mol  # atoms and bonds keep their order where none is removed
        places = _kept(mol, written)
        alone = recipe == "parent" and len(Chem.GetMolFrags(mol)) == 1  # its own parent
        if alone or recipe == "none":
            return mol, _trace(mol, written, places)
        _mark(mol, places)
        standard = RECIPES[recipe](mol, _renewed)
        atoms = _atoms(standard)
        places = _marks(atoms)
        for atom in atoms:
            atom.ClearProp(_MARK)
        return standard, _trace(standard, written, places)


def featurize_traced(
    texts: Iterable[str], recipe: str = "parent", blocks: Sequence[str] = ()
) -> tuple[PackedGraphs, np.ndarray, dict[int, str], list[Trace]]:
    """What ``featurize`` gives, in the plain way, and the traces of the B graphs in their order.
    Never raises for a bad molecule."""
    mols, rows, reasons, traces = [], [], {}, []
    for row, text in enumerate(each(texts)):
        try:
            mol, trace = parse_traced(text, recipe)
        except InvalidMolecule as error:
            reasons[row] = str(error)
            continue
        mols.append(mol)
        traces.append(trace)
        rows.append(row)
    graphs = pack(mols)
    if blocks:
        graphs = replace(graphs, features=molecule_features(mols, blocks))
    return graphs, np.array(rows, dtype=np.int64), reasons, traces


def _as_written(text: str) -> Chem.Mol:
    written = as_written(text)
    if written is None:
        raise InvalidMolecule(UNTRACED)
    return written


def _kept(mol: Chem.Mol, written: Chem.Mol) -> Sequence[int]:
    """The places in ``written`` of the atoms of ``mol``, which lacks some of its hydrogen atoms.

    RDKit removes atoms but never moves one. Other than hydrogen all stay. A hydrogen atom stays if
    all those like it (_hydrogens) stay, and goes if all go; where only some stay it is refused.
    """
    if mol.GetNumAtoms() == written.GetNumAtoms():
        return range(mol.GetNumAtoms())
    heavy = [place for place, number in enumerate(_elements(written)) if number != 1]
    if len(heavy) == mol.GetNumAtoms():
        return heavy
    have, had = _hydrogens(mol), _hydrogens(written)
    if any(len(had[kind]) != len(atoms) for kind, atoms in have.items()):
        raise InvalidMolecule(UNTRACED)
    return sorted(heavy + [atom for kind in have for atom in had[kind]])


def _hydrogens(mol: Chem.Mol) -> dict[tuple, list[int]]:
    """Kind -> hydrogen atoms: isotope, charge, and the neighbours, by their numbers among the atoms
    that are not hydrogen (-1: a hydrogen atom)."""
    count, kinds = itertools.count(), defaultdict(list)
    numbers = [-1 if number == 1 else next(count) for number in _elements(mol)]
    for atom in _atoms(mol):
        if numbers[atom.GetIdx()] == -1:
            near = sorted(numbers[other.GetIdx()] for other in atom.GetNeighbors())
            kinds[atom.GetIsotope(), atom.GetFormalCharge(), *near].append(atom.GetIdx())
    return kinds


def _renewed(mol: Chem.Mol) -> Chem.Mol:
    """``chem.smiles.renewed``, with the marks carried over."""
    anew = renewed(mol)
    # The property is left by renewed's MolToSmiles: the atoms in the order of the SMILES.
    order = list(mol.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    marks = _marks(_atoms(mol))
    if len(order) != anew.GetNumAtoms():
        order = [order[place] for place in _kept(anew, _as_written(canonical(mol)))]
    _mark(anew, [marks[atom] for atom in order])
    return anew


def _mark(mol: Chem.Mol, places: Iterable[int]) -> None:
    for atom, place in zip(_atoms(mol), places, strict=True):
        atom.SetIntProp(_MARK, place)


def _marks(atoms: Iterable[Chem.Atom]) -> list[int]:
    try:
        return [atom.GetIntProp(_MARK) for atom in atoms]
    except KeyError:  # an atom that standardisation has made
        raise InvalidMolecule(UNTRACED) from None


def _trace(mol: Chem.Mol, written: Chem.Mol, places: Sequence[int]) -> Trace:
    """The trace of ``mol``, checked against ``written``. Raises InvalidMolecule."""
    ends = _ends(written)
    num_atoms, num_bonds = written.GetNumAtoms(), len(ends)
    if mol is written:
        atoms, bonds = np.arange(num_atoms, dtype=np.int32), np.arange(num_bonds, dtype=np.int32)
    else:
        bonds = _checked_bonds(mol, written, places, ends)
        atoms, bonds = np.array(places, dtype=np.int32), np.array(bonds, dtype=np.int32)
    return Trace(atoms, bonds, num_atoms, num_bonds, np.array(ends, dtype=np.int32).reshape(-1, 2))


def _checked_bonds(
    mol: Chem.Mol, written: Chem.Mol, places: Sequence[int], ends: Sequence[tuple[int, int]]
) -> list[int]:
    """The number of each bond among the written ones. Raises InvalidMolecule where an element
    differs, a bond is not written, or a bond written between these atoms is lost."""
    kept, elements = set(places), [written.GetAtomWithIdx(p).GetAtomicNum() for p in places]
    number = {pair: bond for bond, pair in enumerate(ends)}
    number |= {(second, first): bond for (first, second), bond in number.items()}
    bonds = [number.get((places[first], places[second])) for first, second in _ends(mol)]
    if (
        len(kept) != len(places)
        or elements != _elements(mol)
        or None in bonds
        or len(bonds) != sum(first in kept and second in kept for first, second in ends)
    ):
        raise InvalidMolecule(UNTRACED)
    return bonds


def _elements(mol: Chem.Mol) -> list[int]:
    return [atom.GetAtomicNum() for atom in _atoms(mol)]


def _atoms(mol: Chem.Mol) -> list[Chem.Atom]:
    """GetAtoms, in half of its time."""
    return list(map(mol.GetAtomWithIdx, range(mol.GetNumAtoms())))


def _ends(mol: Chem.Mol) -> list[tuple[int, int]]:
    """The two atoms of each bond."""
    bonds = list(map(mol.GetBondWithIdx, range(mol.GetNumBonds())))
    return list(zip(map(_FIRST, bonds), map(_SECOND, bonds), strict=True))


_FIRST, _SECOND = Chem.Bond.GetBeginAtomIdx, Chem.Bond.GetEndAtomIdx
