"""``molgnn.latent_space``: the space of a pretrained encoder, and a library of molecules in it."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from molgnn.chem.fingerprint import morgan, nearest
from molgnn.chem.smiles import canonical, parse
from molgnn.errors import Refusal
from molgnn.models.autoencoder import MoleculeAutoencoder, autoencoder_of
from molgnn.models.bundle import resolve_device
from molgnn.models.embedder import Embedder
from molgnn.models.ensemble import all_graphs
from molgnn.models.pretrained import load_pretrained
from molgnn.screen.latent.decode import Decoded, decoded, shares
from molgnn.screen.latent.grid import Cell, Drawing
from molgnn.screen.latent.molecules import Given, Molecules, read_molecules
from molgnn.screen.latent.nearest import nearest_rows
from molgnn.screen.latent.path import LatentPath, path_between
from molgnn.screen.latent.plane import LatentMap, mapped
from molgnn.screen.latent.units import latent_units

ROUNDING = 1e-3  # of lengths: how far rounding can put two spellings apart, with much to spare
MOST_UNITS = 5000  # molecules of the library of which units are judged


def latent_space(
    encoder: str | os.PathLike, library: Given | None = None, device: str = "auto"
) -> "LatentSpace":
    """The latent space of a pretrained encoder, given by its folder, that of a run of molgnn
    pretrain, or a shipped one's name; with a ``library`` in it as ``LatentSpace.library`` takes it.

    Raises Refusal for what is no such encoder, and for one without latents."""
    pretrained = load_pretrained(encoder)
    model = autoencoder_of(pretrained)
    embedder = Embedder.of_encoder(pretrained, model, resolve_device(device))
    space = LatentSpace(embedder, model.to(embedder.device))
    return space if library is None else space.library(library)


class LatentSpace:
    """Vectors z (D,) of molecules: the mean of q(z_G | G), see ``MoleculeAutoencoder.vectors``.

    Distances are Euclidean. The prior is the same in all directions and the decoder sees z itself,
    so that differences of z are what means something; cosine would leave out the length, which
    tells how far a molecule is from the prior's centre and grows with its size.

    ``molecules`` is its library; None without, and ``library`` gives a space with one.
    """

    def __init__(
        self, embedder: Embedder, model: MoleculeAutoencoder, molecules: Molecules | None = None
    ):
        self.embedder, self.model, self.molecules = embedder, model, molecules

    def __repr__(self) -> str:
        name, width = self.embedder.name, self.embedder.width
        if self.molecules is None:
            return f"LatentSpace({name}: {width} dimensions, no library)"
        out = len(self.molecules.left_out)
        return (
            f"LatentSpace({name}: {width} dimensions, {len(self.molecules):,} molecules"
            f"{f', {out:,} rows left out' if out else ''})"
        )

    @property
    def recipe(self) -> str:
        """How molecules are standardised before they are encoded."""
        return self.embedder.recipe

    def embed(self, smiles: str | Sequence[str]) -> np.ndarray:
        """SMILES -> (B, D) float32. Raises Refusal at a text that is no molecule."""
        return self.embedder.embed(smiles)

    def library(
        self,
        given: Given,
        *,
        smiles: str | None = None,
        id: str | None = None,
        workers: int | None = None,
        timeout: float | None = None,
    ) -> "LatentSpace":
        """The same space with a library in it: a str or a path names a file, a pattern or a packed
        library, several paths name files, and several str are SMILES. ``smiles``, ``id``,
        ``workers`` and ``timeout`` as for ``molgnn.screen``.

        What is no molecule is in ``molecules.left_out``. A million molecules take about half a
        gigabyte at 128 dimensions. Raises Refusal where there is none."""
        molecules = read_molecules(self.embedder, given, smiles, id, workers, timeout)
        return LatentSpace(self.embedder, self.model, molecules)

    def nearest(self, smiles: str, k: int = 10) -> pd.DataFrame:
        """The k molecules of the library that are nearest to one, nearest first and equally near
        ones in the library's order: distance, tanimoto (of Morgan fingerprints, to compare), smiles
        and id. A molecule that is the query itself, in whichever spelling, is at distance 0 and
        comes first."""
        molecules = self._library()
        if k < 1:
            raise Refusal(f"k={k}: must be at least 1")
        vector = self.embed(_one(smiles))
        distances, rows = (found[0] for found in nearest_rows(molecules.vectors, vector, k))
        table = molecules.table(rows)
        mols = [parse(text, self.recipe) for text in table["smiles"]]
        query, known = parse(smiles, self.recipe), morgan(mols)
        same = self._is_query(query, mols, distances, vector)
        alike = [nearest(morgan([query]), each[None])[0][0] for each in known]
        table.insert(0, "distance", np.where(same, 0.0, distances))
        table.insert(1, "tanimoto", alike)
        return table.iloc[np.lexsort((rows, ~same, table["distance"]))].reset_index(drop=True)

    def _is_query(self, query, mols, distances: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """Which molecules are the query, where only rounding can be between them."""
        close = distances <= ROUNDING * (1 + np.linalg.norm(vector))
        name = canonical(query)
        pairs = zip(mols, close, strict=True)
        return np.array([bool(near) and canonical(mol) == name for mol, near in pairs])

    def interpolate(self, start: str, end: str, steps: int = 8) -> LatentPath:
        """The straight line between two molecules' vectors: at each of ``steps`` points, both ends
        among them, the library's nearest molecule and how far it is from the line."""
        if steps < 2:
            raise Refusal(f"steps={steps}: must be at least 2")
        molecules = self._library()
        vectors = np.concatenate([self.embed(_one(start)), self.embed(_one(end))])
        return path_between(molecules, start, end, vectors, steps)

    def draw(self, what: LatentPath | pd.DataFrame) -> Drawing:
        """A path, or neighbours as ``nearest`` gives them, as a grid that a notebook shows."""
        if isinstance(what, LatentPath):
            return what.drawing()
        return Drawing(
            [
                Cell(row.smiles, [row.id, f"distance {row.distance:.2f}"])
                for row in what.itertuples()
            ]
        )

    def decode(self, smiles: str | Sequence[str]) -> Decoded | list[Decoded]:
        """Encode molecules, and decode their graphs again: see ``Decoded``. A list for several.

        Raises Refusal at a text that is no molecule, and for an encoder that cannot."""
        found = decoded(
            self.model, [smiles] if isinstance(smiles, str) else list(smiles), self.recipe
        )
        return found[0] if isinstance(smiles, str) else found

    def decoded_share(self, smiles: str | Sequence[str]) -> dict[str, float]:
        """Of how many molecules what share comes back as ``Decoded`` says: sanitized, connected,
        accepted (which includes both), and the same."""
        return shares(self.decode([smiles] if isinstance(smiles, str) else list(smiles)))

    def map2d(
        self,
        values: str | Sequence[float] | None = None,
        method: str = "pca",
        seed: int = 0,
    ) -> LatentMap:
        """The library in two dimensions by PCA, or by ``method="tsne"`` up to 5,000 molecules.
        ``values`` colour it: one number for each molecule, or logP, weight, TPSA or rings."""
        return mapped(self._library(), values, self.recipe, method, seed)

    def units(self, smiles: Sequence[str] | None = None) -> pd.DataFrame:
        """KL divergence and variance of each unit of the latents, and whether it is active, on
        given molecules, or on the library's (5,000 of them, evenly taken, where there are more)."""
        if smiles is None:
            every = self._library().smiles
            smiles = every[:: -(-len(every) // MOST_UNITS)]
        graphs = all_graphs(smiles, self.recipe)
        if len(graphs) < 2:
            raise Refusal("one molecule has no variance: give several")
        return latent_units(self.model, graphs)

    def _library(self) -> Molecules:
        if self.molecules is None:
            raise Refusal("this space has no library yet: space = space.library(PATH or SMILES)")
        return self.molecules


def _one(smiles: str) -> str:
    if not isinstance(smiles, str):
        raise Refusal(f"{smiles!r}: give one SMILES")
    return smiles
