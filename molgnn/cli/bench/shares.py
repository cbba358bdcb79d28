"""Shares of labels: which rows of a set training may see, where it may not see all of them."""

from typing import TYPE_CHECKING

from molgnn.errors import Refusal

if TYPE_CHECKING:
    import numpy as np

WHOLE = 1
_DRAW = 7  # beside the seed: not the numbers that the protocols shuffle by


def tidy(share: float) -> float:
    """The same number; the whole is ``1``, not ``1.0``, so that it is written in one way."""
    return WHOLE if share == WHOLE else share


def spoken(share: float) -> str:
    return "all labels" if share == WHOLE else f"{100 * share:g} % of labels"


def checked(shares: list[float]) -> list[float]:
    """Each of them once. Raises Refusal for one that is no share."""
    for share in shares:
        if not 0 < share <= WHOLE:  # NaN too
            raise Refusal(f"--labels {share:g}: give shares above 0 and up to 1, as 0.1 for 10 %")
    return list(dict.fromkeys(map(tidy, shares)))


def drawn(
    part: "np.ndarray", labels: "np.ndarray", share: float, seed: int, stratified: bool
) -> "np.ndarray":
    """(n,) whether a row stays, by its part (n,) and the texts of its labels (n, T).

    Rows of test all stay. Of each other part stays, by itself and drawn at random, ``share`` of the
    rows that have a label; ``stratified``: of the rows of each class, and at least one of each. The
    rows of a smaller share are among those of a larger one.
    """
    import numpy as np

    from molgnn.data.tables.cells import MISSING

    part = np.array([name.strip().lower() for name in part])
    known = np.array([any(text.strip().lower() not in MISSING for text in row) for row in labels])
    random, stays = np.random.default_rng([_DRAW, seed]), part == "test"
    for name in sorted({*part} - {"test"}):
        rows = random.permutation(np.flatnonzero((part == name) & known))
        classes = labels[rows, 0] if stratified else np.zeros(len(rows))
        for one in np.unique(classes):
            of = rows[classes == one]
            stays[of[: max(1, round(share * len(of)))]] = True
    return stays
