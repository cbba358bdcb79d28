"""Packed graphs in one ``.npz`` file, written and read with numpy alone: for machines without
RDKit or pyarrow, and too plain to run anything when it is opened."""

import os
from zipfile import BadZipFile

import numpy as np

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES, schema_hash
from molgnn.chem.packed import GRAPH_ARRAYS, PackedGraphs
from molgnn.errors import Refusal


def write_npz(path: str | os.PathLike, graphs: PackedGraphs) -> None:
    """Every array under its own name, and ``features``, the hash of the table of fields."""
    arrays = {name: getattr(graphs, name) for name in GRAPH_ARRAYS}
    with open(path, "wb") as file:  # numpy would add .npz to a path without it
        np.savez_compressed(file, features=np.array(schema_hash()), **arrays)


def read_npz(path: str | os.PathLike) -> PackedGraphs:
    """Raises Refusal for a file that is missing, damaged or of other features."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            features = str(file["features"])
            graphs = PackedGraphs(**{name: file[name] for name in GRAPH_ARRAYS})
    except (OSError, BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Refusal(f"{path}: not a file of packed graphs ({reason})") from None
    if features != schema_hash():
        raise Refusal(
            f"{path}: made with other atom and bond features ({features}, here {schema_hash()}): "
            "make it again with this version"
        )
    if not _whole(graphs):
        raise Refusal(f"{path}: damaged: its arrays do not fit each other: make it again")
    return graphs


def _whole(graphs: PackedGraphs) -> bool:
    """Whether no index of the graphs points outside of them: else a tile would read what is not
    there."""
    kinds = (graphs.atoms, graphs.bonds, graphs.bond_ends, graphs.atom_offsets, graphs.bond_offsets)
    types = (np.uint8, np.uint8, np.int32, np.int64, np.int64)
    if any(a.dtype != t for a, t in zip(kinds, types, strict=True)):
        return False
    num_bonds = len(graphs.bonds)
    shapes = [(len(graphs.atoms), len(ATOM_SIZES)), (num_bonds, len(BOND_SIZES)), (num_bonds, 2)]
    if [a.shape for a in kinds[:3]] != shapes or len(kinds[3]) != len(kinds[4]):
        return False
    for offsets, total in ((kinds[3], len(graphs.atoms)), (kinds[4], num_bonds)):
        ends = offsets.ndim == 1 and len(offsets) and offsets[0] == 0 and offsets[-1] == total
        if not ends or (np.diff(offsets) < 0).any():
            return False
    most = np.repeat(graphs.num_atoms, graphs.num_bonds)[:, None]
    inside = ((graphs.bond_ends >= 0) & (graphs.bond_ends < most)).all()
    known = (graphs.atoms < ATOM_SIZES).all() and (graphs.bonds < BOND_SIZES).all()
    return bool(inside and known)
