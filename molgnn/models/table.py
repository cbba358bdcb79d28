"""Predictions as a table: a row for each text, and a reason where there is no molecule."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from molgnn.chem.graph import featurize
from molgnn.chem.trace import featurize_traced
from molgnn.data.targets import with_std
from molgnn.models import doubts, familiar
from molgnn.models.columns import FIGURE, FLAG, Column

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


def table_of(
    model: "Predictor", texts: Sequence[str], domain: bool | str, level: float
) -> pd.DataFrame:
    """One row a text: the model's ``columns``, then ``<column>_std``, that of members and heads
    (``models.answers``), and where errors are calibrated that of errors; ``list_columns`` alike;
    intervals (``<task>_low``, ``<task>_high``) and sets of classes (``<task>_set``) at ``level``,
    where they are calibrated; ``reason``, empty for a valid molecule. A bad one has NaN and its
    reason. A list column holds an array for each molecule, with one value for each atom (or bond)
    as it is written, NaN for one that the model does not see, such as a hydrogen.

    ``domain`` adds the columns of ``models.familiar`` before ``reason``: True those by
    fingerprints, "vectors" also those by the networks' vectors."""
    lists = []
    if model.list_columns:
        graphs, rows, reasons, traces = featurize_traced(texts, model.recipe, model.blocks)
        mean, std, lists = model.predict_lists(graphs, traces)
    else:
        graphs, rows, reasons = featurize(texts, model.recipe, model.blocks)
        mean, std = model.predict_graphs(graphs)
    n = len(texts)
    values = [*mean.T, *(std.T if model.has_std else ())]
    names = with_std(model.columns, model.has_std)
    table = {name: _spread_out(v, rows, n) for name, v in zip(names, values, strict=True)}
    for name, arrays in zip(with_std(model.list_columns, model.has_list_std), lists, strict=True):
        found = dict(zip(rows.tolist(), arrays, strict=True))
        table[name] = [found.get(i, np.nan) for i in range(n)]
    more = doubts.columns_of(model, mean, std, level)
    if domain:
        near = model.near([texts[row] for row in rows], domain == "vectors")
        more += familiar.columns_of(model, near)
    table |= {column.name: _array(column, rows, n) for column in more}
    return pd.DataFrame(table | {"reason": [reasons.get(i, "") for i in range(n)]})


def _array(column: Column, rows: np.ndarray, n: int) -> "np.ndarray | pd.Series":
    if column.kind == FIGURE:
        return _spread_out(column.values, rows, n)
    full = pd.Series([None] * n, dtype="boolean" if column.kind == FLAG else "object")
    full.iloc[rows] = column.values
    return full


def _spread_out(values: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    full = np.full(n, np.nan)
    full[rows] = values
    return full
