"""Random forests, grown by scikit-learn, as trees of our own."""

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from molgnn.models.shallow.trees import Trees, concat


def grow_forest(
    x: np.ndarray, y: np.ndarray, classes: int, seed: int, weight: np.ndarray | None, trees: int
) -> Trees:
    """A forest for labels y (n,), whole numbers below ``classes``, or any where ``classes`` is 0.

    Leaves hold the share of each class, or the mean label, divided by the number of trees: a
    molecule's sum is the forest's prediction. Breiman 2001, doi:10.1023/A:1010933404324. A third
    of the features is tried at each split of a regression, as Breiman has it, the square root of
    their number for classes; where they are thousands, never more than 300.
    """
    options = {"n_estimators": trees, "n_jobs": torch.get_num_threads(), "random_state": seed}
    if classes:
        forest = RandomForestClassifier(**options)
        forest.fit(x, y.astype(int), sample_weight=weight)
    else:
        tried = min(300, max(1, x.shape[1] // 3))
        forest = RandomForestRegressor(**options, max_features=tried)
        forest.fit(x, y, sample_weight=weight)
    seen = forest.classes_ if classes else None
    return concat([_tree(each.tree_, seen, classes, trees) for each in forest.estimators_])


def _tree(tree, seen: np.ndarray | None, classes: int, trees: int) -> Trees:
    values = tree.value[:, 0, :]
    if seen is not None:
        shares = np.zeros((len(values), classes))
        shares[:, seen] = values / values.sum(axis=1, keepdims=True)
        values = shares
    leaf = tree.children_left < 0
    return Trees.of(
        [0],
        np.where(leaf, -1, tree.feature),
        np.where(leaf, 0.0, tree.threshold),
        np.where(leaf, 0, tree.children_left),
        np.where(leaf, 0, tree.children_right),
        values / trees,
    )
