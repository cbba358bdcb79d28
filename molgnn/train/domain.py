"""The applicability domain of a run: its rule, learnt on validation, and how it holds on test.

A molecule's error is that of its predictions where no member saw it; its similarity is that to the
nearest molecule that those members learnt from. The rule is in `learn_rule`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rdkit import Chem
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression

from molgnn.chem.fingerprint import morgan, nearest
from molgnn.data.levels import Levels
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task
from molgnn.models.domain import Rule, Side
from molgnn.train import plots
from molgnn.train.metrics import by_task

FILE = "domain.png"
FEWEST, ENOUGH = 10, 20  # validation molecules for a rule of theirs, and for one of their errors
LEAST, MOST = 0.1, 0.5  # shares of the validation molecules that may be outside
ALONE = 0.05  # share of the training molecules outside, where there is no validation
CLEAR = 0.05  # p below which error clearly depends on similarity
SAMPLE = 5000  # molecules of a part that are compared: more would say the same
_EPSILON = 1e-6  # of a probability, for its log


def judge_domain(
    out: Path,
    tasks: Sequence[Task],
    dataset: Dataset,
    judged: Mapping[str, tuple[Levels, np.ndarray]],
    learnt: np.ndarray,
    folds: np.ndarray | None = None,
    seed: int = 0,
) -> dict:
    """``metrics.json``'s "domain": the rule's plain data, and in its "parts" for valid and test the
    counts and errors of both sides and the ``ratio`` of errors outside / inside, None where a side
    is empty. Draws ``domain.png``. Empty where there are too few molecules to learn a rule from.

    ``judged`` as for `molgnn.train.evaluate`; ``learnt`` (n,) are the molecules that the model
    learnt from, to which test molecules are compared; those of valid, to those of train.
    ``folds`` (n,) of the training molecules: then each is compared to those of other folds.
    """
    rows = {
        part: _drawn(rows, seed) for part, (_, rows) in judged.items() if part in ("valid", "test")
    }
    known = {"valid": judged["train"][1], "test": learnt}
    bits = _Bits(dataset.smiles)
    similarity = {part: bits.nearest(rows[part], known[part]) for part in rows}
    if folds is not None:
        similarity["valid"] = bits.across(rows["valid"], known["valid"], folds)
    each = {
        part: task_errors(
            dataset.labels.select(rows[part]),
            dataset.bounds.select(rows[part]),
            judged[part][0].select(rows[part]),
            tasks,
        )
        for part in rows
    }
    several = len(tasks) > 1
    scale = _means(each["valid"] if len(each["valid"]) else each["test"])
    error = {part: _mean(found / scale if several else found) for part, found in each.items()}
    alone = (lambda: bits.leave_one_out(_drawn(learnt, seed), learnt)) if len(learnt) > 1 else None
    rule = learn_rule(similarity["valid"], error["valid"], measure_of(tasks), alone)
    if rule is None:
        return {}
    pairs = {part: (similarity[part], error[part]) for part in rows if len(rows[part])}
    plots.domain(out / FILE, pairs, rule.threshold, rule.measure)
    parts = {part: _sides_of(*pair, rule.threshold) for part, pair in pairs.items()}
    return {"domain": {**rule.to_json(), "parts": parts}}


def learn_rule(similarity: np.ndarray, error: np.ndarray, measure: str, alone=None) -> Rule | None:
    """The threshold of similarity below which a molecule is outside, from validation molecules (n,)
    with their errors, NaN for none.

    "error": f, the isotonic regression of error on similarity (falling; Barlow et al. 1972), is the
    expected error; the threshold is the lowest similarity at which f is at most the mean error. It
    is moved so that between 10 % and 50 % of the molecules are outside. "quantile", where error
    and similarity have no clearly negative rank correlation (Spearman, one-sided p < 0.05): 10 %
    are outside. "leave-one-out", with fewer than 10 molecules: 5 % of ``alone()``, the similarities
    of the training molecules to their nearest other ones, are outside; None without these.
    """
    good = np.isfinite(error)
    similarity, error = similarity[good], error[good]
    if len(error) < FEWEST:
        origin, threshold = "leave-one-out", None if alone is None else np.quantile(alone(), ALONE)
    elif len(error) >= ENOUGH and _clearly_falls(similarity, error):
        fit = IsotonicRegression(increasing=False).fit(similarity, error)
        crossing = similarity[fit.predict(similarity) <= error.mean() + 1e-12].min()
        origin = "error"
        threshold = np.clip(crossing, *np.quantile(similarity, [LEAST, MOST]))
    else:
        origin, threshold = "quantile", np.quantile(similarity, LEAST)
    if threshold is None:
        return None
    return Rule(origin, float(threshold), measure, *sides(similarity, error, float(threshold)))


def rule_of_training(smiles: Sequence[str], seed: int) -> Rule | None:
    """The rule "leave-one-out" of the training molecules alone, None for fewer than two."""
    if len(smiles) < 2:
        return None
    rows, bits, none = np.arange(len(smiles)), _Bits(smiles), np.zeros(0)
    return learn_rule(none, none, "", lambda: bits.leave_one_out(_drawn(rows, seed), rows))


def sides(similarity: np.ndarray, error: np.ndarray, threshold: float) -> tuple[Side, Side]:
    """Inside and outside: how many molecules have an error, and its mean."""
    found = []
    for which in (similarity >= threshold, similarity < threshold):
        values = error[which & np.isfinite(error)]
        found.append(Side(len(values), float(values.mean()) if len(values) else None))
    return found[0], found[1]


def measure_of(tasks: Sequence[Task]) -> str:
    """What the errors are, in words."""
    if len(tasks) > 1:
        return "mean over the tasks of error / mean error of the task on validation"
    (task,) = tasks
    if task.kind != "regression":
        return "log loss"
    return f"absolute error, {task.unit}" if task.unit else "absolute error"


def task_errors(
    labels: Levels, bounds: Levels, predicted: Levels, tasks: Sequence[Task]
) -> np.ndarray:
    """Each molecule's error for each task (n, T): absolute, of classes the log loss, a mean over
    its atoms or bonds for their tasks; NaN without an exact label."""
    found = []
    for task, y, bound, outputs in by_task(labels, bounds, predicted, tasks):
        error = _error(task, y, outputs)
        good = np.isfinite(error) & (bound == 0)
        owner = labels.spread(task.level, np.arange(len(labels)))[good]
        count = np.bincount(owner, minlength=len(labels))
        total = np.bincount(owner, error[good], minlength=len(labels))
        missing = np.full(len(labels), np.nan)
        found.append(np.divide(total, count, out=missing, where=count > 0))
    return np.stack(found, axis=1)


def _error(task: Task, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    if task.kind == "regression":
        return np.abs(outputs[:, 0] - y)
    if task.kind == "binary":
        outputs = np.stack([1 - outputs[:, 0], outputs[:, 0]], axis=1)
    known = ~np.isnan(y)
    label = np.where(known, y, 0).astype(np.int64)
    chance = np.clip(outputs[np.arange(len(y)), label], _EPSILON, 1.0)
    return np.where(known, -np.log(chance), np.nan)


def _clearly_falls(similarity: np.ndarray, error: np.ndarray) -> bool:
    if np.ptp(similarity) == 0 or np.ptp(error) == 0:
        return False
    return bool(spearmanr(similarity, error, alternative="less").pvalue < CLEAR)


def _means(errors: np.ndarray) -> np.ndarray:
    """(n, T) -> (T,) over the molecules with an error; 1 where that is no scale."""
    mean = _mean(errors.T)
    return np.where(mean > 0, mean, 1.0)


def _mean(errors: np.ndarray) -> np.ndarray:
    """(n, T) -> (n,) over what is not NaN; NaN where nothing is."""
    known = np.isfinite(errors)
    total, count = np.where(known, errors, 0.0).sum(axis=1), known.sum(axis=1)
    return np.divide(total, count, out=np.full(len(errors), np.nan), where=count > 0)


def _sides_of(similarity: np.ndarray, error: np.ndarray, threshold: float) -> dict:
    inside, outside = sides(similarity, error, threshold)
    ratio = outside.error / inside.error if outside.error is not None and inside.error else None
    return {"inside": vars(inside), "outside": vars(outside), "ratio": ratio}


def _drawn(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= SAMPLE:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))


class _Bits:
    """Fingerprints of molecules by row, each made once."""

    def __init__(self, smiles: Sequence[str]):
        self.smiles = smiles
        self._of: dict[int, np.ndarray] = {}

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        new = [row for row in rows.tolist() if row not in self._of]
        made = morgan([Chem.MolFromSmiles(self.smiles[row]) for row in new])
        self._of |= dict(zip(new, made, strict=True))
        found = [self._of[row] for row in rows.tolist()]
        return np.array(found, dtype=np.uint8).reshape(len(rows), made.shape[1])

    def nearest(self, rows: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Similarity of each of ``rows`` to the nearest of ``known``, 0 where there is none."""
        return nearest(self[rows], self[known])[0] if len(known) else np.zeros(len(rows))

    def across(self, rows: np.ndarray, known: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """That of ``rows`` among ``known`` to those of them in other folds."""
        fold = folds[np.searchsorted(known, rows)]
        found = np.zeros(len(rows))
        for one in np.unique(fold):
            found[fold == one] = self.nearest(rows[fold == one], known[folds != one])
        return found

    def leave_one_out(self, rows: np.ndarray, known: np.ndarray) -> np.ndarray:
        """That of ``rows`` among ``known`` to the others."""
        return nearest(self[rows], self[known], np.searchsorted(known, rows))[0]
