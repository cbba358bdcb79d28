"""Which of many SMARTS patterns can be in a molecule: most cannot, and need not be searched for."""

from collections.abc import Callable, Iterable, Sequence

from rdkit import Chem

# A query made of these depends on nothing but the kind of an atom, of a bond (``_atom``, ``_bond``).
_KNOWN = {
    "AtomAnd", "AtomOr", "AtomXor", "AtomNull", "AtomType", "AtomAtomicNum", "AtomIsAromatic",
    "AtomIsAliphatic", "AtomFormalCharge", "AtomNegativeFormalCharge", "AtomHCount",
    "AtomExplicitDegree", "AtomTotalDegree", "AtomTotalValence", "AtomIsotope", "AtomInRing",
    "AtomInNRings", "BondOrder", "SingleOrAromaticBond", "DoubleOrAromaticBond", "BondInRing",
    "BondAnd", "BondOr", "BondNull",
}  # fmt: skip
_MOST = 20_000  # kinds remembered: organic molecules have hundreds, and no list of all ends


class Screen:
    """A pattern is left out where one of its atoms or bonds has no partner of its kind.

    A kind is all that a query can ask about an atom or bond by itself, so that RDKit is asked once
    a kind and query. What it is asked is its own matching: nothing is left out that could match.
    """

    def __init__(self, patterns: Sequence[Chem.Mol]):
        self.patterns = list(patterns)
        self._atoms = [(atom, _judged(atom)) for p in patterns for atom in p.GetAtoms()]
        self._bonds = [(bond, _judged(bond)) for p in patterns for bond in p.GetBonds()]
        first = [0]
        for pattern in patterns:
            first.append(first[-1] + pattern.GetNumAtoms())
        ends = [
            (start + bond.GetBeginAtomIdx(), start + bond.GetEndAtomIdx())
            for start, pattern in zip(first, patterns, strict=False)
            for bond in pattern.GetBonds()
        ]
        self._ends = ends
        self._shift = len(ends)  # one number a molecule: bits of the bonds, then of the atoms
        self._needed = self._needs(first)
        self._atom_kinds: dict[tuple, tuple[int, int, int]] = {}
        self._bond_kinds: dict[tuple, int] = {}
        self._pairs: dict[tuple, int] = {}

    def possible(self, mol: Chem.Mol, atoms: Sequence[Chem.Atom]) -> list[bool]:
        """For each pattern, whether it may be in the molecule, which has these atoms."""
        if len(self._pairs) > _MOST or len(self._atom_kinds) > _MOST:
            self._pairs.clear()
            self._atom_kinds.clear()
        rings = mol.GetRingInfo().NumAtomRings
        kinds = [_atom(atom, rings) for atom in atoms]
        found = 0
        for kind in set(kinds):
            known = self._atom_kinds.get(kind) or self._new_atom(kind, atoms[kinds.index(kind)])
            found |= known[0]
        pairs = {}
        for bond in mol.GetBonds():
            ends = kinds[bond.GetBeginAtomIdx()], kinds[bond.GetEndAtomIdx()]
            pairs[(*ends, bond.GetBondType(), bond.GetIsAromatic(), bond.IsInRing())] = bond
        for pair, bond in pairs.items():
            known = self._pairs.get(pair)
            found |= self._new_pair(pair, bond) if known is None else known
        return [need & found == need for need in self._needed]

    def _needs(self, first: list[int]) -> list[int]:
        needs, bond = [], 0
        for start, pattern in zip(first, self.patterns, strict=False):
            need = 0
            for i in range(pattern.GetNumAtoms()):
                need |= 1 << (self._shift + start + i)
            for _ in range(pattern.GetNumBonds()):
                need |= 1 << bond
                bond += 1
            needs.append(need)
        return needs

    def _new_atom(self, kind: tuple, atom: Chem.Atom) -> tuple[int, int, int]:
        """Of a kind: the query atoms that match it, and the bonds that may begin and end there."""
        match = [not judged or query.Match(atom) for query, judged in self._atoms]
        begin = _bits(match[a] for a, _ in self._ends)
        end = _bits(match[b] for _, b in self._ends)
        self._atom_kinds[kind] = _bits(match) << self._shift, begin, end
        return self._atom_kinds[kind]

    def _new_pair(self, pair: tuple, bond: Chem.Bond) -> int:
        """The query bonds that match a bond of this kind between atoms of these kinds."""
        left, right, *kind = pair
        kind = tuple(kind)
        if kind not in self._bond_kinds:
            self._bond_kinds[kind] = _bits(not j or query.Match(bond) for query, j in self._bonds)
        (_, begin, end), (_, begin_too, end_too) = self._atom_kinds[left], self._atom_kinds[right]
        found = self._bond_kinds[kind] & ((begin & end_too) | (begin_too & end))
        self._pairs[pair] = found
        return found


def _atom(atom: Chem.Atom, rings: Callable[[int], int]) -> tuple:
    return (
        atom.GetAtomicNum(),
        atom.GetIsAromatic(),
        atom.GetFormalCharge(),
        atom.GetTotalNumHs(True),
        atom.GetTotalNumHs(),
        atom.GetDegree(),
        atom.GetTotalValence(),
        atom.GetIsotope(),
        rings(atom.GetIdx()),
    )


def _judged(query: Chem.Atom | Chem.Bond) -> bool:
    """Whether kinds decide this query; not so one that looks further, as ``$(...)`` does."""
    lines = query.DescribeQuery().split("\n")
    return all(line.split()[0] in _KNOWN for line in lines if line.strip())


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)
