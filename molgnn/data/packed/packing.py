"""What a worker makes of a chunk of texts that goes into a packed library.

Runs in worker processes: RDKit and numpy, neither torch nor pyarrow.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from molgnn.chem.deadline import each
from molgnn.chem.graph import featurize
from molgnn.chem.smiles import InvalidMolecule, canonical, parse
from molgnn.data.codes import CodedGraphs, encode

KEY = "S16"  # bytes of a molecule's key, compared as a whole


@dataclass(frozen=True, slots=True)
class Packing:
    """The graphs of a chunk's B molecules in codes, and what is known of its rows by position.

    ``positions`` (B,) int64 says which row each molecule is, ``reasons`` why every other one is
    none. ``smiles`` has a canonical SMILES for the rows that are mol blocks. ``keys`` (B,) are
    hashes of the standardised molecules, None where nobody asked for them.
    """

    graphs: CodedGraphs
    positions: np.ndarray
    reasons: dict[int, str]
    smiles: dict[int, str]
    keys: np.ndarray | None

    def select(self, keep: np.ndarray, num_rows: int) -> "tuple[np.ndarray, Packing]":
        """Without the rows of those molecules where ``keep`` (B,) is false: the rows that stay,
        and their packing, by new positions."""
        stays = np.ones(num_rows, dtype=bool)
        stays[self.positions[~keep]] = False
        place = (np.cumsum(stays) - 1).tolist()
        packing = Packing(
            self.graphs.select(keep),
            np.asarray(place, dtype=np.int64)[self.positions[keep]],
            {place[i]: reason for i, reason in self.reasons.items()},
            {place[i]: smiles for i, smiles in self.smiles.items() if stays[i]},
            None,
        )
        return np.flatnonzero(stays), packing


def pack_chunk(texts: list[str], recipe: str, keyed: bool) -> Packing:
    """Featurise and encode; ``keyed`` also names each molecule, which costs a canonical SMILES."""
    graphs, positions, reasons = featurize(texts, recipe)
    valid = positions.tolist()
    smiles = {i: smiles_of(texts[i]) for i in valid if "\n" in texts[i]}
    keys = molecule_keys([texts[i] for i in valid], recipe) if keyed else None
    return Packing(encode(graphs), positions, reasons, smiles, keys)


def molecule_keys(texts: list[str], recipe: str) -> np.ndarray:
    """The key of each valid text after standardisation (B,)."""
    return np.array([molecule_key(parse(text, recipe)) for text in each(texts)], dtype=KEY)


def molecule_key(mol: Chem.Mol) -> bytes:
    """A 16-byte hash of the canonical SMILES.

    Among n different molecules the odds that any two share one are below
    n² / 2¹²⁹: 2 · 10⁻²¹ for 10⁹.
    """
    return hashlib.blake2b(canonical(mol).encode(), digest_size=16).digest()


def smiles_of(text: str) -> str:
    """A SMILES as it is in the file; for a mol block its canonical SMILES, "" for a bad one."""
    if "\n" not in text:
        return text
    try:
        return canonical(parse(text, "none"))
    except InvalidMolecule:
        return ""
