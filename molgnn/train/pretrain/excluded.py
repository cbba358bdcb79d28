"""Molecules that are not to be learnt from, known by their keys.

A key is a hash of the standardised molecule's canonical SMILES, as a packed library has it.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

import numpy as np
from rdkit import Chem

from molgnn.chem.deadline import each
from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.data.library import Library, read_library
from molgnn.data.packed.build import CHUNK
from molgnn.data.packed.packing import KEY, molecule_key
from molgnn.data.pool.workers import plan, worked
from molgnn.errors import Refusal
from molgnn.train.pretrain.options import LibraryOptions

NO_KEY = b""  # of a text that is no molecule


class Excluded:
    """The molecules of the files ``options.exclude``: ``keys`` (n,), sorted, the hash of these, and
    ``unreadable``, how many of the files' rows are no molecule.

    Raises Refusal for files that cannot be read, or of which no row is a molecule.
    """

    def __init__(self, options: LibraryOptions, progress: Callable[[int], None] = lambda rows: 0):
        found, rows = [np.zeros(0, dtype=KEY)], 0
        libraries = lists_of(options)
        chunks = chain.from_iterable(library.chunks(CHUNK) for library in libraries)
        chunks, workers = plan(chunks, options.workers, spare=0)
        job = partial(partial, keys_of, recipe=options.recipe)
        for chunk, keys in worked(chunks, job, workers):
            found.append(keys[keys != NO_KEY])
            rows += len(chunk)
            progress(rows)
        self.unreadable = rows - sum(map(len, found))
        self.keys = np.unique(np.concatenate(found))
        self.sha256 = hashlib.sha256(self.keys.tobytes()).hexdigest()
        if libraries and not len(self.keys):
            said = f"none of {rows:,} rows is a molecule"
            raise Refusal(f"data.exclude={','.join(options.exclude)}: {said}: give other files")

    def allowed(self, keys: np.ndarray) -> np.ndarray:
        """Bool in the shape of ``keys``: true where one is none of the excluded."""
        return ~np.isin(keys, self.keys)


def lists_of(options: LibraryOptions) -> list[Library]:
    """The files to be excluded. ``options.smiles`` names the library's column; a list without it
    has one of the usual names."""
    found = []
    for path in options.exclude:
        try:
            found.append(read_library(path, smiles=options.smiles))
        except Refusal:
            found.append(read_library(path))
    return found


def parsed(texts: list[str], recipe: str) -> Iterator[tuple[str, Chem.Mol | None]]:
    """Each text with its molecule, None for one that is none."""
    for text in each(texts):
        try:
            yield text, parse(text, recipe)
        except InvalidMolecule:
            yield text, None


def keys_of(texts: list[str], recipe: str) -> np.ndarray:
    """A key for each text (B,), ``NO_KEY`` for what is no molecule, or died in a worker."""
    mols = (mol for _, mol in parsed(texts, recipe))
    return np.array([NO_KEY if mol is None else molecule_key(mol) for mol in mols], dtype=KEY)
