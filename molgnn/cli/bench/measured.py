"""What a run of `bench accuracy` leaves: its record, and the rows of the CSV made of records."""

import csv
import time
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from molgnn.cli.bench.pieces import pieces
from molgnn.cli.bench.protocols import CLIFF
from molgnn.cli.bench.shares import WHOLE, tidy
from molgnn.cli.bench.suites import SUITES, Case

if TYPE_CHECKING:
    import numpy as np

    from molgnn.train.run import Run

COLUMNS = (
    "suite", "set", "split", "metric", "model", "seed", "value", "seconds",
    "train_seconds", "predict_seconds", "part", "labels",
)  # fmt: skip
POOLED = "pooled"
SECONDS = ("train_seconds", "predict_seconds")


def record_of(done: "Run", case: Case, part: str, table: Path, by_part: bool = False) -> dict:
    """Figures of one part alone, by metric, None where there is none to have (a constant
    prediction has no rank), and the seconds: of the whole training run, from the reading of the
    table to the saving of the model, and of the model's ``predict`` of the part's SMILES.
    ``by_part``: and the ``pieces`` of a blend."""
    judged = done.predictions
    judged = judged[judged["split"] == part]
    figures = dict(done.metrics[part])
    if "rmse_cliffs" in case.metrics:
        figures["rmse_cliffs"] = _cliffs(judged, table)
    start = time.perf_counter()
    done.model.predict(judged["smiles"].tolist())
    record = {
        "figures": {metric: figures.get(metric) for metric in case.metrics},
        "train_seconds": done.metrics["seconds"],
        "predict_seconds": time.perf_counter() - start,
        "molecules": len(judged),
    }
    if SUITES[case.suite].folds > 1 and part == "test":
        record["pairs"] = [column.tolist() for column in _pairs(judged)]
    if by_part:
        record["pieces"] = pieces(done, judged, case.metrics)
    return record


def _pairs(judged) -> "tuple[np.ndarray, np.ndarray]":
    """Labels (n,) and predictions (n,) of a run with one target."""
    (label,) = [name for name in judged.columns if name.endswith(" (measured)")]
    return judged[label].to_numpy(), judged[label.removesuffix(" (measured)")].to_numpy()


def _cliffs(judged, table: Path) -> float | None:
    """RMSE of the molecules with an activity cliff."""
    import numpy as np
    import pandas as pd

    cliff = pd.read_csv(table, usecols=[CLIFF])[CLIFF].to_numpy()
    y, predicted = _pairs(judged)
    error = (predicted - y)[cliff[judged["line"].to_numpy() - 2] == 1]  # line 1 is the header
    return float(np.sqrt(np.mean(error**2))) if len(error) else None


def csv_rows(records: list[tuple[Case, str, dict]], part: str, by_part: bool = False) -> list[dict]:
    """A row for each figure of each run (case, arm, record), and ``by_part`` of its pieces, which
    have no seconds of their own; then one for each figure of all the folds of a seed together."""
    rows = []
    for case, arm, record in records:
        for metric, value in record["figures"].items():
            rows.append(_row(case, case.split, metric, arm, value, [record], part))
        for piece, figures in record["pieces"].items() if by_part else ():
            for metric, value in figures.items():
                rows.append(_row(case, case.split, metric, f"{arm}, {piece}", value, [], part))
    whole: dict[tuple[Case, str], list[tuple[Case, dict]]] = {}
    for case, arm, record in records:
        if "pairs" in record:
            whole.setdefault((case._replace(fold=0), arm), []).append((case, record))
    for (_, arm), found in whole.items():
        case, runs = found[0][0], [record for _, record in found]
        if len(runs) == SUITES[case.suite].folds:
            figures = _pooled(runs)
            for metric in case.metrics:
                rows.append(_row(case, POOLED, metric, arm, figures[metric], runs, part))
    return rows


def _pooled(runs: list[dict]) -> dict[str, float]:
    """Figures of the predictions of all folds, each molecule's by the model that did not see it."""
    import numpy as np

    from molgnn.train.metrics import binary

    return binary(*(np.concatenate([run["pairs"][i] for run in runs]) for i in (0, 1)))


def _row(case: Case, split: str, metric: str, arm: str, value, runs: list[dict], part: str) -> dict:
    seconds = [sum(run[key] for run in runs) for key in SECONDS]
    spent = (sum(seconds), *seconds) if runs else (None,) * 3
    share = tidy(case.share)
    cells = (case.suite, case.set, split, metric, arm, case.seed, value, *spent, part, share)
    return dict(zip(COLUMNS, cells, strict=True))


def write_csv(rows: list[dict], path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict]:
    """The rows of a written CSV, numbers as numbers, an empty value as None. One that was written
    before there were shares of labels is of all of them."""
    numbers = ("value", "seconds", "train_seconds", "predict_seconds")
    with open(path, encoding="utf-8", newline="") as file:
        return [
            row | {key: float(row[key]) if row[key] else None for key in numbers}
            | {"seed": int(row["seed"]), "labels": tidy(float(row.get("labels") or WHOLE))}
            for row in csv.DictReader(file)
        ]  # fmt: skip


def mean_known(values: list[float | None]) -> float | None:
    """None where one is missing: a mean of the others would flatter."""
    return None if not values or None in values else mean(values)
