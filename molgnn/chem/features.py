"""The one table of atom and bond fields: what each integer of a molecular graph means.

Fields, order and values are those of ``torch_geometric.utils.from_smiles`` (the OGB layout), with
one change: chirality is the CIP label, not RDKit's CW/CCW tag, because the tag depends on the order
in which the atoms are written. A value outside the list gets the field's last code, ``other``.
"""

import hashlib
import json
from dataclasses import dataclass

from rdkit import Chem


@dataclass(frozen=True)
class Field:
    """One integer of an atom or a bond: code i stands for ``values[i]``, ``other`` for the rest."""

    name: str
    values: tuple
    meaning: str

    @property
    def other(self) -> int:
        return len(self.values)

    @property
    def size(self) -> int:
        return len(self.values) + 1

    def codes(self) -> dict:
        return {value: code for code, value in enumerate(self.values)}


def _names(enum, names: str) -> tuple:
    return tuple(enum.names[name] for name in names.split())


ATOM_FIELDS = (
    Field("atomic_num", tuple(range(119)), "element; 0 is a dummy atom"),
    Field("chirality", ("", "R", "S"), "CIP label; other: stereocentre without R or S"),
    Field("degree", tuple(range(11)), "neighbours, hydrogens included"),
    Field("formal_charge", tuple(range(-5, 7)), "elementary charges"),
    Field("num_hs", tuple(range(9)), "hydrogens, explicit and implicit"),
    Field("num_radical_electrons", tuple(range(5)), "unpaired electrons"),
    Field(
        "hybridization",
        _names(Chem.HybridizationType, "UNSPECIFIED S SP SP2 SP3 SP3D SP3D2 OTHER"),
        "orbital hybridisation",
    ),
    Field("is_aromatic", (False, True), "in an aromatic system"),
    Field("is_in_ring", (False, True), "in any ring"),
)

BOND_FIELDS = (
    Field(
        "bond_type",
        _names(
            Chem.BondType,
            "UNSPECIFIED SINGLE DOUBLE TRIPLE QUADRUPLE QUINTUPLE HEXTUPLE ONEANDAHALF TWOANDAHALF"
            " THREEANDAHALF FOURANDAHALF FIVEANDAHALF AROMATIC IONIC HYDROGEN THREECENTER DATIVEONE"
            " DATIVE DATIVEL DATIVER OTHER ZERO",
        ),
        "bond order",
    ),
    Field(
        "stereo",
        _names(Chem.BondStereo, "STEREONONE STEREOANY STEREOZ STEREOE STEREOCIS STEREOTRANS"),
        "double-bond stereo",
    ),
    Field("is_conjugated", (False, True), "part of a conjugated system"),
)

ATOM_SIZES = tuple(field.size for field in ATOM_FIELDS)
BOND_SIZES = tuple(field.size for field in BOND_FIELDS)


def schema() -> dict:
    """The table as plain data, as a bundle stores it."""
    return {
        kind: [{"name": f.name, "values": [str(v) for v in f.values]} for f in fields]
        for kind, fields in (("atom", ATOM_FIELDS), ("bond", BOND_FIELDS))
    }


def schema_hash() -> str:
    """Short fingerprint of the table: a model is only applied to the features it was trained on."""
    text = json.dumps(schema(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_NUM, _CIP, _DEG, _CHARGE, _HS, _RAD, _HYB, _AROM, _RING = (f.codes() for f in ATOM_FIELDS)
_TYPE, _STEREO, _CONJ = (f.codes() for f in BOND_FIELDS)
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
