"""Smaller and larger molecules than a library has, made of its own, to pretrain on as well."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from rdkit import Chem

from molgnn.chem.deadline import each
from molgnn.chem.pieces import cut, join
from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.data.library import read_library
from molgnn.data.packed.build import CHUNK
from molgnn.data.packed.durable import durable
from molgnn.data.pool.workers import plan, worked
from molgnn.train.pretrain.options import LibraryOptions

_JOINED = 0.2  # share of the pieces that are two molecules, or one and a piece of another


def write_pieces(options: LibraryOptions, path: Path, progress: Callable[[int], None]) -> None:
    """A SMILES file with a piece of the share ``options.pieces`` of the library's molecules: most
    are cut out of one, the others joined with the one before or with a piece of it. They depend on
    the molecules and their order alone; many come more than once."""
    library = read_library(list(options.library), smiles=options.smiles)
    chunks, workers = plan(library.chunks(CHUNK), options.workers, spare=0)
    job = partial(partial, _pieces, recipe=options.recipe, share=options.pieces)
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with durable(path) as partial_path, open(partial_path, "w", encoding="utf-8") as file:
        for chunk, found in worked(chunks, job, workers):
            file.writelines(f"{text}\n" for text in found)
            rows += len(chunk)
            progress(rows)


def parsed(texts: list[str], recipe: str) -> Iterator[tuple[str, Chem.Mol | None]]:
    """Each text with its molecule, None for one that is none."""
    for text in each(texts):
        try:
            yield text, parse(text, recipe)
        except InvalidMolecule:
            yield text, None


def _pieces(texts: list[str], recipe: str, share: float) -> list[str]:
    found, before = [], None
    for text, mol in parsed(texts, recipe):
        if mol is None:
            continue
        rng = np.random.default_rng(list(hashlib.sha256(text.encode()).digest()[:8]))
        if rng.random() < share:
            found.append(_piece(mol, before, rng))
        before = mol
    return [text for text in found if text is not None]


def _piece(mol: Chem.Mol, before: Chem.Mol | None, rng: np.random.Generator) -> str | None:
    if before is None or rng.random() >= _JOINED:
        return cut(mol, rng)
    text = cut(before, rng) if rng.random() < 0.5 else None
    return join(mol, before if text is None else Chem.MolFromSmiles(text), rng)
