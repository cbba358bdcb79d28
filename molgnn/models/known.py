"""The molecules that a model has learnt from, and the nearest of them to any other molecule."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rdkit import Chem

from molgnn.chem.fingerprint import morgan, nearest
from molgnn.chem.smiles import canonical, parse
from molgnn.data.targets import Task, tasks_at
from molgnn.errors import Refusal
from molgnn.models.domain import FINGERPRINT

FILE = "training.parquet"
_BYTES = FINGERPRINT["bits"] // 8


class Near(NamedTuple):
    """For B molecules the nearest training molecules: Tanimoto ``similarity`` (B,) and ``row``
    (B,); by vectors ``distance`` (B,) and ``vector_row`` (B,), None where they were not wanted."""

    similarity: np.ndarray
    row: np.ndarray
    distance: np.ndarray | None = None
    vector_row: np.ndarray | None = None

    def select(self, which: np.ndarray) -> "Near":
        return Near(*(None if values is None else values[which] for values in self))


@dataclass(frozen=True)
class Known:
    """R training molecules: ``smiles``, Morgan ``bits`` (R, 256) uint8, and the ``labels`` (R,) of
    each task of molecules that has some, NaN for none."""

    smiles: list[str]
    bits: np.ndarray
    labels: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.smiles)

    @classmethod
    def read(cls, folder: Path, tasks: Sequence[Task]) -> "Known | None":
        """From a bundle's training.parquet; None where it was taken out of the folder, as one who
        passes a model on may do. Raises Refusal for a file that holds no training molecules."""
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            return cls.of(pq.read_table(path), tasks)
        except (OSError, KeyError, ValueError, TypeError, OverflowError, pa.ArrowException):
            raise Refusal(
                f"{path}: damaged: no table of training molecules with fingerprints; molgnn "
                "predicts without it, with --no-domain"
            ) from None

    @classmethod
    def of(cls, table: pa.Table, tasks: Sequence[Task]) -> "Known":
        """Raises KeyError, ValueError or TypeError for a table of another kind."""
        smiles = table["smiles"].cast(pa.string()).to_pylist()
        packed = table["fingerprint"].cast(pa.binary()).to_pylist()
        if not smiles or None in smiles or any(len(row or b"") != _BYTES for row in packed):
            raise ValueError("no molecules, or other fingerprints")
        bits = np.frombuffer(b"".join(packed), dtype=np.uint8).reshape(-1, _BYTES)
        labels = {}
        for task in tasks_at(tasks, "molecule"):
            if task.name in table.column_names:
                column = table[task.name].cast(pa.float64())
                labels[task.name] = np.array(column.to_pylist(), dtype=np.float64)
        return cls(smiles, bits, labels)

    def nearest(self, texts: Sequence[str], recipe: str) -> tuple[np.ndarray, np.ndarray]:
        """Valid SMILES or mol blocks, read as ``recipe`` has it -> Tanimoto similarity (B,) to the
        nearest training molecule, and its row (B,); of equally similar ones the first."""
        # From the canonical SMILES, as those of the training molecules are: the way in which a
        # molecule is written, such as with hydrogens, must not make it another one.
        mols = [parse(text, recipe) for text in texts]
        return nearest(morgan([Chem.MolFromSmiles(canonical(m)) or m for m in mols]), self.bits)
