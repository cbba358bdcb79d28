"""From texts and RDKit molecules to packed graphs, by the quick way where it can be trusted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
from rdkit import Chem

from molgnn.chem.binary import Decoded
from molgnn.chem.deadline import each
from molgnn.chem.descriptors import molecule_features
from molgnn.chem.features import ATOM_FIELDS, BOND_FIELDS, atom_codes, bond_codes
from molgnn.chem.packed import PackedGraphs, offsets_of
from molgnn.chem.quick import read_chunk
from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.chem.trial import fault

_CHUNK = 2048  # molecules decoded at once: fewer cost more each, more take memory


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
        offsets_of(np.array(num_atoms, dtype=np.int64)),
        offsets_of(np.array(num_bonds, dtype=np.int64)),
    )


def featurize(
    texts: Iterable[str], recipe: str = "parent", blocks: Sequence[str] = ()
) -> tuple[PackedGraphs, np.ndarray, dict[int, str]]:
    """Parse, standardise and featurise: the graphs of the valid texts, their positions among the
    texts (B,) int64, and position -> reason for the others. Never raises for a bad molecule.

    ``blocks`` names the features of whole molecules to compute beside (``chem.descriptors``).
    """
    way = featurize_plain if route() != "binary" else _featurize_quickly
    if not blocks:
        return way(texts, recipe)
    texts = list(texts)
    graphs, rows, reasons = way(texts, recipe)
    valid = [texts[row] for row in rows]
    return replace(graphs, features=features_of(valid, recipe, blocks)), rows, reasons


def features_of(texts: Iterable[str], recipe: str, blocks: Sequence[str]) -> np.ndarray:
    """The features (B, F) of texts that are known to be molecules."""
    return molecule_features((parse(text, recipe) for text in each(texts)), blocks)


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
        offsets_of(decoded.num_atoms),
        offsets_of(decoded.num_bonds),
    )
    if decoded.ok.all():
        return graphs
    others = np.flatnonzero(~decoded.ok)
    order = np.arange(len(texts))
    order[others] = len(texts) + np.arange(len(others))
    plain = pack(parse(text, recipe) for text in each([texts[other] for other in others]))
    return PackedGraphs.concat([graphs, plain]).select(order)
