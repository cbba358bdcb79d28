"""Molecules of sizes that a library lacks: cut out of its own, or joined of two of them."""

import numpy as np
from rdkit import Chem, rdBase

from molgnn.chem.smiles import canonical

_CUTS = (1, 2, 2, 3, 4, 6)  # bonds that are cut at once: many, so that small pieces are common
_JOINED = (6, 7)  # carbon and nitrogen: what is joined there exists


def cut(mol: Chem.Mol, rng: np.random.Generator) -> str | None:
    """The canonical SMILES of one of the pieces that are left when one to six random single bonds,
    none of them in a ring, are cut and hydrogen takes their place; None where none can be cut.

    A piece of twice the atoms is taken twice as often: the smallest ones are few, and all alike."""
    bonds = [
        bond.GetIdx()
        for bond in mol.GetBonds()
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()
    ]
    if not bonds:
        return None
    number = min(len(bonds), int(rng.choice(_CUTS)))
    chosen = rng.choice(len(bonds), number, replace=False)
    whole = Chem.FragmentOnBonds(mol, [bonds[i] for i in chosen.tolist()], addDummies=False)
    parts = Chem.GetMolFrags(whole, asMols=True, sanitizeFrags=False)
    atoms = np.array([part.GetNumAtoms() for part in parts])
    return _sound(parts[int(rng.choice(len(parts), p=atoms / atoms.sum()))])


def join(one: Chem.Mol, other: Chem.Mol, rng: np.random.Generator) -> str | None:
    """The canonical SMILES of both, with a single bond in place of a random hydrogen atom of each;
    None where one of them has none at an uncharged carbon or nitrogen atom."""
    free = _free(one), _free(other)
    if not all(free):
        return None
    ends = [own[int(rng.integers(len(own)))] for own in free]
    ends[1] += one.GetNumAtoms()
    both = Chem.RWMol(Chem.CombineMols(one, other))
    both.AddBond(*ends, Chem.BondType.SINGLE)
    for end in ends:
        atom = both.GetAtomWithIdx(end)
        atom.SetNumExplicitHs(max(0, atom.GetNumExplicitHs() - 1))
    return _sound(both.GetMol())


def _free(mol: Chem.Mol) -> list[int]:
    return [
        atom.GetIdx()
        for atom in mol.GetAtoms()
        if atom.GetAtomicNum() in _JOINED and atom.GetTotalNumHs() and not atom.GetFormalCharge()
    ]


def _sound(mol: Chem.Mol) -> str | None:
    """Its canonical SMILES where RDKit accepts both the molecule and what is written."""
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(mol)
        except (ValueError, RuntimeError):  # such as an aromatic nitrogen without its hydrogen
            return None
        text = canonical(mol)
        return text if Chem.MolFromSmiles(text) is not None else None
