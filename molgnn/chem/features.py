"""The codes of RDKit's atoms and bonds, field by field as the table in ``fields`` says."""

from rdkit import Chem

from molgnn.chem.fields import (
    ATOM_FIELDS,
    ATOM_SIZES,
    BOND_FIELDS,
    BOND_SIZES,
    Field,
    schema,
    schema_hash,
)

__all__ = [
    "ATOM_FIELDS",
    "ATOM_SIZES",
    "BOND_FIELDS",
    "BOND_SIZES",
    "Field",
    "atom_codes",
    "bond_codes",
    "cip",
    "rdkit_codes",
    "schema",
    "schema_hash",
]

_ENUMS = {
    "hybridization": Chem.HybridizationType,
    "bond_type": Chem.BondType,
    "stereo": Chem.BondStereo,
}


def rdkit_codes(field: Field) -> dict:
    """RDKit's value -> code."""
    codes = field.codes()
    if field.name not in _ENUMS:
        return codes
    return {_ENUMS[field.name].names[name]: code for name, code in codes.items()}


_NUM, _CIP, _DEG, _CHARGE, _HS, _RAD, _HYB, _AROM, _RING = map(rdkit_codes, ATOM_FIELDS)
_TYPE, _STEREO, _CONJ = map(rdkit_codes, BOND_FIELDS)
_OTHER_ATOM = tuple(f.other for f in ATOM_FIELDS)
_OTHER_BOND = tuple(f.other for f in BOND_FIELDS)
_UNTAGGED = Chem.ChiralType.CHI_UNSPECIFIED
_TETRAHEDRAL = frozenset((Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW))


def cip(atom: Chem.Atom) -> str:
    """ "R" or "S"; "" for an atom that is no stereocentre; "?" for one without such a label.

    Only tetrahedra have one: RDKit also labels square-planar metals, and there its R or S changes
    with the order in which the atoms are written.
    """
    tag = atom.GetChiralTag()
    if tag == _UNTAGGED:
        return ""
    labelled = tag in _TETRAHEDRAL and atom.HasProp("_CIPCode")
    return atom.GetProp("_CIPCode") if labelled else "?"


def atom_codes(atom: Chem.Atom) -> tuple[int, ...]:
    """The nine codes of one atom, in the order of ATOM_FIELDS."""
    o = _OTHER_ATOM
    return (
        _NUM.get(atom.GetAtomicNum(), o[0]),
        _CIP.get(cip(atom), o[1]),
        _DEG.get(atom.GetTotalDegree(), o[2]),
        _CHARGE.get(atom.GetFormalCharge(), o[3]),
        _HS.get(atom.GetTotalNumHs(), o[4]),
        _RAD.get(atom.GetNumRadicalElectrons(), o[5]),
        _HYB.get(atom.GetHybridization(), o[6]),
        _AROM[atom.GetIsAromatic()],
        _RING[atom.IsInRing()],
    )


def bond_codes(bond: Chem.Bond) -> tuple[int, ...]:
    """The three codes of one bond, in the order of BOND_FIELDS."""
    o = _OTHER_BOND
    return (
        _TYPE.get(bond.GetBondType(), o[0]),
        _STEREO.get(bond.GetStereo(), o[1]),
        _CONJ[bond.GetIsConjugated()],
    )
