"""The codes in the records of RDKit's binary form, once ``binary`` knows where the records are.

``data`` are all bytes of a chunk, ``at`` the places in it where records start. A record may be
garbage: each function says which hold nothing unexpected, and never raises.
"""

import numpy as np
from rdkit import Chem

from molgnn.chem.features import ATOM_FIELDS, BOND_FIELDS, Field, rdkit_codes


def byte_at(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    # Where a string is not as it should be, a walk may leave it, but never the memory.
    return data.take(at, mode="clip")


def int_at(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    low, *high = (byte_at(data, at + i).astype(np.int64) for i in range(4))
    return low + (high[0] << 8) + (high[1] << 16) + (high[2] << 24)


def atom_records(
    data: np.ndarray, at: np.ndarray, num_neighbours: np.ndarray, in_ring: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes (N, 9), chiral tags (N,), and whether (N,) the records hold nothing unexpected."""
    flags, mask = byte_at(data, at + 1), int_at(data, at + 2)

    def field(bit: int, absent: int = 0) -> np.ndarray:
        values = np.full(len(at), absent, dtype=np.uint8)
        rows = np.flatnonzero(mask & (1 << bit))
        before = _BITS_SET.take(mask[rows] & ((1 << bit) - 1), mode="clip")
        values[rows] = byte_at(data, at[rows] + 6 + before)
        return values

    tags = field(2)
    hydrogens = field(4) + np.where(flags & 0x20, 0, field(6))  # 0x20: no implicit hydrogens
    degree = np.minimum(num_neighbours + hydrogens, 255)
    # In the order of ATOM_FIELDS.
    values = (
        byte_at(data, at),
        tags,
        degree,
        field(1),
        hydrogens,
        field(7),
        field(3, _SP3),
        flags >> 6 & 1,
        in_ring,
    )
    codes = np.empty((len(at), len(ATOM_FIELDS)), dtype=np.uint8)
    for column, (table, value) in enumerate(zip(_ATOM_CODES, values, strict=True)):
        codes[:, column] = table.take(value)
    # Other flags: a query, an atom map number, a dummy's label, a monomer.
    return codes, tags, (flags & 0x9F == 0) & (mask & ~0x1FE == 0)


def bond_records(
    data: np.ndarray, at: np.ndarray, num_atoms: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends (M, 2), codes (M, 3), and whether (M,) the records hold nothing unexpected."""
    flags = byte_at(data, at + 2)
    has_type, has_direction, has_stereo = flags >> 3 & 1, flags >> 2 & 1, flags >> 1 & 1
    kind = np.where(has_type, byte_at(data, at + 3), _SINGLE)
    stereo = np.where(has_stereo, byte_at(data, at + 3 + has_type + has_direction), 0)
    codes = np.empty((len(at), len(BOND_FIELDS)), dtype=np.uint8)
    # In the order of BOND_FIELDS.
    for column, value in enumerate((kind, stereo, flags >> 5 & 1)):
        codes[:, column] = _BOND_CODES[column].take(value)
    ends = np.stack([byte_at(data, at), byte_at(data, at + 1)], axis=1).astype(np.int32)
    # Other flags: a query, the end points of a haptic bond.
    good = (flags & 0x91 == 0) & (ends < num_atoms[:, None]).all(axis=1)
    ends[~good] = 0
    return ends, codes, good


def ring_records(
    data: np.ndarray, at: np.ndarray, first: np.ndarray, num_atoms: np.ndarray, total: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whether (N,) an atom is in any ring, and whether each ring has atoms that exist only.

    ``first`` and ``num_atoms`` belong to the molecule of each ring; ``total`` is N.
    """
    sizes = byte_at(data, at).astype(np.int64)
    ring = np.repeat(np.arange(len(at)), sizes)
    place = np.arange(len(ring)) - (np.cumsum(sizes) - sizes)[ring]
    members = byte_at(data, at[ring] + 1 + place)
    exists = members < num_atoms[ring]
    found = np.zeros(total, dtype=np.uint8)
    found[(first[ring] + members)[exists]] = 1
    good = np.ones(len(at), dtype=bool)
    good[ring[~exists]] = False
    return found, good


def _code_of_byte(field: Field) -> np.ndarray:
    """(256,) the code of each value, a negative one counted from 256."""
    codes = np.full(256, field.other, dtype=np.uint8)
    for value, code in rdkit_codes(field).items():
        codes[int(value) % 256] = code
    return codes


_SP3, _SINGLE = int(Chem.HybridizationType.SP3), int(Chem.BondType.SINGLE)
_BITS_SET = np.array([bits.bit_count() for bits in range(512)])
_UNTAGGED_OR_OTHER = np.array([0] + [ATOM_FIELDS[1].other] * 255, dtype=np.uint8)
_ATOM_CODES = [
    _code_of_byte(f) if f.name != "chirality" else _UNTAGGED_OR_OTHER for f in ATOM_FIELDS
]
_BOND_CODES = [_code_of_byte(field) for field in BOND_FIELDS]
