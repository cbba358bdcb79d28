"""Which of many SMARTS patterns can be in a molecule: most cannot, and need not be searched for."""

from collections.abc import Iterable, Sequence

from rdkit import Chem

from molgnn.chem.facts import Facts

# A query made of these depends on nothing but the kind of an atom or bond, as read below.
_KNOWN = {
    "AtomAnd", "AtomOr", "AtomXor", "AtomNull", "AtomType", "AtomAtomicNum", "AtomIsAromatic",
    "AtomIsAliphatic", "AtomFormalCharge", "AtomNegativeFormalCharge", "AtomHCount",
    "AtomExplicitDegree", "AtomTotalDegree", "AtomTotalValence", "AtomIsotope", "AtomInRing",
    "AtomInNRings", "BondOrder", "SingleOrAromaticBond", "DoubleOrAromaticBond", "BondInRing",
    "BondAnd", "BondOr", "BondNull",
}  # fmt: skip
_MOST = 20_000  # kinds remembered: organic molecules have hundreds, and no list of all ends


class _Need:
    """Bits of the atoms and bonds that must have a partner, and choices: one of each must be met.

    A choice is a list of alternatives, each a list of patterns that begin at the same atom.
    """

    __slots__ = ("atoms", "bonds", "choices")

    def __init__(self, atoms: int, bonds: int, choices: list[list[list["_Need"]]]):
        self.atoms, self.bonds, self.choices = atoms, bonds, choices

    def met(self, atoms: int, bonds: int) -> bool:
        """Plain loops on purpose: any() and all() over generators take twice as long."""
        if self.bonds & bonds != self.bonds or self.atoms & atoms != self.atoms:
            return False
        for choice in self.choices:
            for needs in choice:
                for need in needs:
                    if not need.met(atoms, bonds):
                        break
                else:
                    break
            else:
                return False
        return True


class Screen:
    """A pattern is left out where one of its atoms or bonds has no partner of its kind.

    A kind is all that a query can ask about an atom or bond by itself, so that RDKit is asked once
    a kind and query. What it is asked is its own matching: nothing is left out that could match.
    """

    def __init__(self, patterns: Sequence[Chem.Mol]):
        self.patterns = list(patterns)
        self._atoms: list[Chem.Atom | None] = []  # queries; None: whatever it is, it may match
        self._bonds: list[tuple[Chem.Bond | None, int, int]] = []  # and the atoms of its ends
        self._needs = [self._need(pattern) for pattern in self.patterns]
        self._numbers: dict[tuple, int] = {}  # kind of an atom -> its number in the list
        self._atom_kinds: list[tuple[int, int, int]] = []
        self._bond_kinds: dict[tuple, int] = {}
        self._pairs: dict[tuple, int] = {}

    def possible(self, facts: Facts) -> list[bool]:
        """For each pattern, whether it may be in the molecule."""
        if len(self._pairs) > _MOST:
            self._numbers.clear()
            self._atom_kinds.clear()
            self._pairs.clear()
        kinds, atoms, bonds = self._kinds(facts), 0, 0
        for number in set(kinds):
            atoms |= self._atom_kinds[number][0]
        rings = [bond.IsInRing() for bond in facts.bonds]
        all_bonds = zip(facts.ends, facts.kinds, facts.aromatic, rings, strict=True)
        pairs = [(kinds[a], kinds[b], kind, flag, ring) for (a, b), kind, flag, ring in all_bonds]
        for pair in set(pairs):
            known = self._pairs.get(pair)
            if known is None:
                known = self._new_pair(pair, facts.bonds[pairs.index(pair)])
            bonds |= known
        return [need.bonds & bonds == need.bonds and need.met(atoms, bonds) for need in self._needs]

    def _need(self, pattern: Chem.Mol) -> _Need:
        first, choices = len(self._atoms), []
        read = [_read(atom) for atom in pattern.GetAtoms()]
        self._atoms += [query for query, _ in read]
        start = len(self._bonds)
        for bond in pattern.GetBonds():
            query = bond if _judged(bond) else None
            ends = first + bond.GetBeginAtomIdx(), first + bond.GetEndAtomIdx()
            self._bonds.append((query, *ends))
        bonds = _ones(start, len(self._bonds))
        atoms = _ones(first, len(self._atoms))
        for _, found in read:
            choices += [[[self._need(one) for one in inner] for inner in c] for c in found]
        return _Need(atoms, bonds, choices)

    def _kinds(self, facts: Facts) -> list[int]:
        """The number of the kind of each atom."""
        kinds = _kinds_of_atoms(facts)
        numbers = [self._numbers.get(kind) for kind in kinds]
        if None in numbers:
            for kind, atom in zip(kinds, facts.atoms, strict=True):
                if kind not in self._numbers:
                    self._numbers[kind] = len(self._atom_kinds)
                    self._atom_kinds.append(self._new_atom(atom))
            numbers = [self._numbers[kind] for kind in kinds]
        return numbers

    def _new_atom(self, atom: Chem.Atom) -> tuple[int, int, int]:
        """Of a kind: the query atoms that match it, and the bonds that may begin and end there."""
        match = [query is None or query.Match(atom) for query in self._atoms]
        begin = _bits(match[a] for _, a, _ in self._bonds)
        end = _bits(match[b] for _, _, b in self._bonds)
        return _bits(match), begin, end

    def _new_pair(self, pair: tuple, bond: Chem.Bond) -> int:
        """The query bonds that match a bond of this kind between atoms of these kinds."""
        left, right, *kind = pair
        kind = tuple(kind)
        if kind not in self._bond_kinds:
            match = (query is None or query.Match(bond) for query, _, _ in self._bonds)
            self._bond_kinds[kind] = _bits(match)
        (_, begin, end), (_, begin_too, end_too) = self._atom_kinds[left], self._atom_kinds[right]
        found = self._bond_kinds[kind] & ((begin & end_too) | (begin_too & end))
        self._pairs[pair] = found
        return found


