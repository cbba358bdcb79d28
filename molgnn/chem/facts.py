"""What several descriptors of one molecule need, each computed when it is first asked for."""

from functools import cached_property

import numpy as np
from rdkit import Chem
from rdkit.Chem import MolSurf, rdMolDescriptors
from rdkit.Chem.EState import EState

from molgnn.chem import topology

_TABLE = Chem.GetPeriodicTable()
OUTER = [_TABLE.GetNOuterElecs(number) for number in range(119)]
_SHELL = np.array([EState.GetPrincipleQuantumNumber(number) for number in range(119)])


class Facts:
    """One molecule, its atoms and what is derived from them."""

    def __init__(self, mol: Chem.Mol):
        self.mol = mol
        self.atoms = list(mol.GetAtoms())
        self.numbers = [atom.GetAtomicNum() for atom in self.atoms]
        self.hydrogens = [atom.GetTotalNumHs() for atom in self.atoms]
        self.degrees = [atom.GetDegree() for atom in self.atoms]
        self.possible: list[bool] | None = None  # the patterns that may be in it

    @cached_property
    def ends(self) -> list[tuple[int, int]]:
        return [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in self.mol.GetBonds()]

    @cached_property
    def bonds(self) -> list[tuple[int, int, float]]:
        return topology.bonds_of(self.mol)

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
        return np.array(MolSurf._LabuteHelper(self.mol))[1:]

    @cached_property
    def log_p(self) -> tuple[float, float]:
        return rdMolDescriptors.CalcCrippenDescriptors(self.mol)

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

    @cached_property
    def kappas(self) -> tuple[float, float]:
        return rdMolDescriptors.CalcKappa1(self.mol), rdMolDescriptors.CalcKappa2(self.mol)
