"""Occlusion: by how much the score falls when an atom is hidden. It needs no gradient.

A network is not told what the atom and its bonds are (``hiding``). A model without a graph sees
features of the molecule, so there the atom becomes a dummy atom, as in the similarity maps of
Riniker and Landrum 2013, doi:10.1186/1758-2946-5-43.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem, rdBase

from molgnn.chem.descriptors import molecule_features
from molgnn.chem.packed import PackedGraphs
from molgnn.screen.explain.hiding import each_hidden
from molgnn.screen.explain.target import Target, network_scores

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

_COPIES = 2048  # hidden graphs laid out at a time


def occluded(model: "Predictor", target: Target, graphs: PackedGraphs) -> np.ndarray:
    """(N,) float64: the networks' score of each atom's molecule minus that without the atom. The
    features beside the graph stay."""
    whole = np.repeat(network_scores(model, target, graphs), graphs.num_atoms)
    parts, start = [np.zeros(0)], 0
    ends = np.flatnonzero(np.diff(graphs.atom_offsets[1:] // _COPIES, append=-1)) + 1
    for end in ends:
        parts.append(network_scores(model, target, each_hidden(graphs.part(start, end))))
        start = end
    return whole - np.concatenate(parts)


def occluded_without_graph(
    model: "Predictor", target: Target, mols: Sequence[Chem.Mol], graphs: PackedGraphs
) -> np.ndarray:
    """(N,) float64: the prediction of each atom's molecule minus that with a dummy atom in its
    place; NaN where RDKit finds no molecule then."""
    column = model.columns.index(target.column)
    whole = model.predict_graphs(graphs)[0][:, column]
    found = []
    for mol, value in zip(mols, whole, strict=True):
        copies = [_with_dummy(mol, atom) for atom in range(mol.GetNumAtoms())]
        known = [i for i, copy in enumerate(copies) if copy is not None]
        falls = np.full(len(copies), np.nan)
        if known:
            features = molecule_features([copies[i] for i in known], model.blocks)
            falls[known] = value - _predicted(model, features)[:, column]
        found.append(falls)
    return np.concatenate([np.zeros(0), *found])


def _predicted(model: "Predictor", features: np.ndarray) -> np.ndarray:
    """The mean prediction (n, O) of a model that has no network, from features (n, F) alone."""
    members = [member.predict(features, None, len(features)) for member in model.shallow]
    return np.average(members, axis=0, weights=model.shares)


def _with_dummy(mol: Chem.Mol, place: int) -> Chem.Mol | None:
    copy = Chem.RWMol(mol)
    atom = copy.GetAtomWithIdx(place)
    atom.SetAtomicNum(0)
    atom.SetFormalCharge(0)
    atom.SetNumExplicitHs(0)
    atom.SetNumRadicalElectrons(0)
    atom.SetIsotope(0)
    atom.SetNoImplicit(True)
    atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    with rdBase.BlockLogs():
        wrong = Chem.SanitizeMol(copy, catchErrors=True)
    return None if wrong else copy.GetMol()
