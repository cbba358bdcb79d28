"""A molecule from decoded atoms and bonds, or the reason why there is none."""

from dataclasses import dataclass

import numpy as np
from rdkit import Chem, rdBase

from molgnn.chem.fields import ATOM_FIELDS

BONDS = {
    "single": Chem.BondType.SINGLE,
    "double": Chem.BondType.DOUBLE,
    "triple": Chem.BondType.TRIPLE,
    "aromatic": Chem.BondType.AROMATIC,
}
RINGS = 50  # and no more than atoms: RDKit's search in a thicket of bonds takes hours

_COLUMNS = {field.name: i for i, field in enumerate(ATOM_FIELDS)}
_NEEDED = ("atomic_num", "formal_charge", "num_hs")


@dataclass(frozen=True)
class Rebuilt:
    """What a graph turned out to be. ``mol`` is the molecule where RDKit's sanitisation takes the
    graph, else None; ``pieces`` counts what no bond connects; ``unpaired`` counts electrons that
    the graph did not say are unpaired, as where a hydrogen is missing; ``reason`` says in one line
    why RDKit refuses it."""

    mol: Chem.Mol | None
    pieces: int
    unpaired: int
    reason: str


def rebuilt(atoms: np.ndarray, ends: np.ndarray, types: list[str]) -> Rebuilt:
    """atoms (n, 9) codes, ends (m, 2), types: m names of ``BONDS`` -> what they make. Element,
    charge, hydrogens and unpaired electrons count, and no stereo. Never raises for a bad graph.

    An atom has the hydrogens that its code says, neither more nor fewer, so that RDKit cannot mend
    a wrong number of bonds by other hydrogens. Ends of an aromatic bond are aromatic atoms.
    """
    pieces = 0
    try:
        with rdBase.BlockLogs():
            mol = _graph(atoms, ends, types)
            pieces = len(Chem.GetMolFrags(mol))
            _check_rings(mol, pieces)
            # Valences first: they are quick, and leave few graphs in which rings are slow to find.
            Chem.SanitizeMol(mol, Chem.SANITIZE_PROPERTIES)
            Chem.SanitizeMol(mol)
            unpaired = sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())
            said = atoms[:, _COLUMNS["num_radical_electrons"]].astype(int).sum()
            read = Chem.MolFromSmiles(Chem.MolToSmiles(mol))
            if read is None:
                raise ValueError("RDKit does not read the SMILES that it writes of it")
            return Rebuilt(read, pieces, max(0, unpaired - int(said)), "")
    except (ValueError, RuntimeError, OverflowError) as error:  # RDKit has several for bad graphs
        return Rebuilt(None, pieces, 0, " ".join(str(error).split())[:200])


def _graph(atoms: np.ndarray, ends: np.ndarray, types: list[str]) -> Chem.RWMol:
    mol = Chem.RWMol()
    for number, codes in enumerate(atoms.tolist(), 1):
        values = {}
        for name in _NEEDED:
            field, code = ATOM_FIELDS[_COLUMNS[name]], codes[_COLUMNS[name]]
            if code == field.other:
                raise ValueError(f"atom {number} has no {name} in the table")
            values[name] = field.values[code]
        atom = Chem.Atom(values["atomic_num"])
        atom.SetFormalCharge(values["formal_charge"])
        atom.SetNoImplicit(True)
        atom.SetNumExplicitHs(values["num_hs"])
        mol.AddAtom(atom)
    for (first, second), name in zip(ends.tolist(), types, strict=True):
        count = mol.AddBond(first, second, BONDS[name])
        if name == "aromatic":
            mol.GetBondWithIdx(count - 1).SetIsAromatic(True)
            for end in (first, second):
                mol.GetAtomWithIdx(end).SetIsAromatic(True)
    return mol


def _check_rings(mol: Chem.Mol, pieces: int) -> None:
    rings = mol.GetNumBonds() - mol.GetNumAtoms() + pieces
    if rings > max(RINGS, mol.GetNumAtoms()):
        raise ValueError(f"{rings:,} rings among {mol.GetNumAtoms():,} atoms: no molecule")


def flat(mol: Chem.Mol) -> str:
    """Canonical SMILES without stereo and isotopes: two molecules are the same, but for these,
    where their flat SMILES are."""
    text = Chem.MolToSmiles(mol, isomericSmiles=False)
    with rdBase.BlockLogs():
        again = Chem.MolFromSmiles(text)  # stereo no longer decides which atom comes first
    return text if again is None else Chem.MolToSmiles(again)
