"""Suites of `bench accuracy`: sets, metrics, protocols, and the tables that runs train on."""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from molgnn.cli.bench import protocols
from molgnn.cli.bench.protocols import CLIFF
from molgnn.cli.bench.shares import WHOLE, drawn, spoken
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TABLES = "tables"
CLASSES = ("roc_auc", "pr_auc")  # metrics of a target that is a class


@dataclass(frozen=True)
class Suite:
    """How a suite is measured.

    ``metrics`` has those of each set; a ``folder`` of many sets measures each by ``any_set``.
    ``files(folder, set)`` are a set's files, of which ``read`` makes a table with the columns
    smiles, the labels, and split; ``parts(table, seed, fold)`` says the part of each row. ``split``
    is how the split is called. A split that is ``given`` depends on no seed. Where the protocol has
    no validation rows of its own, a model learns from those set aside too: ``learns_valid``.
    """

    seeds: tuple[int, ...]
    split: str
    files: Callable[[Path, str], list[Path]]
    read: Callable[[list[Path]], "pd.DataFrame"]
    parts: Callable[["pd.DataFrame", int, int], "np.ndarray"]
    metrics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    any_set: tuple[str, ...] = ()
    folds: int = 1
    given: bool = False
    learns_valid: bool = True


class Case(NamedTuple):
    """One table to train on: a set, as one seed (and fold) splits it, and the ``share`` of its
    labelled rows that training may see."""

    suite: str
    set: str
    seed: int
    fold: int
    share: float = WHOLE

    def __str__(self) -> str:
        fold = f" fold {self.fold}" if SUITES[self.suite].folds > 1 else ""
        share = "" if self.share == WHOLE else f", {spoken(self.share)}"
        return f"{self.suite} {self.set} seed {self.seed}{fold}{share}"

    @property
    def metrics(self) -> tuple[str, ...]:
        suite = SUITES[self.suite]
        return suite.metrics.get(self.set, suite.any_set)

    @property
    def split(self) -> str:
        suite = SUITES[self.suite]
        return f"{suite.split} {self.fold}" if suite.folds > 1 else suite.split


def sets_of(name: str, data: Path) -> list[str]:
    """The sets of a suite. Those of MoleculeACE are the files that are there."""
    suite = SUITES[name]
    return list(suite.metrics) or sorted(p.stem for p in (data / name).glob("CHEMBL*.csv"))


def files_of(case: Case, data: Path) -> list[Path]:
    """Raises Refusal for a file that is not there."""
    files = SUITES[case.suite].files(data / case.suite, case.set)
    for path in files:
        if not path.is_file():
            raise Refusal(
                f"{path}: no such file: put it there, or leave {case.set} out with --sets"
            )
    return files


def rows_of(files: list[Path]) -> int:
    """Lines of some tables: how much work a set is."""
    count = 0
    for path in files:
        try:
            with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as lines:
                count += sum(1 for _ in lines)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Refusal(f"{path}: not a whole gzip file ({error}): bring it back") from None
    return count


def table_path(case: Case, data: Path, out: Path, part: str) -> Path:
    """Where the table of a case lies: its name changes with the files that it is made from. A name
    for all the labels is as it was before there were shares, so that runs on record stay known."""
    from molgnn.data.readers.reader import file_sha256

    suite = SUITES[case.suite]
    of = "".join(file_sha256(path)[:6] for path in files_of(case, data))
    fold = f"-{case.fold}" if suite.folds > 1 else ""
    whole = case.share == WHOLE
    seed = "" if suite.given and whole else f"-{case.seed}"
    share = "" if whole else f"-labels{case.share}"
    return out / TABLES / f"{case.suite}-{case.set}{seed}{fold}{share}-{part}-{of}.csv"


