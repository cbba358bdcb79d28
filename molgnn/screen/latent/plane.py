"""A library's vectors in two dimensions, coloured by a property."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

from molgnn.chem.smiles import parse
from molgnn.errors import Refusal, choices
from molgnn.screen.latent.molecules import Molecules
from molgnn.screen.latent.principal import principal

PROPERTIES = {
    "logP": Crippen.MolLogP,
    "weight": Descriptors.MolWt,
    "TPSA": rdMolDescriptors.CalcTPSA,
    "rings": rdMolDescriptors.CalcNumRings,
}
METHODS = ("pca", "tsne")
MOST_TSNE = 5000  # molecules: t-SNE takes a minute for them


@dataclass(frozen=True, eq=False)
class LatentMap:
    """``table`` has x, y, the value, SMILES and id of each molecule; ``label`` names the value, ""
    without. ``explained`` (2,) is the share of all variance that lies along x and y, None where the
    method has no such thing (t-SNE, of which neither distances nor sizes of groups mean much)."""

    table: pd.DataFrame = field(repr=False)
    method: str
    label: str
    explained: tuple[float, float] | None

    def figure(self) -> Figure:
        """A scatter plot; its colours end at the 2nd and 98th percentile of the values, so that a
        few odd ones do not make all others look alike."""
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.subplots()
        dots = {"s": max(2.0, min(14.0, 20_000 / len(self.table))), "lw": 0, "alpha": 0.8}
        place = self.table["x"], self.table["y"]
        values = self.table["value"].to_numpy()
        if np.isfinite(values).any():
            low, high = np.nanpercentile(values, [2, 98])
            shades = {"c": values, "cmap": "viridis", "vmin": low, "vmax": high}
            drawn = axes.scatter(*place, rasterized=True, **shades, **dots)
            figure.colorbar(drawn, label=self.label, extend="both")
        else:
            axes.scatter(*place, color="#1261a0", rasterized=True, **dots)
        axes.set(xlabel=self._axis(0), ylabel=self._axis(1))
        return figure

    def _axis(self, number: int) -> str:
        if self.explained is None:
            return f"t-SNE {number + 1}"
        return f"component {number + 1} ({self.explained[number]:.0%} of the variance)"

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.figure().savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def mapped(
    molecules: Molecules,
    values: str | Sequence[float] | None,
    recipe: str,
    method: str,
    seed: int,
) -> LatentMap:
    """See ``LatentSpace.map2d``."""
    if method not in METHODS:
        raise choices("method", method, METHODS)
    if len(molecules) < 3 or molecules.vectors.shape[1] < 2:
        count, width = molecules.vectors.shape
        raise Refusal(f"{count} molecules in {width} dimensions: a map needs 3 in 2 at least")
    if not np.ptp(molecules.vectors, axis=0).any():
        raise Refusal(f"all {len(molecules):,} molecules have the same vector: nothing to map")
    label, column = _values(molecules, values, recipe)
    place, explained = principal(molecules.vectors) if method == "pca" else _tsne(molecules, seed)
    table = pd.DataFrame({"x": place[:, 0], "y": place[:, 1], "value": column})
    table = pd.concat([table, molecules.table(range(len(molecules)))], axis=1)
    return LatentMap(table, method, label, explained)


def _values(molecules: Molecules, values, recipe: str) -> tuple[str, np.ndarray]:
    if values is None:
        return "", np.full(len(molecules), np.nan)
    if isinstance(values, str):
        if values not in PROPERTIES:
            raise choices("property", values, PROPERTIES)
        compute = PROPERTIES[values]
        return values, np.array([compute(parse(text, recipe)) for text in molecules.smiles])
    column = np.asarray(values, dtype=np.float64)
    if column.shape != (len(molecules),):
        raise Refusal(f"values of shape {column.shape}: give one for each of {len(molecules):,}")
    return str(getattr(values, "name", None) or "value"), column


def _tsne(molecules: Molecules, seed: int) -> tuple[np.ndarray, None]:
    from sklearn.manifold import TSNE

    count = len(molecules)
    if count > MOST_TSNE:
        raise Refusal(f"{count:,} molecules: t-SNE takes {MOST_TSNE:,} at most, method='pca' all")
    perplexity = min(30.0, (count - 1) / 3)
    tsne = TSNE(2, init="pca", random_state=seed, perplexity=perplexity)
    return tsne.fit_transform(molecules.vectors).astype(np.float64), None
