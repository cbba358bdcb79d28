"""What chemistry says of each molecule of a pool, worked out in worker processes.

A molecule goes through properties, alerts, novelty and cores in this order and no further than to
the first that drops it; what happens to it depends on nothing but the molecule.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from rdkit import Chem, rdBase

from molgnn.chem.alerts import Alert, find_alerts, find_patterns, pattern
from molgnn.chem.deadline import each
from molgnn.chem.fingerprint import morgan, nearest
from molgnn.chem.properties import RULE_SETS, Range, beyond, properties
from molgnn.chem.scaffold import murcko
from molgnn.chem.smiles import InvalidMolecule, canonical, parent_atoms, parse
from molgnn.data.packed.packing import smiles_of

PROPERTIES, ALERTS, NOVELTY, CORES = "properties", "alerts", "novelty", "cores"


class Dropped(NamedTuple):
    """At which step, why in words, and the kinds of reason by which the manifest counts."""

    step: str
    reason: str
    kinds: tuple[str, ...]


@dataclass
class Finding:
    """Of one molecule, as far as it came: ``nearest`` is the row of the nearest known molecule,
    ``bits`` its packed fingerprint, ``scaffold`` a SMILES, "" without rings."""

    dropped: Dropped | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    similarity: float = np.nan
    nearest: int = -1
    bits: bytes = b""
    scaffold: str = ""


@dataclass(frozen=True)
class Examination:
    """A job for workers: what to look at, and what is too much. ``recipe`` is the model's
    standardisation; ``known`` (R, 256) are the fingerprints to be novel to, ``names`` theirs."""

    recipe: str
    names: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    sets: Mapping[str, int] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    flag: tuple[str, ...] = ()
    smarts: Mapping[str, str] = field(default_factory=dict)
    known: np.ndarray | None = None
    known_names: Sequence[str] = ()
    at_most: float = 1.0
    cores: Mapping[str, str] = field(default_factory=dict)
    fingerprints: bool = False
    scaffolds: bool = False

    @property
    def asks(self) -> bool:
        """Whether there is anything to look at."""
        told = self.names or self.drop or self.flag or self.cores
        return bool(told) or self.known is not None or self.fingerprints or self.scaffolds

    def __call__(self) -> Callable[[Sequence[str]], list[Finding]]:
        own = {name: pattern(smarts) for name, smarts in self.smarts.items()}
        cores = {name: pattern(smarts) for name, smarts in self.cores.items()}
        return partial(_examined, self, own, cores)


class _Views(NamedTuple):
    """A molecule as the model reads it, its parent as it is written, and for each atom of that
    parent its number in the SMILES of hits.csv, from 0, as RDKit reads that."""

    standard: Chem.Mol
    written: Chem.Mol
    numbers: Sequence[int]


def _examined(what: Examination, own, cores, texts: Sequence[str]) -> list[Finding]:
    with rdBase.BlockLogs():
        return _all(what, own, cores, texts)


def _all(what: Examination, own, cores, texts: Sequence[str]) -> list[Finding]:
    found, views = [Finding() for _ in texts], {}
    for i, text in enumerate(each(texts)):
        try:
            views[i] = view = _views(text, what.recipe)
        except InvalidMolecule as error:  # not met: a worker has read it before
            found[i].dropped = Dropped(PROPERTIES, f"unreadable: {error}", ("unreadable",))
            continue
        found[i].dropped = _by_properties(what, found[i], view) or _by_alerts(
            what, own, found[i], view
        )
    left = [i for i in views if found[i].dropped is None]
    if what.known is not None or what.fingerprints:
        _compare(what, found, {i: views[i].standard for i in left})
    for i in left:
        if found[i].dropped is None:
            found[i].dropped = _by_cores(cores, views[i])
        if found[i].dropped is None and what.scaffolds:
            found[i].scaffold = murcko(views[i].standard)
    return found


def _views(text: str, recipe: str) -> _Views:
    """Salts are looked at as their parent, but for a model that reads them whole."""
    whole = parse(smiles_of(text), "none")
    if recipe == "none":
        return _Views(whole, whole, range(whole.GetNumAtoms()))
    written, numbers = parent_atoms(whole)
    standard = written if recipe == "parent" else parse(text, recipe)
    return _Views(standard, written, numbers)


def _by_properties(what: Examination, found: Finding, view: _Views) -> Dropped | None:
    if not what.names:
        return None
    found.values = properties(view.standard, what.names)
    missed = beyond(found.values, what.ranges)
    for name, allowed in what.sets.items():
        own = beyond(found.values, RULE_SETS[name].ranges)
        if len(own) > allowed:
            missed.append((name, f"{name}: {', '.join(words for _, words in own)}"))
    if not missed:
        return None
    kinds, words = zip(*missed, strict=True)
    return Dropped(PROPERTIES, "; ".join(words), kinds)


def _by_alerts(what: Examination, own, found: Finding, view: _Views) -> Dropped | None:
    if not (what.drop or what.flag):
        return None
    alerts = find_alerts(view.written, (*what.drop, *what.flag), own)
    found.alerts = [alert._replace(atoms=_told(alert.atoms, view)) for alert in alerts]
    bad = [alert for alert in found.alerts if alert.catalog in what.drop]
    if not bad:
        return None
    words = "; ".join(f"{alert} (atoms {numbered(alert.atoms)})" for alert in bad)
    return Dropped(ALERTS, words, tuple(dict.fromkeys(map(str, bad))))


def _compare(what: Examination, found: list[Finding], mols: Mapping[int, Chem.Mol]) -> None:
    """Fingerprints of the canonical SMILES, as those of the training molecules are: the way in
    which a molecule is written must not make it another one."""
    bits = morgan([Chem.MolFromSmiles(canonical(mol)) or mol for mol in mols.values()])
    if what.known is not None:
        similarity, rows = nearest(bits, what.known)
        for i, value, row in zip(mols, similarity.tolist(), rows.tolist(), strict=True):
            found[i].similarity, found[i].nearest = value, row
            if value > what.at_most:
                words = f"{value:.3g} similar to {what.known_names[row]}, {what.at_most:g} allowed"
                found[i].dropped = Dropped(NOVELTY, words, ("too similar",))
    if what.fingerprints:
        for i, row in zip(mols, bits, strict=True):
            if found[i].dropped is None:
                found[i].bits = row.tobytes()


def _by_cores(cores: Mapping[str, Chem.Mol], view: _Views) -> Dropped | None:
    held = find_patterns(view.written, cores)
    if not held:
        return None
    words = (
        f"holds the core {name} (atoms {numbered(_told(atoms, view))})" for name, atoms in held
    )
    return Dropped(CORES, "; ".join(words), tuple(name for name, _ in held))


def _told(atoms: Sequence[int], view: _Views) -> tuple[int, ...]:
    return tuple(view.numbers[atom] for atom in atoms)


def numbered(atoms: Sequence[int]) -> str:
    """Atoms as people count them, from 1."""
    return " ".join(str(atom + 1) for atom in atoms)
