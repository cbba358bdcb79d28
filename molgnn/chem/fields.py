"""The one table of atom and bond fields: what each integer of a molecular graph means.

Fields, order and values are those of ``torch_geometric.utils.from_smiles`` (the OGB layout), with
one change: chirality is the CIP label, not RDKit's CW/CCW tag, because the tag depends on the order
in which the atoms are written. A value outside the list gets the field's last code, ``other``.
Values that RDKit has as enumerations stand here by name, so that a machine which only scores packed
molecules needs no RDKit to know the table; ``features`` finds RDKit's own.
"""

import hashlib
import json
from dataclasses import dataclass


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


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ATOM_FIELDS = (
    Field("atomic_num", tuple(range(119)), "element; 0 is a dummy atom"),
    Field("chirality", ("", "R", "S"), "CIP label; other: stereocentre without R or S"),
    Field("degree", tuple(range(11)), "neighbours, hydrogens included"),
    Field("formal_charge", tuple(range(-5, 7)), "elementary charges"),
    Field("num_hs", tuple(range(9)), "hydrogens, explicit and implicit"),
    Field("num_radical_electrons", tuple(range(5)), "unpaired electrons"),
    Field(
        "hybridization",
        _names("UNSPECIFIED S SP SP2 SP3 SP3D SP3D2 OTHER"),
        "orbital hybridisation",
    ),
    Field("is_aromatic", (False, True), "in an aromatic system"),
    Field("is_in_ring", (False, True), "in any ring"),
)

BOND_FIELDS = (
    Field(
        "bond_type",
        _names(
            "UNSPECIFIED SINGLE DOUBLE TRIPLE QUADRUPLE QUINTUPLE HEXTUPLE ONEANDAHALF TWOANDAHALF"
            " THREEANDAHALF FOURANDAHALF FIVEANDAHALF AROMATIC IONIC HYDROGEN THREECENTER DATIVEONE"
            " DATIVE DATIVEL DATIVER OTHER ZERO"
        ),
        "bond order",
    ),
    Field(
        "stereo",
        _names("STEREONONE STEREOANY STEREOZ STEREOE STEREOCIS STEREOTRANS"),
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
