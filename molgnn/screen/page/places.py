"""Where hits and a sample of the library lie on a map: their vectors, in two dimensions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from molgnn.chem.fingerprint import morgan
from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.data.packed.packing import smiles_of
from molgnn.screen.latent.principal import principal
from molgnn.screen.sample import Drawn

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

ACROSS = 1000  # units of a map's longer side
BITS = 512  # of fingerprints: a picture shows no difference to more
MAPPED = 1000  # hits
NETWORKS, FINGERPRINTS = "the networks' vectors of the molecules", "Morgan fingerprints"


def places(model: "Predictor", hits: Sequence[str], sample: Sequence[Drawn]) -> dict | None:
    """``hits`` as [rank, x, y] and the ``sample`` as [x, y, score], in whole units of ``ACROSS``;
    ``of`` what they are the places of, ``explained`` how much of its variance lies along x and y.
    None where there are fewer than three molecules, or no vectors of them."""
    hits = hits[:MAPPED]
    mols = [_read(text, model.recipe) for text in [*hits, *(smiles_of(d.text) for d in sample)]]
    there = [i for i, mol in enumerate(mols) if mol is not None]
    if len(there) < 3:
        return None
    of, vectors = _vectors(model, [mols[i] for i in there])
    sound = np.isfinite(vectors).all(axis=1)
    there, vectors = np.array(there)[sound], vectors[sound]
    if len(there) < 3 or vectors.shape[1] < 2:
        return None
    flat, explained = principal(vectors)
    flat -= flat.min(axis=0)
    flat = np.rint(flat * (ACROSS / max(flat.max(), 1e-12))).astype(int).tolist()
    first = len(hits)
    return {
        "of": of,
        "explained": [round(share, 4) for share in explained],
        "hits": [[int(i) + 1, *flat[n]] for n, i in enumerate(there) if i < first],
        "sample": [
            [*flat[n], float(f"{sample[i - first].score:.4g}")]
            for n, i in enumerate(there)
            if i >= first
        ],
    }


def _read(text: str, recipe: str) -> Chem.Mol | None:
    try:
        return parse(text, recipe)
    except InvalidMolecule:  # of a hit written by hand: those of a screen were read before
        return None


def _vectors(model: "Predictor", mols: Sequence[Chem.Mol]) -> tuple[str, np.ndarray]:
    """What they are, and (B, D) of them."""
    if not getattr(model, "members", ()):
        return FINGERPRINTS, np.unpackbits(morgan(mols, size=BITS), axis=1)
    from molgnn.chem.graph import pack

    return NETWORKS, model.scorer().embed(pack(mols))
