"""Molecules to explain: their graphs, and where each atom stands in the text it was read from."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from rdkit import Chem

from molgnn.chem.descriptors import molecule_features
from molgnn.chem.graph import pack
from molgnn.chem.packed import PackedGraphs
from molgnn.chem.smiles import InvalidMolecule
from molgnn.chem.trace import Trace, parse_traced

MOST_ATOMS = 400  # a larger one is no picture any more, and its rationale no small one


class Molecules(NamedTuple):
    """The valid ones of some texts, B of them at positions ``rows``, and position -> reason for the
    others. The atoms of a graph are those of its ``mols``, in order."""

    rows: list[int]
    texts: list[str]
    mols: list[Chem.Mol]
    traces: list[Trace]
    graphs: PackedGraphs
    reasons: dict[int, str]


def read_molecules(texts: Iterable[str], recipe: str, blocks: Sequence[str] = ()) -> Molecules:
    """Never raises for a bad molecule."""
    rows, kept, mols, traces, reasons = [], [], [], [], {}
    for row, text in enumerate(texts):
        try:
            mol, trace = parse_traced(text, recipe)
        except InvalidMolecule as error:
            reasons[row] = str(error)
            continue
        if mol.GetNumAtoms() > MOST_ATOMS:
            reasons[row] = f"{mol.GetNumAtoms():,} atoms: more than {MOST_ATOMS} are not explained"
            continue
        rows.append(row)
        kept.append(text)
        mols.append(mol)
        traces.append(trace)
    graphs = pack(mols)
    if blocks:
        graphs = replace(graphs, features=molecule_features(mols, blocks))
    return Molecules(rows, kept, mols, traces, graphs, reasons)
