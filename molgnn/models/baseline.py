"""The baseline beside every network: a random forest, and for atoms and bonds those alike."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from molgnn.chem.fingerprint import morgan
from molgnn.data.levels import LEVELS, Levels
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task, tasks_at

TREES = 200
NAME = (
    f"random forest, {TREES} trees, Morgan radius 2, 2,048 bits; for atoms and bonds the mean of "
    "those with the same codes"
)


def baseline_predictions(
    train: Dataset, asked: Dataset, tasks: Sequence[Task], seed: int
) -> Levels:
    """What the baseline, fitted to ``train``, says of ``asked``: values, or probabilities of each
    class. Bounds are left out: it learns from exact labels alone."""
    exact = train.labels.map(lambda level, y: np.where(train.bounds[level] == 0, y, np.nan))
    found = {}
    for level in LEVELS:
        chosen = tasks_at(tasks, level)
        if level == "molecule":
            columns = forest_predictions(train.smiles, exact.molecule, asked.smiles, chosen, seed)
        else:
            known, queries = (_codes(dataset, level) for dataset in (train, asked))
            columns = alike_predictions(known, exact[level], queries, chosen)
        found[level] = columns
    return Levels.of(asked.graphs, **found)


def forest_predictions(
    train_smiles: Sequence[str],
    y: np.ndarray,
    smiles: Sequence[str],
    tasks: Sequence[Task],
    seed: int,
) -> np.ndarray:
    """Fit one forest a task on ``train_smiles`` with labels ``y`` (n, T; NaN = missing) in the
    user's units, and predict ``smiles`` -> (m, O): values, or probabilities of each class.

    200 trees on 2,048 Morgan bits of radius 2. Breiman 2001, doi:10.1023/A:1010933404324.
    Quantiles are those of the trees' predictions.
    """
    if not tasks:
        return np.zeros((len(smiles), 0))
    known, queries = _bits(train_smiles), _bits(smiles)
    columns = []
    for column, task in enumerate(tasks):
        present = ~np.isnan(y[:, column])
        labels = y[present, column]
        if task.kind == "regression":
            forest = RandomForestRegressor(TREES, max_features=1 / 3, n_jobs=-1, random_state=seed)
            forest.fit(known[present], labels).set_params(n_jobs=1)  # see below
            columns.append(_quantiles(forest, queries, task) if task.quantiles else
                           forest.predict(queries)[:, None])  # fmt: skip
            continue
        forest = RandomForestClassifier(TREES, n_jobs=-1, random_state=seed)
        # Threads add up the trees in the order in which they finish: other last digits each time.
        forest.fit(known[present], labels.astype(int)).set_params(n_jobs=1)
        probability = np.zeros((len(queries), len(task.classes)))
        probability[:, forest.classes_] = forest.predict_proba(queries)
        columns.append(probability[:, 1:] if task.kind == "binary" else probability)
    return np.concatenate(columns, axis=1)


def _quantiles(forest: RandomForestRegressor, queries: np.ndarray, task: Task) -> np.ndarray:
    each = np.stack([tree.predict(queries.astype(np.float32)) for tree in forest.estimators_])
    return np.quantile(each, task.quantiles, axis=0).T[:, task.quantile_order]


def alike_predictions(
    known: np.ndarray, y: np.ndarray, queries: np.ndarray, tasks: Sequence[Task]
) -> np.ndarray:
    """For atoms or bonds with codes ``queries`` (m, F) the mean label, or the share of each class,
    among those with the same codes in ``known`` (n, F) with labels ``y`` (n, T) -> (m, O); where
    there is none, among those with the same first code (the element), else among all."""
    columns = [np.zeros((len(queries), 0))]
    for column, task in enumerate(tasks):
        present = ~np.isnan(y[:, column])
        values = y[present, column][:, None]
        if task.kind != "regression":
            values = (values == np.arange(len(task.classes))).astype(float)
        found = np.broadcast_to(values.mean(axis=0), (len(queries), values.shape[1])).copy()
        for width in (1, known.shape[1]):
            _look_up(known[present, :width], values, queries[:, :width], found)
        if task.kind == "binary":
            found = found[:, 1:]
        columns.append(np.repeat(found, len(task.columns) // found.shape[1], axis=1))
    return np.concatenate(columns, axis=1)


def _look_up(known: np.ndarray, values: np.ndarray, queries: np.ndarray, found: np.ndarray) -> None:
    """Put into ``found`` the mean of the values whose row of ``known`` a query has."""
    rows, kinds, counts = np.unique(known, axis=0, return_inverse=True, return_counts=True)
    sums = np.zeros((len(rows), values.shape[1]))
    np.add.at(sums, kinds.ravel(), values)
    place = {row.tobytes(): i for i, row in enumerate(rows)}
    hits = np.array([place.get(row.tobytes(), -1) for row in np.ascontiguousarray(queries)])
    there = hits >= 0
    found[there] = (sums / counts[:, None])[hits[there]]


def _codes(dataset: Dataset, level: str) -> np.ndarray:
    """The fields of atoms; of bonds, their own and the elements of both ends, in either order."""
    graphs = dataset.graphs
    if level == "atom":
        return graphs.atoms
    starts = np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)
    ends = graphs.atoms[graphs.bond_ends + starts[:, None], 0]
    return np.concatenate([graphs.bonds, np.sort(ends, axis=1)], axis=1)


def _bits(smiles: Sequence[str]) -> np.ndarray:
    packed = morgan([Chem.MolFromSmiles(s) for s in smiles])
    return np.unpackbits(packed, axis=1)
