"""A library in memory: the SMILES, ids and vectors of its molecules, and what was left out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from molgnn.data.readers.record import Row
from molgnn.errors import Refusal
from molgnn.models.embedder import Embedder
from molgnn.screen.annotate import written_smiles
from molgnn.screen.latent.vectors import embedded
from molgnn.screen.shards import open_library

Given = str | os.PathLike | Sequence[str | os.PathLike]


@dataclass(frozen=True, eq=False)
class Molecules:
    """R molecules in the order of their library, ``vectors`` (R, D) float32. ``left_out`` has a row
    for each one of the library that is no molecule: file, line, text and reason."""

    smiles: list[str] = field(repr=False)
    ids: list[str] = field(repr=False)
    vectors: np.ndarray = field(repr=False)
    left_out: pd.DataFrame = field(repr=False)

    def __len__(self) -> int:
        return len(self.smiles)

    def table(self, rows: Sequence[int] | np.ndarray) -> pd.DataFrame:
        """SMILES and ids of some."""
        chosen = [int(row) for row in rows]
        return pd.DataFrame(
            {"smiles": [self.smiles[r] for r in chosen], "id": [self.ids[r] for r in chosen]}
        )


def read_molecules(
    embedder: Embedder,
    given: Given,
    smiles: str | None = None,
    id: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
) -> Molecules:
    """A file, pattern or packed library (a str or a path), several files (paths), or the SMILES
    themselves (a sequence of str). Raises Refusal where there is no molecule among them."""
    library = _opened(given, smiles, id)
    texts, ids, blocks, left_out = [], [], [], []
    for result in embedded(embedder, library, workers, timeout):
        for position in result.positions.tolist():
            row = result.rows[position]
            texts.append(written_smiles(row))
            ids.append(row.id)
        blocks.append(result.mean.astype(np.float32))
        for position, reason in sorted(result.reasons.items()):
            row = result.rows[position]
            left_out.append((row.file, row.line, row.text, reason))
    rejects = pd.DataFrame(left_out, columns=["file", "line", "text", "reason"])
    if not texts:
        said = f", the first of {len(rejects):,} rows: {left_out[0][-1]}" if left_out else ""
        raise Refusal(f"the library has no molecule{said}")
    return Molecules(texts, ids, np.concatenate(blocks), rejects)


class _Listed:
    """SMILES in a list, as a library is read."""

    def __init__(self, texts: Sequence[str]):
        self.texts = texts

    def chunks(self, size: int) -> Iterator[list[Row]]:
        for start in range(0, len(self.texts), size):
            part = enumerate(self.texts[start : start + size], start + 1)
            yield [Row("", n, t if isinstance(t, str) else "", "", None, "") for n, t in part]


def _opened(given: Given, smiles: str | None, id: str | None):
    if isinstance(given, str | os.PathLike):
        return open_library(Path(given) if isinstance(given, os.PathLike) else given, smiles, id)
    given = list(given)
    if given and all(isinstance(each, os.PathLike) for each in given):
        return open_library(given, smiles, id)
    return _Listed(given)
