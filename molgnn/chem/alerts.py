"""Structural alerts: substructures that often make trouble, by name, with the atoms they match."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from rdkit import Chem, rdBase
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from molgnn.chem.facts import Facts
from molgnn.chem.patterns import Screen

USER = "user"  # the set of one's own SMARTS
# As RDKit ships them. PAINS: Baell and Holloway 2010, doi:10.1021/jm901137j. Brenk: Brenk et al.
# 2008, doi:10.1002/cmdc.200700139. NIH: Jadhav et al. 2010, doi:10.1021/jm901070c, and Doveston et
# al. 2015, doi:10.1039/C4OB02287D.
CATALOGS = {"pains": "PAINS", "brenk": "BRENK", "nih": "NIH"}
_PLAIN = ("pains",)  # each entry is one pattern, and no more: no exclusion, no count
_PICKLED = b"\xef\xbe\xad\xde"  # how a molecule begins in RDKit's binary form


class Alert(NamedTuple):
    """``atoms``: all that the alert matches, numbered from 0 in the molecule."""

    catalog: str
    name: str
    atoms: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.catalog}: {self.name}"


def pattern(smarts: str) -> Chem.Mol | None:
    """The query that a SMARTS stands for; None for a text that is none, or has no atom."""
    with rdBase.BlockLogs():
        query = Chem.MolFromSmarts(smarts)
    return query if query is not None and query.GetNumAtoms() else None


def find_alerts(mol: Chem.Mol, catalogs: Sequence[str], own: Mapping[str, Chem.Mol]) -> list[Alert]:
    """What is there of the named catalogs, each in its own order; of ``USER`` those are ``own``."""
    found = []
    for name in catalogs:
        if name == USER:
            found += [Alert(USER, what, atoms) for what, atoms in find_patterns(mol, own)]
        else:
            found += [_alert(mol, name, entry) for entry in _catalog(name).matches(mol)]
    return found


def find_patterns(mol: Chem.Mol, own: Mapping[str, Chem.Mol]) -> list[tuple[str, tuple[int, ...]]]:
    """The names of those that match, in order, each with the atoms of all its matches."""
    found = []
    for name, query in own.items():
        if matches := mol.GetSubstructMatches(query):
            found.append((name, _union(matches)))
    return found


def _alert(mol: Chem.Mol, catalog: str, entry) -> Alert:
    pairs = [[atom for _, atom in match.atomPairs] for match in entry.GetFilterMatches(mol)]
    return Alert(catalog, entry.GetDescription(), _union(pairs))


def _union(matches) -> tuple[int, ...]:
    return tuple(sorted({atom for match in matches for atom in match}))


class _Catalog:
    """A catalog of RDKit's. Of one with many plain patterns, such as PAINS, most can be ruled out
    by the kinds of atoms and bonds that they need (``chem.patterns``), in a sixth of the time."""

    def __init__(self, catalog: FilterCatalog, plain: bool):
        self._all = catalog
        self._entries = [catalog.GetEntryWithIdx(i) for i in range(catalog.GetNumEntries())]
        found = [_own_pattern(entry) if plain else None for entry in self._entries]
        self._screen = None if None in found else Screen(found)

    def matches(self, mol: Chem.Mol) -> list:
        """The entries that match, in the catalog's order."""
        if self._screen is None:
            return list(self._all.GetMatches(mol))
        possible = self._screen.possible(Facts(mol))
        pairs = zip(self._entries, possible, strict=True)
        return [entry for entry, may in pairs if may and entry.HasFilterMatch(mol)]


def _own_pattern(entry) -> Chem.Mol | None:
    """The pattern of an entry, from what the entry writes of itself (its name, the length of the
    pattern, the pattern), as RDKit shows it nowhere else; None where it writes something else."""
    head, mark, rest = bytes(entry.Serialize()).partition(_PICKLED)
    name, _, size = head.rstrip(b" ").rpartition(b" ")
    if not (mark and size.isdigit() and name.endswith(entry.GetDescription().encode())):
        return None
    try:
        return Chem.Mol((mark + rest)[: int(size)])
    except RuntimeError:
        return None


@cache
def _catalog(name: str) -> _Catalog:
    """Once a process: making one takes as long as a dozen molecules."""
    chosen = FilterCatalogParams()
    chosen.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, CATALOGS[name]))
    return _Catalog(FilterCatalog(chosen), name in _PLAIN)
