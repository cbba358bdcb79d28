"""Linear models of the features: ridge regression, logistic regression."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from molgnn.errors import Refusal
from molgnn.models.shallow.boosting import logits_of

PENALTY = 100.0  # of the squared weights, beside the sum of the molecules' losses
_FARTHEST = 5.0  # standard deviations: a feature beyond says no more than "far"
_COUNT = 0.8  # of counts: asinh(1) is then about log(2)


@dataclass(frozen=True)
class Linear:
    """sums = W z + start, z = clip((asinh(x) - middle) * scale, -5, 5): ``middle`` and ``scale``
    (F,), ``weight`` (K, F), ``start`` (K,), all float64."""

    middle: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    start: np.ndarray

    def sums(self, x: np.ndarray) -> np.ndarray:
        """Features (n, F) without NaN -> (n, K) float64. No bit depends on the other rows."""
        z = _bent(x, self.middle, self.scale)
        return np.stack([(z * row).sum(axis=1) for row in self.weight], axis=1) + self.start

    def arrays(self) -> dict[str, np.ndarray]:
        both = {"middle": self.middle, "scale": self.scale}
        return both | {"weight": self.weight, "start": self.start}

    def check(self, num_features: int, width: int) -> None:
        """Raises Refusal for arrays that do not fit each other."""
        shapes = {"middle": (num_features,), "scale": (num_features,)}
        shapes |= {"weight": (width, num_features), "start": (width,)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
                raise Refusal("its linear model is damaged")


def fit_linear(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    weight: np.ndarray | None,
    is_count: np.ndarray,
) -> Linear:
    """For labels y (n,), whole numbers below ``classes``, or any where that is 0; features x (n, F)
    without NaN, of which ``is_count`` (F,) says what counts something: those are not scaled, so
    that what is rare stays small, and the others to a standard deviation of 1.

    A sum is the label, or the logit of class 1, or a logit for each of more classes. Ridge: Hoerl
    and Kennard 1970, doi:10.1080/00401706.1970.10488634; logistic regression by the same penalty.
    """
    bent = np.arcsinh(x.astype(np.float64))
    middle = np.where(is_count, 0.0, bent.mean(axis=0))
    std = bent.std(axis=0)
    scale = np.divide(1.0, std, out=np.zeros_like(std), where=std > 1e-9)
    scale = np.where(is_count, _COUNT, scale)
    z = _bent(x, middle, scale).astype(np.float32)
    if not classes:
        found = Ridge(PENALTY).fit(z, y.astype(np.float32), sample_weight=weight)
        rows, start = np.atleast_2d(found.coef_), np.atleast_1d(found.intercept_)
        return Linear(middle, scale, rows.astype(np.float64), start.astype(np.float64))
    start, columns = logits_of(y, classes)
    found = LogisticRegression(C=1.0 / PENALTY, max_iter=2000)
    found.fit(z, y.astype(int), sample_weight=weight)
    rows = np.zeros((len(start), z.shape[1]))
    rows[columns], start[columns] = found.coef_, found.intercept_
    return Linear(middle, scale, rows, start)


def _bent(x: np.ndarray, middle: np.ndarray, scale: np.ndarray) -> np.ndarray:
    bent = np.arcsinh(x.astype(np.float64, order="C"))  # rows are added up in the order they lie in
    return np.clip((bent - middle) * scale, -_FARTHEST, _FARTHEST)
