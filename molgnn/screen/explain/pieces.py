"""Connected parts of a molecule, and what can be taken off their rim."""

from collections.abc import Iterable
from functools import cached_property

from rdkit import Chem

Part = frozenset[int]  # of atoms


class Skeleton:
    """The atoms, bonds and rings of one molecule."""

    def __init__(self, mol: Chem.Mol):
        self.mol = mol
        self.near = [{n.GetIdx() for n in atom.GetNeighbors()} for atom in mol.GetAtoms()]

    @cached_property
    def rings(self) -> list[Part]:
        return [frozenset(ring) for ring in self.mol.GetRingInfo().AtomRings()]

    def largest(self) -> Part:
        """The largest connected part: all atoms, unless the molecule is in several."""
        return max(map(frozenset, Chem.GetMolFrags(self.mol)), key=lambda part: (len(part), *part))

    def less(self, part: Part) -> list[Part]:
        """What is left of a connected part without one peripheral bond (that is, without an atom
        that has one neighbour in it) or without one ring: always connected, and never nothing."""
        left = {part - {atom} for atom in part if len(self.near[atom] & part) == 1}
        left |= {self._without(part, ring) for ring in self.rings if ring <= part}
        return sorted((p for p in left if 0 < len(p) < len(part) and self.connected(p)), key=sorted)

    def _without(self, part: Part, ring: Part) -> Part:
        """The ring's atoms go, but for those that hold what else there is."""
        return part - {atom for atom in ring if not (self.near[atom] & part) - ring}

    def connected(self, part: Iterable[int]) -> bool:
        part = set(part)
        todo = [part.pop()] if part else []
        while todo:
            reached = self.near[todo.pop()] & part
            part -= reached
            todo += reached
        return not part

    def smiles(self, part: Part) -> str:
        """The part as a SMILES of its own, as it is in the molecule."""
        return Chem.MolFragmentToSmiles(self.mol, sorted(part), self._bonds(part))

    def smarts(self, part: Part) -> str:
        return Chem.MolFragmentToSmarts(self.mol, sorted(part), self._bonds(part))

    def _bonds(self, part: Part) -> list[int]:
        return [
            bond.GetIdx()
            for bond in self.mol.GetBonds()
            if {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} <= part
        ]
