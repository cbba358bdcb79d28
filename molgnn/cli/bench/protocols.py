"""How each suite of `bench accuracy` is read, and which rows train, validate and test.

``read_...(files)`` gives a table with the columns smiles, the labels, and split where the set says
one. Each other protocol: (table, seed, fold) -> (n,) "train", "valid" or "test" for each row.
"""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.errors import Refusal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FOLDS = 10
TDC = ("train", "test")  # what the two files of a set hold
CLIFF = "cliff_mol"  # column of MoleculeACE: 1 for a molecule with an activity cliff


def cells(path: Path) -> "pd.DataFrame":
    """As text, so that labels are written as they were given."""
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, EOFError, ValueError, zlib.error) as error:  # ParserError is a ValueError
        said = " ".join(str(error).split())[:200]
        raise Refusal(f"{path}: not readable as CSV ({said}): bring back the whole file") from None


def _columns(path: Path, wanted: tuple[str, ...]) -> "pd.DataFrame":
    """Those columns of a file. Raises Refusal where one is missing, or there is no row."""
    table = cells(path)
    for name in wanted:
        if name not in table.columns:
            raise Refusal(f"{path}: no column {name!r}, which its suite needs")
    if table.empty:
        raise Refusal(f"{path}: no row below the header")
    return table[list(wanted)]


def one_file(folder: Path, name: str) -> list[Path]:
    packed = folder / f"{name}.csv.gz"
    return [packed if packed.is_file() else folder / f"{name}.csv"]


def two_files(folder: Path, name: str) -> list[Path]:
    return [folder / name / f"{part}.csv" for part in ("train_val", "test")]


def read_tdc(files: list[Path]) -> "pd.DataFrame":
    import pandas as pd

    parts = [
        _columns(path, ("Drug", "Y")).assign(split=part)
        for path, part in zip(files, TDC, strict=True)
    ]
    return pd.concat(parts, ignore_index=True).rename(columns={"Drug": "smiles"})


def read_whole(files: list[Path]) -> "pd.DataFrame":
    _columns(files[0], ("smiles", "split"))
    return cells(files[0])


def read_growth(files: list[Path]) -> "pd.DataFrame":
    table = _columns(files[0], ("smiles", "activity"))
    if not set(table["activity"]) <= {"0", "1", "0.0", "1.0"}:
        raise Refusal(f"{files[0]}: 'activity' must be 0 or 1 in each row")
    return table


def read_cliffs(files: list[Path]) -> "pd.DataFrame":
    return _columns(files[0], ("smiles", "y", CLIFF, "split"))


def given(table: "pd.DataFrame", seed: int, fold: int) -> "np.ndarray":
    return table["split"].to_numpy()


def scaffolds(table: "pd.DataFrame", seed: int, fold: int) -> "np.ndarray":
    """The test rows are the official ones; the scaffolds of the others, shuffled, fill seven
    eighths for training, and the rest validates: TDC's ``get_train_valid_split``."""
    import numpy as np

    from molgnn.chem.smiles import InvalidMolecule, parse
    from molgnn.data.tables.split import split

    part, rows = table["split"].to_numpy().copy(), []
    for row in np.flatnonzero(part == "train"):
        try:
            parse(table["smiles"][row], "none")
        except InvalidMolecule:  # the training rejects it, wherever it stands
            continue
        rows.append(row)
    smiles = [table["smiles"][row] for row in rows]
    found = split(smiles, name="balanced_scaffold", seed=seed, sizes=(0.875, 0.125, 0))
    rest = np.concatenate([found.valid, found.test])  # a large scaffold overfills valid, in TDC too
    part[np.array(rows)[rest]] = "valid"
    return part


def tenth(table: "pd.DataFrame", seed: int, fold: int) -> "np.ndarray":
    """A tenth of the training rows validates, drawn at random."""
    return _set_aside(table["split"].to_numpy().copy(), None, seed)


def folds(table: "pd.DataFrame", seed: int, fold: int) -> "np.ndarray":
    """One of ten stratified folds is test; a tenth of the rest validates, stratified too."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    y = table["activity"].astype(float).to_numpy()
    cut = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    part = np.full(len(y), "train", dtype=object)
    part[list(cut.split(y, y))[fold][1]] = "test"
    return _set_aside(part, y, seed)


def _set_aside(part: "np.ndarray", y: "np.ndarray | None", seed: int) -> "np.ndarray":
    import numpy as np

    from molgnn.data.tables.split import split

    rows = np.flatnonzero(part == "train")
    way = "random" if y is None else "stratified"
    of = None if y is None else y[rows]
    found = split([""] * len(rows), of, name=way, seed=seed, sizes=(0.9, 0.1, 0))
    part[rows[found.valid]] = "valid"
    return part
