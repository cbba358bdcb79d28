"""What several descriptors of one molecule need, each computed when it is first asked for."""

from functools import cached_property

import numpy as np
from rdkit import Chem
from rdkit.Chem import MolSurf, rdMolDescriptors, rdPartialCharges
from rdkit.Chem.EState import EState

from molgnn.chem import crippen, paths, topology

_TABLE = Chem.GetPeriodicTable()
OUTER = [_TABLE.GetNOuterElecs(number) for number in range(119)]
_SHELL = np.array([EState.GetPrincipleQuantumNumber(number) for number in range(119)])


class Facts:
    """One molecule, its atoms and bonds, and what is derived from them. For the short while that
    its descriptors are computed: it holds RDKit's objects, and the molecule must not change."""

    def __init__(self, mol: Chem.Mol):
        self.mol = mol
        self.atoms = list(mol.GetAtoms())
        # By number: the end of RDKit's own iterator over bonds is an exception, which is slow.
        self.bonds = [mol.GetBondWithIdx(i) for i in range(mol.GetNumBonds())]
        self.numbers = [atom.GetAtomicNum() for atom in self.atoms]
        self.hydrogens = [atom.GetTotalNumHs() for atom in self.atoms]
        self.degrees = [atom.GetDegree() for atom in self.atoms]
        self.charges = [atom.GetFormalCharge() for atom in self.atoms]
        self.ends = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in self.bonds]
        self.kinds = [bond.GetBondType() for bond in self.bonds]
        self.possible: list[bool] | None = None  # the patterns that may be in it

    @cached_property
    def aromatic(self) -> list[bool]:
        """Of the bonds."""
        return [bond.GetIsAromatic() for bond in self.bonds]

    @cached_property
    def orders(self) -> list[float]:
        return topology.orders(self.kinds, self.aromatic)

    @cached_property
    def apart(self) -> np.ndarray:
        return topology.distances(self.mol)

    @cached_property
    def balaban(self) -> np.ndarray:
        return topology.balaban_distances(self.mol)

    @cached_property
    def estate(self) -> np.ndarray:
        outer = np.array([OUTER[number] for number in self.numbers])
        shell = _SHELL[self.numbers]
        degrees = np.array(self.degrees)
        valence = outer - np.array(self.hydrogens)
        alone = degrees == 0
        intrinsic = (4.0 / (shell * shell) * valence + 1) / np.where(alone, 1, degrees)
        intrinsic[alone] = 0.0
        return topology.estate(intrinsic, self.apart)

    @cached_property
    def surface(self) -> np.ndarray:
        """The Labute surface of each atom."""
        return np.array(MolSurf._LabuteHelper(self.mol))[1:]

    @cached_property
    def crippen(self) -> list[tuple[float, float]]:
        """The contributions of the atoms to logP and molar refractivity."""
        return rdMolDescriptors._CalcCrippenContribs(self.mol)

    @cached_property
    def log_p(self) -> tuple[float, float]:
        """Crippen's logP and molar refractivity."""
        if 1 in self.numbers:
            return rdMolDescriptors.CalcCrippenDescriptors(self.mol)
        return crippen.log_p(self.mol, self.crippen, self.atoms, self.numbers, self.hydrogens)

    @cached_property
    def gasteiger(self) -> tuple[list[float], bool]:
        """The partial charges, and whether there are parameters for every atom."""
        try:
            rdPartialCharges.ComputeGasteigerCharges(self.mol, 12, True)
            complete = True
        except (ValueError, RuntimeError):
            rdPartialCharges.ComputeGasteigerCharges(self.mol)
            complete = False
        return [atom.GetDoubleProp("_GasteigerCharge") for atom in self.atoms], complete

    @cached_property
    def paths(self) -> tuple[paths.Columns, paths.Columns, paths.Columns]:
        ends = np.array(self.ends, dtype=np.int64).reshape(-1, 2)
        if 1 in self.numbers:
            heavy = np.array(self.numbers) != 1
            ends = ends[heavy[ends].all(axis=1)]
        return paths.find_paths(len(self.atoms), ends)

    @cached_property
    def weight(self) -> float:
        return rdMolDescriptors._CalcMolWt(self.mol)

    @cached_property
    def polar(self) -> float:
        return rdMolDescriptors.CalcTPSA(self.mol)

    @cached_property
    def donors(self) -> int:
        return rdMolDescriptors.CalcNumHBD(self.mol)

    @cached_property
    def rotatable(self) -> int:
        return rdMolDescriptors.CalcNumRotatableBonds(
            self.mol, rdMolDescriptors.NumRotatableBondsOptions.Strict
        )
