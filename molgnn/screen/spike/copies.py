"""Rows of a library that are a hidden molecule themselves, found without naming every row."""

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from molgnn.chem.smiles import InvalidMolecule, canonical, parse

if TYPE_CHECKING:
    from molgnn.screen.spike.read import Spikes
    from molgnn.screen.stages import Scored

# The same molecule, written otherwise, has its score but for rounding: a share of it, and more.
_WITHIN = {"fp32": (1e-4, 1e-5), "bf16": (0.05, 0.05)}
_MARKS = (".", " ", "\t", "[#", "@O")  # there letters may be others' than the molecule's
_ATOM = re.compile(r"Cl|Br|[BCNOPSFIbcnops*]|\[\d*([A-Z][a-z]?|[a-z][a-z]?|\*|#\d+)[^\]]*\]")


class Copies:
    """Counts rows by the molecule they are. A row is standardised and named only where its score
    is that of a hidden molecule within rounding, and one of its fragments has the same heavy
    atoms: what a screen asks of each other row is a comparison of numbers."""

    def __init__(self, spikes: "Spikes"):
        self.counts = np.zeros(len(spikes), dtype=np.int64)
        self._recipe, self._merits = spikes.recipe, np.sort(spikes.merits)
        self._share, self._more = _WITHIN[spikes.precision]
        self._names = {spike.name: i for i, spike in enumerate(spikes.found)}
        self._letters = {_letters(spike.name) for spike in spikes.found}
        self._heavy = {_heavy([a.GetSymbol() for a in s.mol.GetAtoms()]) for s in spikes.found}

    def add(self, chunk: "Scored", merits: np.ndarray) -> None:
        """``merits`` (B,) of the chunk's molecules."""
        room = self._share * np.abs(merits) + self._more
        first = np.searchsorted(self._merits, merits - room)
        last = np.searchsorted(self._merits, merits + room, "right")
        for i in np.flatnonzero(last > first):
            text = chunk.rows[chunk.positions[i]].text
            if self._may_be_one(text):
                number = self._names.get(self._name(text))
                if number is not None:
                    self.counts[number] += 1

    def _may_be_one(self, text: str) -> bool:
        """Cheap questions first: in a large library one after the other thins out the rest."""
        if "\n" in text:
            return True
        alone = not any(mark in text for mark in _MARKS)
        if alone and _letters(text) not in self._letters:
            return False
        return not self._heavy.isdisjoint(map(_heavy_of, _fragments(text)))

    def _name(self, text: str) -> str | None:
        try:
            return canonical(parse(text, self._recipe))
        except InvalidMolecule:  # not of a row with a score: a worker has parsed it before
            return None


def _letters(smiles: str) -> tuple[int, int, int]:
    """Equal for all SMILES of a molecule that is one fragment, without an extension."""
    smiles = smiles.upper()
    return smiles.count("C"), smiles.count("N"), smiles.count("O")


def _fragments(text: str) -> list[str]:
    """Of a SMILES, whole as well: a recipe may keep all of it. What follows it is no part of it."""
    smiles = text.split(maxsplit=1)[0]
    return [smiles, *smiles.split(".")] if "." in smiles else [smiles]


def _heavy_of(smiles: str) -> str:
    """By the text alone, a hundredth of the time of a parse."""
    return _heavy([m[1] or m[0] for m in _ATOM.finditer(smiles)])


def _heavy(symbols: list[str]) -> str:
    """Elements with their numbers, however they are written; hydrogens are not counted."""
    counts = Counter(_element(symbol) for symbol in symbols)
    counts.pop("H", None)
    return " ".join(f"{name}{counts[name]}" for name in sorted(counts))


def _element(symbol: str) -> str:
    if symbol.startswith("#"):
        return Chem.GetPeriodicTable().GetElementSymbol(int(symbol[1:]))
    return "H" if symbol in "DT" else symbol.capitalize()