def write_table(case: Case, data: Path, path: Path, part: str) -> None:
    """The set with its parts in the column ``split``. For the part valid it has no test rows: what
    is not there cannot be looked at."""
    from molgnn.data.named.download import renamed_when_done

    suite = SUITES[case.suite]
    table = suite.read(files_of(case, data))
    table["split"] = suite.parts(table, case.seed, case.fold)
    if part == "valid":
        table = table[table["split"] != "test"]
    if case.share != WHOLE:
        table = table[_drawn(table, case)]
    with renamed_when_done(path) as partial:
        table.to_csv(partial, index=False)


def _drawn(table: "pd.DataFrame", case: Case) -> "np.ndarray":
    """Whether a row stays. Classes are kept in proportion where there is one target of classes."""
    targets = _targets(table.columns)
    classes = case.metrics[0] in CLASSES and len(targets) == 1
    part, labels = table["split"].to_numpy(), table[list(targets)].to_numpy()
    return drawn(part, labels, case.share, case.seed, stratified=classes)


def targets_of(path: Path) -> tuple[str, ...]:
    """The columns of labels of a written table."""
    with open(path, encoding="utf-8", newline="") as file:
        return _targets(next(csv.reader(file)))


def _targets(columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in columns if name not in ("smiles", "split", CLIFF))


def published_of(name: str, data: Path) -> dict[str, dict[str, float]]:
    """Set -> model -> published figure; those of MoleculeACE lie beside its sets."""
    from molgnn.cli.bench.anchors import PUBLISHED

    path = data / name / "published_rmse.csv"
    if name != "moleculeace" or not path.is_file():
        return PUBLISHED.get(name, {})
    try:
        with open(path, encoding="utf-8", newline="") as file:
            (_, *models), *rows = csv.reader(file)
        return {name: dict(zip(models, map(float, cells), strict=True)) for name, *cells in rows}
    except ValueError:
        raise Refusal(f"{path}: not a table of one figure for each set and model") from None


def check_sets(names: list[str], suites: list[str], data: Path) -> None:
    """Raises Refusal for a set that none of the suites has."""
    known = [name for suite in suites for name in sets_of(suite, data)]
    for name in names:
        if name not in known:
            raise choices("set", name, known)


_RMSE, _ROC, _MAE, _PR, _RHO = (
    (name,) for name in ("rmse", "roc_auc", "mae", "pr_auc", "spearman")
)
SUITES = {
    "moleculenet": Suite(
        (0, 1, 2),
        "scaffold",
        protocols.one_file,
        protocols.read_whole,
        protocols.given,
        dict.fromkeys(("esol", "freesolv", "lipo"), _RMSE)
        | dict.fromkeys(("bbbp", "sider", "tox21", "hiv"), _ROC),
        given=True,
        learns_valid=False,
    ),
    "tdc": Suite(
        (0, 1, 2, 3, 4),
        "official",
        protocols.two_files,
        protocols.read_tdc,
        protocols.scaffolds,
        {
            "caco2_wang": _MAE,
            "hia_hou": _ROC,
            "pgp_broccatelli": _ROC,
            "bioavailability_ma": _ROC,
            "lipophilicity_astrazeneca": _MAE,
            "solubility_aqsoldb": _MAE,
            "bbb_martins": _ROC,
            "ppbr_az": _MAE,
            "cyp2c9_veith": _PR,
            "cyp2d6_veith": _PR,
            "cyp2d6_substrate_carbonmangels": _PR,
            "clearance_hepatocyte_az": _RHO,
        },
    ),
    "moleculeace": Suite(
        (0, 1, 2),
        "official",
        protocols.one_file,
        protocols.read_cliffs,
        protocols.tenth,
        any_set=("rmse", "rmse_cliffs"),
    ),
    "antibiotic": Suite(
        (0, 1, 2),
        "fold",
        protocols.one_file,
        protocols.read_growth,
        protocols.folds,
        {"ecoli": ("roc_auc", "pr_auc")},
        folds=protocols.FOLDS,
    ),
}
