"""The known molecules of ``--spike``: read, standardised, and scored as rows of the library are."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from molgnn.chem.smiles import InvalidMolecule, canonical, parse
from molgnn.data.readers.reader import open_table
from molgnn.data.readers.stream import is_stream
from molgnn.errors import Refusal
from molgnn.screen.scoring import Scoring
from molgnn.screen.stages import Ranking

if TYPE_CHECKING:
    from molgnn.data.readers.record import Row
    from molgnn.models.ensemble import Predictor

_CHUNK = 1024


@dataclass(frozen=True)
class Spike:
    """A known molecule: its ``row``, its canonical SMILES as the model has it, its ``score`` in the
    screen's own precision, its ``merit`` (the more the better), and whether the model has learnt
    from it, None where nobody can tell."""

    row: "Row"
    name: str
    mol: Chem.Mol
    score: float
    merit: float
    trained: bool | None


@dataclass(frozen=True)
class Spikes:
    """``found`` are S different molecules in the order of their file. ``invalid`` rows are those
    without a score, with the reason, and ``twice`` counts the rows that repeat a molecule."""

    file: str
    sha256: str
    found: list[Spike]
    invalid: "list[tuple[Row, str]]"
    twice: int
    precision: str
    recipe: str

    def __len__(self) -> int:
        return len(self.found)

    @property
    def merits(self) -> np.ndarray:
        """(S,)"""
        return np.array([spike.merit for spike in self.found])

    def claim(self) -> list:
        """What decides their part of the results."""
        return [Path(self.file).name, self.sha256]


def check_spike(file: str | Path | None) -> None:
    """Refuse a file that is missing or has no SMILES, before anything that takes time."""
    if file is None:
        return
    if is_stream(str(file)):
        raise Refusal(f"--spike {file}: give a file: a stream can be read only once")
    open_table(file).close()


def read_spikes(
    file: str | Path,
    model: "Predictor",
    ranking: Ranking,
    precision: str,
    timeout: float | None = None,
) -> Spikes:
    """Of any readable table. Rows that are no molecule, or get no finite score, are told and left
    out; of equal molecules the first stays. Raises Refusal for a file without a single one."""
    check_spike(file)
    with open_table(file) as table:
        rows = list(table)
    named, invalid, twice = _different(rows, model.recipe)
    scores, reasons = _scores(
        [row for row, _ in named.values()], model, ranking, precision, timeout
    )
    learnt = getattr(model, "known", None)
    learnt = learnt and set(learnt.smiles)
    found = []
    for i, (name, (row, mol)) in enumerate(named.items()):
        if i in reasons:
            invalid.append((row, reasons[i]))
            continue
        trained = None if learnt is None else name in learnt
        merit = float(ranking.merits(scores[i : i + 1])[0])
        found.append(Spike(row, name, mol, float(scores[i, ranking.column]), merit, trained))
    invalid.sort(key=lambda each: each[0].line)
    if not found:
        why = f" (line {invalid[0][0].line}: {invalid[0][1]})" if invalid else ""
        raise Refusal(f"--spike {file}: holds no molecule that the model can score{why}")
    return Spikes(str(file), table.sha256, found, invalid, twice, precision, model.recipe)


def _different(rows: "Sequence[Row]", recipe: str) -> tuple[dict, list, int]:
    """Name -> row and molecule, each molecule once; rows that are none, with their reasons; and how
    many repeat another."""
    found: dict[str, tuple[Row, Chem.Mol]] = {}
    invalid, twice = [], 0
    for row in rows:
        try:
            if row.problem:
                raise InvalidMolecule(row.problem)
            mol = parse(row.text, recipe)
        except InvalidMolecule as error:
            invalid.append((row, str(error)))
            continue
        name = canonical(mol)
        twice += name in found
        found.setdefault(name, (row, mol))
    return found, invalid, twice


def _scores(
    rows: "list[Row]", model: "Predictor", ranking: Ranking, precision: str, timeout: float | None
) -> tuple[np.ndarray, dict[int, str]]:
    """The model's columns (S, C), and why a row has none. By the very steps that score the library:
    no bit of a score depends on a molecule's neighbours, or on who works."""
    scoring = Scoring(model, [ranking.column], precision, None, timeout)
    found, reasons, first = np.full((len(rows), len(model.columns)), np.nan), {}, 0
    with closing(scoring.rows(_chunks(rows))) as stream:
        for result in stream:
            found[first + result.positions] = result.mean
            reasons |= {first + i: why for i, why in result.reasons.items()}
            first += len(result.rows)
    return found, reasons


def _chunks(rows: "list[Row]") -> "Iterator[list[Row]]":
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
