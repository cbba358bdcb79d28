"""What users give: molecules, labels and weights, read as scikit-learn reads them or refused so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from numbers import Real

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from molgnn.chem.graph import featurize
from molgnn.chem.packed import PackedGraphs
from molgnn.errors import Refusal

_FINITE = "ensure_all_finite"
if _FINITE not in signature(check_array).parameters:
    _FINITE = "force_all_finite"  # its name before scikit-learn 1.6


@contextmanager
def value_errors() -> Iterator[None]:
    """A refusal is a ValueError here: that is what scikit-learn's tools expect and catch."""
    try:
        yield
    except Refusal as refusal:
        raise ValueError(str(refusal)) from None


def column(X) -> np.ndarray:
    """The molecules of X as an object array (n,). Raises ValueError for what is no column, and
    TypeError, as scikit-learn does, for a sparse matrix."""
    if issparse(X):
        raise TypeError("sparse data have no molecules: give a column of SMILES")
    if isinstance(X, (str, Chem.Mol)):
        raise ValueError(f"X is one molecule, {X!r}: give a list of them")
    items = np.asarray(X, dtype=object)
    if items.ndim == 2 and items.shape[1] == 1:
        items = items[:, 0]
    if items.ndim != 1:
        raise ValueError(
            f"X must be one column of SMILES or RDKit molecules, (n,) or (n, 1): found an array of "
            f"shape {items.shape}"
        )
    return items


def featurized(
    items: np.ndarray, rows: np.ndarray, recipe: str, blocks: Sequence[str] = ()
) -> tuple[list[str], PackedGraphs]:
    """The texts and graphs of ``items[rows]``, these with the features of ``blocks``. Raises
    ValueError at one that is no molecule."""
    with rdBase.BlockLogs():
        texts = [_text(items[row], row) for row in rows]
    graphs, _, reasons = featurize(texts, recipe, blocks)
    for position, reason in reasons.items():
        others = f" (and {len(reasons) - 1} more such rows)" if len(reasons) > 1 else ""
        raise ValueError(f"X[{rows[position]}] is {_short(texts[position])}: {reason}{others}")
    return texts, graphs


def _text(item: object, row: int) -> str:
    """A text as it is; an RDKit molecule as its canonical SMILES. Read again, that gives the graph
    which any of the molecule's SMILES gives, whatever hydrogen atoms, kekulised bonds or labels
    from other steps the object carries; a mol block would keep only some of its stereo."""
    if isinstance(item, str):
        return item
    if not isinstance(item, Chem.Mol):
        raise ValueError(f"X[{row}] is {_short(item)}: neither a text nor an RDKit molecule")
    return Chem.MolToSmiles(item)


def _short(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 80 else f"{text[:77]}..."


def numbers(y) -> tuple[list[str], np.ndarray, bool]:
    """Names and values (n, T) float64 of the targets of a regression, and whether y was (n, T).

    NaN is a missing label where y has several columns. Raises ValueError for what is no number.
    """
    values = check_array(
        _given(y), ensure_2d=False, dtype=np.float64, input_name="y", **{_FINITE: "allow-nan"}
    )
    is_table = values.ndim > 1
    values = values if is_table else values[:, None]
    if values.shape[1] == 1 and np.isnan(values).any():
        raise ValueError(
            "Input y contains NaN: a label may be missing only where y has several columns: leave "
            "these rows out"
        )
    return _names(y, values.shape[1]), values, is_table


def labels(y) -> tuple[str, np.ndarray]:
    """Name and values (n,) of classes. Raises ValueError for what is no column of them."""
    values = column_or_1d(_given(y), warn=True)
    if pd.isna(values).any():
        raise ValueError("Input y contains NaN: leave the rows without a class out")
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError("Input y contains infinity, which is no class")
    check_classification_targets(values)
    return _names(y, 1)[0], values


def _given(y):
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None")
    return y


def _names(y, count: int) -> list[str]:
    """The names that pandas has for targets, else y, or y0, y1, ..."""
    if isinstance(y, pd.DataFrame):
        return [str(name) for name in y.columns]
    if isinstance(y, pd.Series) and y.name is not None:
        return [str(y.name)]
    return ["y"] if count == 1 else [f"y{i}" for i in range(count)]


def weights(sample_weight, count: int) -> np.ndarray:
    """Weights (count,) of molecules; ones for None. Raises ValueError for what is none."""
    if sample_weight is None or isinstance(sample_weight, Real):
        sample_weight = np.full(count, 1.0 if sample_weight is None else sample_weight)
    found = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if found.shape != (count,):
        raise ValueError(f"sample_weight has shape {found.shape}: must have shape ({count},)")
    if (found < 0).any():
        raise ValueError(f"sample_weight holds {found.min():g}: negative weights have no meaning")
    if not found.any():
        raise ValueError("Sample weights must contain at least one non-zero number")
    return found
