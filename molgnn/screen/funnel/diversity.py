"""Not one hit ten times: who is left of each cluster and scaffold, and who differs most."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from molgnn.chem.clusters import butina, maxmin
from molgnn.screen.funnel.examine import Dropped, Finding
from molgnn.screen.funnel.ledger import Ledger
from molgnn.screen.funnel.parts import Diversity

CLUSTERS, SCAFFOLDS, MAXMIN = "clusters", "scaffolds", "maxmin"


def cluster(findings: Sequence[Finding], left: np.ndarray, similarity: float, threads: int):
    """Of the molecules ``left``: the cluster of each, from 1, the largest first; a mapping."""
    found = butina(bits_of(findings, left), similarity, threads)
    return dict(zip(left.tolist(), (found + 1).tolist(), strict=True))


def bits_of(findings: Sequence[Finding], which: np.ndarray) -> np.ndarray:
    """Fingerprints (B, W) uint8."""
    bits = [np.frombuffer(findings[i].bits, dtype=np.uint8) for i in which]
    return np.stack(bits) if bits else np.zeros((0, 8), dtype=np.uint8)


def diversify(
    asked: Diversity,
    findings: Sequence[Finding],
    ledger: Ledger,
    order: np.ndarray,
    top: int,
    threads: int,
) -> dict[int, int]:
    """Drop who has too many better ones like it; ``order`` (B,) has all molecules, best first.
    Gives the clusters of those who came so far; empty where nobody asked."""
    clusters: dict[int, int] = {}
    if asked.clusters:
        similarity, most = asked.clusters.similarity, asked.clusters.most
        clusters = cluster(findings, ledger.left, similarity, threads)
        limit = "numbered" if most is None else f"the best {most:,} of each"
        title = f"Butina clusters at similarity {similarity:g}: {limit}"
        words = "{better} in its cluster {key}"
        dropped = _capped(ledger, order, clusters, most, CLUSTERS, words, "cluster is full")
        ledger.drop(CLUSTERS, title, dropped)
    if asked.scaffold:
        # A molecule without rings has no scaffold that another could share.
        keys = {i: findings[i].scaffold for i in ledger.left.tolist() if findings[i].scaffold}
        words = "{better} of its scaffold {key}"
        dropped = _capped(ledger, order, keys, asked.scaffold, SCAFFOLDS, words, "scaffold is full")
        ledger.drop(SCAFFOLDS, f"Murcko scaffolds: the best {asked.scaffold:,} of each", dropped)
    if asked.maxmin:
        _pick(findings, ledger, order, max(asked.maxmin, top), top)
    return clusters


def _capped(
    ledger: Ledger,
    order: np.ndarray,
    keys: dict,
    most: int | None,
    step: str,
    words: str,
    kind: str,
) -> dict[int, Dropped]:
    """Who has ``most`` better ones with the same key."""
    if most is None:
        return {}
    seen, dropped = Counter(), {}
    better = "a better molecule is" if most == 1 else f"{most:,} better molecules are"
    for i in order[ledger.alive[order]].tolist():
        if i in keys:
            if seen[keys[i]] >= most:
                dropped[i] = Dropped(step, words.format(better=better, key=keys[i]), (kind,))
            seen[keys[i]] += 1
    return dropped


def _pick(findings, ledger: Ledger, order: np.ndarray, among: int, top: int) -> None:
    """The ``top`` most different ones among so many of the best, from the best on."""
    best = order[ledger.alive[order]]
    near, far = best[:among], best[among:].tolist()
    picked = set(near[maxmin(bits_of(findings, near), top)].tolist())
    words = f"not among the {top:,} most different of the best {len(near):,}"
    dropped = {i: Dropped(MAXMIN, words, ("less different",)) for i in near.tolist()}
    dropped = {i: why for i, why in dropped.items() if i not in picked}
    words = f"not among the best {among:,}, of which MaxMin picks"
    dropped |= {i: Dropped(MAXMIN, words, ("behind those to pick from",)) for i in far}
    title = f"MaxMin: the {top:,} most different of the best {among:,}"
    ledger.drop(MAXMIN, title, dropped)