def _kinds_of_atoms(facts: Facts) -> list[tuple]:
    """All that a query in ``_KNOWN`` can ask of an atom."""
    rings = facts.mol.GetRingInfo().NumAtomRings
    known = zip(facts.numbers, facts.hydrogens, facts.degrees, facts.charges, strict=True)
    return [
        (
            four,
            atom.GetIsAromatic(),
            atom.GetTotalNumHs(True),
            atom.GetTotalValence(),
            atom.GetIsotope(),
            rings(i),
        )
        for i, (atom, four) in enumerate(zip(facts.atoms, known, strict=True))
    ]


def _read(atom: Chem.Atom) -> tuple[Chem.Atom | None, list[list[list[Chem.Mol]]]]:
    """A query for the atom by itself, and its choices: what ``$(...)`` says of its surroundings.

    ``!$(...)`` is left out: a pattern may be there that is not.
    """
    if _judged(atom):
        return atom, []
    text = atom.GetSmarts()
    again = Chem.MolFromSmarts(text)
    if again is None or again.GetNumAtoms() != 1 or text[:1] != "[":
        return None, []
    if again.GetAtomWithIdx(0).DescribeQuery() != atom.DescribeQuery():
        return None, []  # RDKit did not write what it had read
    alone, choices = [], []
    for term in _split(text[1:-1], ";"):
        options = [_split(option, "&") for option in _split(term, ",")]
        if len(options) == 1:
            alone += [part for part in options[0] if "$" not in part]
        elif "$" not in term:
            alone.append(term)
        inner = [[part[2:-1] for part in option if part[:2] == "$("] for option in options]
        if all(inner):
            choices.append([[Chem.MolFromSmarts(one) for one in some] for some in inner])
    query = Chem.MolFromSmarts(f"[{';'.join(alone)}]").GetAtomWithIdx(0) if alone else None
    return query if query is not None and _judged(query) else None, choices


def _split(text: str, mark: str) -> list[str]:
    """Split at marks that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == mark and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _judged(query: Chem.Atom | Chem.Bond) -> bool:
    """Whether kinds decide this query; not so one that looks further, as ``$(...)`` does."""
    lines = query.DescribeQuery().split("\n")
    return all(line.split()[0] in _KNOWN for line in lines if line.strip())


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)


def _ones(start: int, stop: int) -> int:
    return (1 << stop) - (1 << start)
