"""Gradient-boosted trees, grown by LightGBM, as trees of our own."""

from collections.abc import Mapping

import numpy as np
import torch

from molgnn.errors import Refusal
from molgnn.models.shallow.trees import Trees, concat

OPTIONS = {
    "n_estimators": 1000,
    "learning_rate": 0.02,
    "num_leaves": 31,
    "min_child_samples": 5,
    "colsample_bytree": 0.1,
    "subsample": 0.7,
    "subsample_freq": 1,
    "reg_lambda": 1.0,
    "max_bin": 63,
}

NEVER = -30.0  # the logit of a class that no training molecule has


def grow_boosted(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    seed: int,
    weight: np.ndarray | None,
    options: Mapping = OPTIONS,
) -> tuple[Trees, np.ndarray]:
    """Boosted trees for labels y (n,), whole numbers below ``classes``, or any where that is 0;
    features x (n, F) without NaN.

    Returns the trees and where the sum starts, (K,): a molecule's sum is the label, or the logit of
    class 1, or a logit for each of more classes. Friedman 2001, doi:10.1214/aos/1013203451; Ke et
    al. 2017 (LightGBM). Every tree sees a tenth of the features and 70 % of the molecules.
    """
    lightgbm = _lightgbm()
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    # On few molecules threads mostly wait for each other.
    threads = torch.get_num_threads() if len(x) > 5000 else 1
    grower = kind(
        **options, random_state=seed, n_jobs=threads, verbose=-1, deterministic=True,
        force_row_wise=True, use_missing=False,
    )  # fmt: skip
    grower.fit(x, y.astype(int) if classes else y, sample_weight=weight)
    start, columns = logits_of(y, classes)
    width = len(start)
    grown = [
        _tree(info["tree_structure"], width, columns[i % len(columns)])
        for i, info in enumerate(grower.booster_.dump_model()["tree_info"])
    ]
    return concat(grown), start


def logits_of(y: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the sums of a model of labels y (n,) start, (K,), and which of them it adds to: those
    of the classes that are seen, or where these are two, of the second alone."""
    start, columns = np.zeros(classes if classes > 2 else 1), np.zeros(1, dtype=int)
    if classes > 2:
        seen = np.unique(y).astype(int)
        start[np.setdiff1d(np.arange(classes), seen)] = NEVER
        columns = seen if len(seen) > 2 else seen[1:]
    return start, columns


def _tree(root: Mapping, width: int, column: int) -> Trees:
    """LightGBM's nested nodes, parents first."""
    feature, threshold, left, right, values = [], [], [], [], []
    waiting = [(root, None, None)]
    while waiting:
        node, parent, side = waiting.pop()
        number = len(feature)
        if parent is not None:
            side[parent] = number
        is_leaf = "leaf_value" in node
        feature.append(-1 if is_leaf else node["split_feature"])
        threshold.append(0.0 if is_leaf else node["threshold"])
        left.append(0)
        right.append(0)
        row = np.zeros(width)
        row[column] = node["leaf_value"] if is_leaf else 0.0
        values.append(row)
        if not is_leaf:
            waiting += [(node["left_child"], number, left), (node["right_child"], number, right)]
    return Trees.of([0], feature, threshold, left, right, np.stack(values))


def _lightgbm():
    try:
        import lightgbm
    except OSError as error:  # installed, but its library cannot be loaded
        reason = str(error).splitlines()[0]
        raise Refusal(
            f"boosted trees need LightGBM, which cannot start here ({reason}): on a Mac `brew "
            "install libomp` helps; or leave them out with model=network"
        ) from None
    return lightgbm
