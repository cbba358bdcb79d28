"""Pickles of arrays, sparse matrices and lists of neighbours, read so that nothing in them can run.

A pickle is a program that names what it calls. Here six names are known, each answered by a
stand-in of ours that only notes what it is given, and only the operations that the planetoid files
use are let through; every other name or operation is refused before anything is made.
"""

import os
import pickle
import pickletools
from io import BytesIO
from pathlib import Path

import numpy as np

from molgnn.errors import Refusal

LARGEST = 64 * 2**20  # bytes of a file; the largest of planetoid's has 0.6 million
# Protocol 2 without what looks a class up by number or from the stack, or makes large numbers.
_OPERATIONS = {
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "NEWOBJ", "BUILD", "NONE", "NEWTRUE", "NEWFALSE",
    "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE", "EMPTY_LIST", "APPEND", "APPENDS",
    "EMPTY_DICT", "SETITEM", "SETITEMS", "BININT", "BININT1", "BININT2", "BINSTRING",
    "SHORT_BINSTRING", "BINUNICODE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET",
}  # fmt: skip
_ITEMS = {"f4": np.float32, "f8": np.float64, "i4": np.int32, "i8": np.int64}


class StrangeType:
    """In the place of numpy's dtype: a code such as f4, little-endian."""

    def __init__(self, code, *_):
        self.item = np.dtype(_ITEMS[code]).newbyteorder("<")

    def __setstate__(self, state):
        if state[1] != "<":
            raise ValueError("byte order")


class StrangeArray:
    """In the place of numpy's array; ``array`` is what it stands for, once checked."""

    array: np.ndarray

    def __setstate__(self, state):
        _, shape, kind, by_column, data = state
        if not isinstance(kind, StrangeType) or by_column or len(shape) > 2:
            raise ValueError("array")
        flat = np.frombuffer(data.encode("latin1"), kind.item)
        self.array = flat.reshape([_length(n) for n in shape]).astype(flat.dtype.newbyteorder("="))


class StrangeSparse:
    """In the place of scipy's csr_matrix: what was written about it, unchecked."""

    def __setstate__(self, state):
        self.shape = tuple(map(_length, state["_shape"]))
        parts = (state[name].array for name in ("indptr", "indices", "data"))
        self.indptr, self.indices, self.data = parts


class StrangeLists(dict):
    """In the place of ``defaultdict(list)``."""

    def __init__(self, *_):
        super().__init__()

    def __setitem__(self, key, value):
        super().__setitem__(_length(key), value)

    def __setstate__(self, state):
        raise ValueError("a dictionary has no state")


class _Reconstruct:
    """In the place of the function that makes numpy's arrays."""

    def __new__(cls, *_):
        return StrangeArray()

    def __setstate__(self, state):
        raise ValueError("a function has no state")


_NAMES = {
    ("numpy", "ndarray"): StrangeArray,
    ("numpy", "dtype"): StrangeType,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("scipy.sparse.csr", "csr_matrix"): StrangeSparse,
    ("collections", "defaultdict"): StrangeLists,
    ("__builtin__", "list"): list,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _NAMES:
            raise Refusal(f"asks for {f'{module}.{name}'[:80]!r}")
        return _NAMES[module, name]


def read_plain(path: Path, kind: type):
    """What the file holds, which is a ``kind``: StrangeSparse or StrangeLists.

    Raises Refusal, and has run nothing, for any other file.
    """
    try:
        if os.path.getsize(path) > LARGEST:
            raise Refusal(f"is larger than {LARGEST >> 20} MiB")
        found = _loaded(path.read_bytes())
        if type(found) is not kind:
            raise Refusal("holds something else")
        return found
    except Refusal as refusal:
        raise Refusal(f"{path}: not read, for safety: it {refusal}") from None
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from None
    except Exception as error:
        # A damaged pickle can fail in any way at all.
        raise Refusal(f"{path}: damaged, or no planetoid file: fetch it again") from error


def _loaded(content: bytes):
    for operation, value, _ in pickletools.genops(content):
        if operation.name not in _OPERATIONS:
            raise Refusal(f"holds the operation {operation.name}")
        if "PUT" in operation.name and value > len(content):
            raise ValueError("an index that would fill the memory")
    return _Reader(BytesIO(content), encoding="latin1").load()


def _length(number) -> int:
    """A whole number from 0; True is none."""
    if type(number) is not int or number < 0:
        raise ValueError("not a length")
    return number
