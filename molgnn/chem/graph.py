"""Molecules as small integer arrays: one graph, and many graphs packed end to end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import islice

import numpy as np
from rdkit import Chem

from molgnn.chem.binary import Decoded
from molgnn.chem.deadline import each
from molgnn.chem.features import ATOM_FIELDS, BOND_FIELDS, atom_codes, bond_codes
from molgnn.chem.quick import read_chunk
from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.chem.trial import fault

_CHUNK = 2048  # molecules decoded at once: fewer cost more each, more take memory


@dataclass(frozen=True)
class PackedGraphs:
    """B molecules with N atoms and M bonds in all, as flat arrays without padding.

    ``atoms`` (N, 9) uint8 and ``bonds`` (M, 3) uint8 hold the codes of ``chem.features``;
    ``bond_ends`` (M, 2) int32 counts atoms from 0 within the molecule, each bond once;
    molecule b owns atoms ``atom_offsets[b]:atom_offsets[b + 1]``, and its bonds alike (int64).
    """

    atoms: np.ndarray
    bond_ends: np.ndarray
    bonds: np.ndarray
    atom_offsets: np.ndarray
    bond_offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.atom_offsets) - 1

    @property
    def num_atoms(self) -> np.ndarray:
        """(B,) atoms of each molecule."""
        return np.diff(self.atom_offsets)

    @property
    def num_bonds(self) -> np.ndarray:
        """(B,) bonds of each molecule."""
        return np.diff(self.bond_offsets)

    def select(self, rows: Sequence[int] | np.ndarray) -> "PackedGraphs":
        """The given molecules, in the given order; repeats are allowed."""
        rows = np.asarray(rows, dtype=np.int64)
        atom_rows, atom_offsets = _ranges(self.atom_offsets, rows)
        bond_rows, bond_offsets = _ranges(self.bond_offsets, rows)
        return PackedGraphs(
            self.atoms[atom_rows],
            self.bond_ends[bond_rows],
            self.bonds[bond_rows],
            atom_offsets,
            bond_offsets,
        )

    @staticmethod
    def concat(parts: Sequence["PackedGraphs"]) -> "PackedGraphs":
        """All molecules of the parts, in order."""
        if not parts:
            return pack([])
        columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(PackedGraphs)}
        for name in ("atom_offsets", "bond_offsets"):
            counts = np.concatenate([np.diff(offsets) for offsets in columns[name]])
            columns[name] = [_offsets(counts)]
        return PackedGraphs(**{name: np.concatenate(arrays) for name, arrays in columns.items()})


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _ranges(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions start:stop of each chosen row, end to end, and the offsets of the result."""
    counts = offsets[rows + 1] - offsets[rows]
    new = _offsets(counts)
    shift = np.repeat(offsets[rows] - new[:-1], counts)
    return np.arange(new[-1]) + shift, new


def pack(mols: Iterable[Chem.Mol]) -> PackedGraphs:
    """Featurise RDKit molecules, atoms and bonds in RDKit's order."""
    atoms, ends, bonds, num_atoms, num_bonds = [], [], [], [], []
    for mol in mols:
        num_atoms.append(mol.GetNumAtoms())
        num_bonds.append(mol.GetNumBonds())
        atoms.extend(map(atom_codes, mol.GetAtoms()))
        for bond in mol.GetBonds():
            ends.append((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
            bonds.append(bond_codes(bond))
    return PackedGraphs(
        np.array(atoms, dtype=np.uint8).reshape(-1, len(ATOM_FIELDS)),
        np.array(ends, dtype=np.int32).reshape(-1, 2),
        np.array(bonds, dtype=np.uint8).reshape(-1, len(BOND_FIELDS)),
        _offsets(np.array(num_atoms, dtype=np.int64)),
        _offsets(np.array(num_bonds, dtype=np.int64)),
    )


def featurize(
    texts: Iterable[str], recipe: str = "parent"
) -> tuple[PackedGraphs, np.ndarray, dict[int, str]]:
    """Parse, standardise and featurise: the graphs of the valid texts, their positions among the
    texts (B,) int64, and position -> reason for the others. Never raises for a bad molecule."""
    way = featurize_plain if route() != "binary" else _featurize_quickly
    return way(texts, recipe)


def featurize_plain(
    texts: Iterable[str], recipe: str = "parent"
) -> tuple[PackedGraphs, np.ndarray, dict[int, str]]:
    """What ``featurize`` gives, by a loop over molecules, atoms and bonds: the oracle."""
    mols, rows, reasons = [], [], {}
    for row, text in enumerate(each(texts)):
        try:
            mols.append(parse(text, recipe))
            rows.append(row)
        except InvalidMolecule as error:
            reasons[row] = str(error)
    return pack(mols), np.array(rows, dtype=np.int64), reasons


def route() -> str:
    """How ``featurize`` works in this process: "binary", or "plain: " and the reason."""
    # Stereo codes depend on these two global settings of RDKit: after a change, test again.
    return _route(Chem.GetUseLegacyStereoPerception(), Chem.GetAllowNontetrahedralChirality())


@cache
def _route(*settings: bool) -> str:
    reason = fault(_featurize_quickly, featurize_plain)
    return f"plain: {reason}" if reason else "binary"


def _featurize_quickly(
    texts: Iterable[str], recipe: str
) -> tuple[PackedGraphs, np.ndarray, dict[int, str]]:
    parts, rows, reasons, done = [], [np.zeros(0, dtype=np.int64)], {}, 0
    texts = iter(texts)
    while chunk := list(islice(texts, _CHUNK)):
        decoded, valid, refused = read_chunk(chunk, recipe)
        parts.append(_from_binary(decoded, [chunk[row] for row in valid], recipe))
        rows.append(np.array(valid, dtype=np.int64) + done)
        reasons.update((row + done, reason) for row, reason in refused.items())
        done += len(chunk)
    graphs = parts[0] if len(parts) == 1 else PackedGraphs.concat(parts)
    return graphs, np.concatenate(rows), reasons


def _from_binary(decoded: Decoded, texts: list[str], recipe: str) -> PackedGraphs:
    """The graphs of the texts: those that could be decoded, and in their place the plain others."""
    graphs = PackedGraphs(
        decoded.atoms,
        decoded.bond_ends,
        decoded.bonds,
        _offsets(decoded.num_atoms),
        _offsets(decoded.num_bonds),
    )
    if decoded.ok.all():
        return graphs
    others = np.flatnonzero(~decoded.ok)
    order = np.arange(len(texts))
    order[others] = len(texts) + np.arange(len(others))
    plain = pack(parse(text, recipe) for text in each([texts[other] for other in others]))
    return PackedGraphs.concat([graphs, plain]).select(order)
