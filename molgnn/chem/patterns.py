"""Which of many SMARTS patterns can be in a molecule: most cannot, and need not be searched for."""

from collections.abc import Iterable, Sequence

from rdkit import Chem

from molgnn.chem.facts import Facts

# A query made of these depends on nothing but the kind of an atom, of a bond alone.
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

    def possible(self, facts: Facts) -> list[bool]:
        """For each pattern, whether it may be in the molecule."""
        if len(self._pairs) > _MOST or len(self._atom_kinds) > _MOST:
            self._pairs.clear()
            self._atom_kinds.clear()
        kinds, atoms = _kinds_of_atoms(facts), facts.atoms
        found = 0
        for kind in set(kinds):
            known = self._atom_kinds.get(kind) or self._new_atom(kind, atoms[kinds.index(kind)])
            found |= known[0]
        rings = [bond.IsInRing() for bond in facts.bonds]
        bonds = zip(facts.ends, facts.kinds, facts.aromatic, rings, strict=True)
        pairs = [(kinds[a], kinds[b], kind, flag, ring) for (a, b), kind, flag, ring in bonds]
        for pair in set(pairs):
            known = self._pairs.get(pair)
            if known is None:
                known = self._new_pair(pair, facts.bonds[pairs.index(pair)])
            found |= known
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


def _kinds_of_atoms(facts: Facts) -> list[tuple]:
    """All that a query in ``_KNOWN`` can ask of an atom."""
    rings = facts.mol.GetRingInfo().NumAtomRings
    return [
        (
            *known,
            atom.GetIsAromatic(),
            atom.GetTotalNumHs(True),
            atom.GetTotalValence(),
            atom.GetIsotope(),
            rings(i),
        )
        for i, (atom, *known) in enumerate(
            zip(
                facts.atoms,
                facts.numbers,
                facts.hydrogens,
                facts.degrees,
                facts.charges,
                strict=True,
            )
        )
    ]


def _judged(query: Chem.Atom | Chem.Bond) -> bool:
    """Whether kinds decide this query; not so one that looks further, as ``$(...)`` does."""
    lines = query.DescribeQuery().split("\n")
    return all(line.split()[0] in _KNOWN for line in lines if line.strip())


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)
