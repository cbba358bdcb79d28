"""Read the codes of many molecules out of RDKit's binary form at once.

A loop over atoms with RDKit's ``Get*`` methods costs twice what parsing costs. ``Mol.ToBinary()``
holds the same facts and costs a seventh of the parsing; numpy then decodes a thousand of these
strings in lock-step: step i looks at record i of every molecule that has so many.

The form is not documented and changes between releases. So nothing is taken on trust: the version,
the marks between the sections and the exact end of each string are checked, a molecule for which
anything is unexpected is left to the plain loop, and ``trial`` compares the two routes before
this one is used. Integers are little-endian. A molecule of at most 255 atoms is

    header   <5 ints: magic, format, version> <int atoms> <int bonds> 0x80 0x01
    atom     element, flags, <int mask>, then one signed byte for each bit 1-7 set in the mask:
             charge, chiral tag, hybridisation (absent: SP3), explicit hydrogens, explicit valence,
             implicit valence, radical electrons; and four bytes for bit 8, the isotope
    0x0b
    bond     first atom, second atom, flags, [type (absent: single)], [direction],
             [stereo, n, n atoms]
    0x42 <int rings>
    ring     size, its atoms
    0x16     or, where there are groups of relative stereo, 0x3e and more
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from molgnn.chem.records import atom_records, bond_records, byte_at, int_at, ring_records

MAGIC, MAJOR = 0xDEADBEEF, 16  # the version of RDKit 2024.09 to 2026.09, and perhaps beyond
_HEADER = 30
_BEGIN_BONDS, _BEGIN_RINGS, _END, _BEGIN_STEREO = 0x0B, 0x42, 0x16, 0x3E
_OPTIONS = int(Chem.PropertyPickleOptions.NoConformers)  # and no properties


def to_binary(mol: Chem.Mol) -> bytes:
    """The string that ``decode`` reads. RDKit's global options do not matter to it."""
    return mol.ToBinary(_OPTIONS)


def version(blob: bytes) -> tuple[int, int]:
    """Major and minor version of the form; (0, 0) for something else altogether."""
    magic, _, major, minor = np.frombuffer(blob[:16], "<u4")
    return (int(major), int(minor)) if magic == MAGIC else (0, 0)


@dataclass(frozen=True)
class Decoded:
    """What B strings say: arrays as in PackedGraphs, but ``ok`` (B,) is False for a molecule that
    could not be read, whose rows, if any, mean nothing. Chirality is 0 for an atom without a chiral
    tag and "other" for one with: the string holds no R or S. ``tags`` (N,) are RDKit's tags."""

    atoms: np.ndarray
    bond_ends: np.ndarray
    bonds: np.ndarray
    num_atoms: np.ndarray
    num_bonds: np.ndarray
    tags: np.ndarray
    ok: np.ndarray


def decode(blobs: Sequence[bytes]) -> Decoded:
    """Codes of all molecules. Never raises for a string that is not as it should be."""
    data = np.frombuffer(b"".join(blobs), dtype=np.uint8)
    length = np.fromiter(map(len, blobs), dtype=np.int64, count=len(blobs))
    start = np.cumsum(length) - length
    num_atoms, num_bonds, ok = _headers(data, start, length)

    at_atom, at = _walk(data, start + _HEADER, num_atoms, _atom_size)
    ok &= byte_at(data, at) == _BEGIN_BONDS
    at_bond, at = _walk(data, at + 1, num_bonds, _bond_size)
    ok &= byte_at(data, at) == _BEGIN_RINGS
    num_rings = np.where(ok, int_at(data, at + 1), 0)
    ok &= num_rings <= length  # each takes a byte at least
    num_rings[~ok] = 0
    at_ring, at = _walk(data, at + 5, num_rings, _ring_size)
    last = byte_at(data, at)
    ok &= (last == _BEGIN_STEREO) | ((last == _END) & (at == start + length - 1))

    of_atom = np.repeat(np.arange(len(blobs)), num_atoms)
    of_bond = np.repeat(np.arange(len(blobs)), num_bonds)
    of_ring = np.repeat(np.arange(len(blobs)), num_rings)
    first = np.cumsum(num_atoms) - num_atoms
    ends, bonds, good = bond_records(data, at_bond, num_atoms[of_bond])
    ok[of_bond[~good]] = False
    degree = np.bincount((ends + first[of_bond, None]).ravel(), minlength=len(of_atom))
    ringed, good = ring_records(data, at_ring, first[of_ring], num_atoms[of_ring], len(of_atom))
    ok[of_ring[~good]] = False
    atoms, tags, good = atom_records(data, at_atom, degree[: len(of_atom)], ringed)
    ok[of_atom[~good]] = False
    return Decoded(atoms, ends, bonds, num_atoms, num_bonds, tags, ok)


def _headers(
    data: np.ndarray, start: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms and bonds of each molecule, and whether its header can be trusted; if not, none."""
    ok = length > _HEADER
    num_atoms, num_bonds = int_at(data, start + 20), int_at(data, start + 24)
    ok &= (int_at(data, start) == MAGIC) & (int_at(data, start + 8) == MAJOR)
    ok &= (byte_at(data, start + 28) == 0x80) & (byte_at(data, start + 29) == 1)
    # Beyond 255 atoms an atom's number takes four bytes. A record takes at least 6 bytes, or 3.
    ok &= (num_atoms <= 255) & (6 * num_atoms + 3 * num_bonds < length)
    return np.where(ok, num_atoms, 0), np.where(ok, num_bonds, 0), ok


def _walk(
    data: np.ndarray, at: np.ndarray, counts: np.ndarray, size: Callable
) -> tuple[np.ndarray, np.ndarray]:
    """Where the records of a section are, molecule after molecule, and where each section ends.

    ``at`` (B,) is where it starts, ``counts`` (B,) how many records it has; ``size`` tells the
    bytes of the records at the given places.
    """
    order = np.argsort(-counts, kind="stable")  # those that are still under way come first
    under_way = np.searchsorted(-counts[order], -np.arange(counts.max(initial=0)), side="left")
    slots = (np.cumsum(counts) - counts)[order]
    here = at[order]
    found = np.empty(counts.sum(), dtype=np.int64)
    for step, n in enumerate(under_way):
        found[slots[:n] + step] = here[:n]
        here[:n] += size(data, here[:n])
    end = np.empty_like(here)
    end[order] = here
    return found, end


def _atom_size(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    return _ATOM_SIZE.take(byte_at(data, at + 2)) + _ISOTOPE_SIZE.take(byte_at(data, at + 3))


def _bond_size(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    flags = byte_at(data, at + 2)
    size = _BOND_SIZE.take(flags)
    stereo = np.flatnonzero(flags & 2)
    size[stereo] += byte_at(data, at[stereo] + size[stereo] - 1)  # the stereo atoms
    return size


def _ring_size(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    return byte_at(data, at).astype(np.int64) + 1


_ATOM_SIZE = np.array([6 + (mask & 0xFE).bit_count() for mask in range(256)])
_ISOTOPE_SIZE = np.array([4 * (mask & 1) for mask in range(256)])
_BOND_SIZE = np.array([3 + (f >> 3 & 1) + (f >> 2 & 1) + 2 * (f >> 1 & 1) for f in range(256)])
