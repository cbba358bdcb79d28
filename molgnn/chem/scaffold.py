"""Bemis-Murcko scaffolds: rings and the chains between them."""

from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold


def murcko(mol: Chem.Mol) -> str:
    """Canonical SMILES of the scaffold without stereo; "" for a molecule without rings.

    Bemis and Murcko, J. Med. Chem. 1996, doi:10.1021/jm9602928.
    """
    if not mol.GetRingInfo().NumRings():  # RDKit takes minutes to find that of a long chain
        return ""
    return MurckoScaffold.MurckoScaffoldSmiles(mol=mol, includeChirality=False)
