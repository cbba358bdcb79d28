"""Smaller and larger molecules than a library has, made of its own, to pretrain on as well."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rdkit import Chem

from molgnn.chem.pieces import cut, join
from molgnn.data.library import read_library
from molgnn.data.packed.build import CHUNK
from molgnn.data.packed.durable import durable
from molgnn.data.packed.packing import KEY, molecule_key
from molgnn.data.pool.workers import plan, worked
from molgnn.train.pretrain.excluded import Excluded, parsed
from molgnn.train.pretrain.options import LibraryOptions

_JOINED = 0.2  # share of the pieces that are two molecules, or one and a piece of another


def write_pieces(
    options: LibraryOptions, path: Path, excluded: Excluded, progress: Callable[[int], None]
) -> None:
    """A SMILES file with a piece of the share ``options.pieces`` of the library's molecules: most
    are cut out of one, the others joined with the one before or with a piece of it. None is made of
    an ``excluded`` molecule. They depend on the molecules and their order alone; many come more
    than once."""
    library = read_library(list(options.library), smiles=options.smiles)
    chunks, workers = plan(library.chunks(CHUNK), options.workers, spare=0)
    job = partial(partial, _pieces, recipe=options.recipe, share=options.pieces)
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with durable(path) as partial_path, open(partial_path, "w", encoding="utf-8") as file:
        for chunk, (found, sources) in worked(chunks, job, workers):
            allowed = excluded.allowed(sources).all(axis=1)
            file.writelines(f"{found[i]}\n" for i in np.flatnonzero(allowed))
            rows += len(chunk)
            progress(rows)


def _pieces(texts: list[str], recipe: str, share: float) -> tuple[list[str], np.ndarray]:
    """SMILES of n pieces, and the keys (n, 2) of the molecules that each may be made of."""
    found, sources, before = [], [], None
    for text, mol in parsed(texts, recipe):
        if mol is None:
            continue
        rng = np.random.default_rng(list(hashlib.sha256(text.encode()).digest()[:8]))
        if rng.random() < share:
            piece, other = _piece(mol, before, rng)
            if piece is not None:
                found.append(piece)
                sources.append([molecule_key(mol), molecule_key(other)])
        before = mol
    return found, np.array(sources, dtype=KEY).reshape(-1, 2)


def _piece(
    mol: Chem.Mol, before: Chem.Mol | None, rng: np.random.Generator
) -> tuple[str | None, Chem.Mol]:
    """A piece, and the molecule that it is made of besides ``mol``, ``mol`` again if of none."""
    if before is None or rng.random() >= _JOINED:
        return cut(mol, rng), mol
    text = cut(before, rng) if rng.random() < 0.5 else None
    return join(mol, before if text is None else Chem.MolFromSmiles(text), rng), before
