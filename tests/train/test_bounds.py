"""Censored labels: a bound says less than a value, and more than nothing."""

import csv
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import molgnn

_DATA = os.environ.get("MOLGNN_DATA")
_ESOL = Path(_DATA or "") / "moleculenet" / "esol.csv"
_SHIPPED = Path(__file__).parents[2] / "data" / "solubility.csv"
SHARE = 0.3


def beyond_the_assay(y, rng):
    """The lowest and the highest 15 % of the training labels are only known to lie beyond."""
    low, high = np.quantile(y, [SHARE / 2, 1 - SHARE / 2])
    return [f"<{low:g}" if v < low else f">{high:g}" if v > high else f"{v:g}" for v in y]


def anywhere(y, rng):
    """A random 30 % are only known from one side, up to a standard deviation off."""
    texts = []
    for value in y:
        off, sign = rng.uniform(0, y.std()), rng.integers(2)
        bound = f">{value - off:.4f}" if sign else f"<{value + off:.4f}"
        texts.append(bound if rng.random() < SHARE else f"{value:g}")
    return texts


def tables(folder, rows, target, censor, seed):
    """(table with bounds, table without the rows that have one); test rows stay as they are."""
    rng = np.random.default_rng(seed)
    train = [row for row in rows if row["split"] == "train"]
    texts = censor(np.array([float(row[target]) for row in train]), rng)
    bounded = [row | {target: text} for row, text in zip(train, texts, strict=True)]
    rest = [row for row in rows if row["split"] != "train"]
    paths = []
    exact = [row for row in bounded if row[target][0] not in "<>"]
    for name, kept in (("bounds", bounded), ("dropped", exact)):
        paths.append(folder / f"{name}.csv")
        with paths[-1].open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows([*kept, *rest])
    return paths


def rmse(folder, rows, target, censor, seed, **options):
    """Test RMSE with bounds, and with the rows dropped; the same budget for both."""
    found = []
    for path in tables(folder, rows, target, censor, seed):
        run = molgnn.fit(path, target, split="column", seed=seed, baseline=False, model="network",
                         out=folder / path.stem, force=True, **options)  # fmt: skip
        found.append(run.metrics["test"]["rmse"])
    return found


def test_bounds_beat_the_same_rows_dropped(tmp_path):
    with _SHIPPED.open() as file:
        rows = list(csv.DictReader(file))[:400]
    for i, row in enumerate(rows):
        row["split"] = "test" if i % 4 == 0 else "train"
    target = "logS"
    tiny = {"encoder": {"name": "gin", "dim": 32, "depth": 2}, "epochs": 12, "optim": {"lr": 3e-3}}
    with_bounds, dropped = rmse(tmp_path, rows, target, beyond_the_assay, 0, **tiny)
    assert with_bounds < dropped


@pytest.mark.slow
@pytest.mark.skipif(not _ESOL.exists(), reason="needs real data: MOLGNN_DATA names no folder")
@pytest.mark.parametrize("censor", [beyond_the_assay, anywhere])
def test_bounds_beat_the_same_rows_dropped_on_esol(tmp_path, censor):
    with _ESOL.open() as file:
        rows = list(csv.DictReader(file))
    target = "logS"
    found = np.array([rmse(tmp_path, rows, target, censor, s, epochs=30) for s in range(3)])
    means = found.mean(axis=0)
    print(f"{censor.__name__}: RMSE with bounds, dropped: {means}, each {found.tolist()}")
    assert means[0] < means[1]


def test_a_run_counts_bounds_it_keeps_and_marks_them(tmp_path, table, fit):
    def bound(rows):
        for row in rows[::3]:
            row["y"] = f">{row['y']}"

    run = fit(table(bound))
    for part in ("train", "valid", "test"):
        assert 0 <= run.metrics[part]["bounds_kept"] <= 1
    shown = run.predictions
    assert set(shown["y (bound)"]) == {"", ">"}
    assert (run.folder / "parity.png").exists()
    training = run.folder / "model" / "training.parquet"
    assert set(pq.read_table(training)["y (bound)"].to_pylist()) == {0, 1}
