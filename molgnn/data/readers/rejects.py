"""Rows that could not be used, and the file in which they are listed."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from molgnn.errors import Refusal

HEADER = ("file", "line", "text", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Reject:
    """One row: where it stands, what it says, and why it was left out."""

    file: str
    line: int
    text: str
    reason: str


def defuse(cell: str) -> str:
    """The cell, with a leading apostrophe if a spreadsheet would run it as a formula.

    A plain number keeps its sign.
    """
    return f"'{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def write_rejects(path: str | os.PathLike, rejects: Iterable[Reject], force: bool = False) -> int:
    """Write ``file,line,text,reason`` as CSV; returns how many. Refuses to overwrite a file
    unless ``force``."""
    count = 0
    try:
        with open(path, "w" if force else "x", encoding="utf-8", newline="") as out:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(HEADER)
            for reject in rejects:
                count += 1
                cells = (reject.file, str(reject.line), reject.text, reject.reason)
                table.writerow([defuse(cell) for cell in cells])
    except FileExistsError:
        raise Refusal(f"{path}: exists already: name another file, or use --force") from None
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no folder {Path(path).parent}") from None
    return count


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
