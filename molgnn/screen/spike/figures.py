"""Figures of merit of hidden molecules, from the number of rows that stand before each."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from molgnn.screen.spike.count import Counts

ALPHA, FRACTION = 20.0, 0.01
TIES = (
    "of equal scores the library's rows stand before the hidden molecules; in the ROC-AUC a tie "
    "counts half"
)


def ranks_of(counts: "Counts", merits: np.ndarray) -> np.ndarray:
    """(S,) from 1: the place of each in library and hidden molecules together. Of equal scores the
    library's rows come first, and then the hidden molecules in their order."""
    order = np.lexsort((np.arange(len(merits)), -merits))
    ranks = (counts.better + counts.equal)[order] + np.arange(1, len(merits) + 1)
    found = np.empty(len(merits), dtype=np.int64)
    found[order] = ranks
    return found


def figures(counts: "Counts", merits: np.ndarray, scored: int, top: int) -> dict:
    """Of S hidden molecules among ``scored`` rows of the library, which all count as inactive.

    ``roc_auc``; ``ef1``, the share of hidden molecules among the best ceil(1 %) over their share in
    all, and ``ef1_most``, what it can be; ``bedroc`` with alpha 20; ``recall``, the share of hidden
    molecules among the first ``top``, of which there are ``found``; ``median_rank``. ROC-AUC and
    BEDROC are None for a library without a score.
    """
    ranks, size = ranks_of(counts, merits), len(merits)
    total = scored + size
    first = int(np.ceil(FRACTION * total))
    within = int((ranks <= top).sum())
    ahead = counts.better + counts.equal / 2
    return {
        "molecules": size,
        "roc_auc": float(1 - ahead.mean() / scored) if scored else None,
        "ef1": float((ranks <= first).sum() / first * total / size),
        "ef1_most": float(min(size, first) / first * total / size),
        "bedroc": bedroc(ranks, total) if scored else None,
        "top": top,
        "found": within,
        "recall": within / size,
        "median_rank": float(np.median(ranks)),
    }


def bedroc(ranks: np.ndarray, total: int, alpha: float = ALPHA) -> float:
    """Boltzmann-enhanced discrimination of ROC, 0 to 1: (RIE - least) / (most - least), where RIE =
    mean exp(-alpha r / N) over that of random ranks (Truchon and Bayly 2007,
    doi:10.1021/ci600426e). ``ranks`` (S,) from 1 among ``total`` > S."""
    share = len(ranks) / total
    random = (1 - np.exp(-alpha)) / np.expm1(alpha / total) / total
    rie = np.exp(-alpha * ranks / total).mean() / random
    most = (1 - np.exp(-alpha * share)) / (share * (1 - np.exp(-alpha)))
    least = np.expm1(alpha * share) / (share * np.expm1(alpha))
    return float((rie - least) / (most - least))
