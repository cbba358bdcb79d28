"""The baseline beside every network: a random forest on Morgan fingerprints."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from molgnn.chem.fingerprint import morgan
from molgnn.data.targets import Task

TREES = 200


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
    """
    known, queries = _bits(train_smiles), _bits(smiles)
    columns = []
    for column, task in enumerate(tasks):
        present = ~np.isnan(y[:, column])
        labels = y[present, column]
        if task.kind == "regression":
            forest = RandomForestRegressor(TREES, max_features=1 / 3, n_jobs=-1, random_state=seed)
            forest.fit(known[present], labels).set_params(n_jobs=1)  # see below
            columns.append(forest.predict(queries)[:, None])
            continue
        forest = RandomForestClassifier(TREES, n_jobs=-1, random_state=seed)
        # Threads add up the trees in the order in which they finish: other last digits each time.
        forest.fit(known[present], labels.astype(int)).set_params(n_jobs=1)
        probability = np.zeros((len(queries), len(task.classes)))
        probability[:, forest.classes_] = forest.predict_proba(queries)
        columns.append(probability[:, 1:] if task.kind == "binary" else probability)
    return np.concatenate(columns, axis=1)


def _bits(smiles: Sequence[str]) -> np.ndarray:
    packed = morgan([Chem.MolFromSmiles(s) for s in smiles])
    return np.unpackbits(packed, axis=1)
