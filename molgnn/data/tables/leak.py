"""Leak report: how much of the test set a model has as good as seen in training."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from molgnn.chem.fingerprint import morgan, nearest
from molgnn.chem.smiles import canonical, parse
from molgnn.data.tables.split import Split

_SAMPLE = 2000
_CLOSE = 0.9
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_RADIUS, _BITS = 2, 2048


def leak_report(smiles: Sequence[str], split: Split, seed: int = 0, sample: int = _SAMPLE) -> dict:
    """Plain data: molecules that stand in two parts, and Tanimoto similarity to the nearest
    training molecule (Morgan, radius 2, 2048 bits) for valid and test.

    ``identical`` counts distinct molecules by pair of parts; ``similarity`` has, for each part
    with molecules, ``molecules``, ``sampled`` (at most ``sample``, drawn with ``seed``), ``mean``,
    ``median``, ``share_ge_0.9`` and ``quantiles``.
    """
    mols = [parse(text, "none") for text in smiles]
    names = np.array([canonical(mol) for mol in mols])
    parts = split.parts()
    distinct = {part: set(names[rows]) for part, rows in parts.items()}
    train = morgan([mols[row] for row in split.train], _RADIUS, _BITS)
    return {
        "fingerprint": f"Morgan, radius {_RADIUS}, {_BITS} bits",
        "seed": seed,
        "molecules": {part: len(rows) for part, rows in parts.items()},
        "identical": {
            f"{a}-{b}": len(distinct[a] & distinct[b]) for a, b in combinations(parts, 2)
        },
        "similarity": {
            part: _similarity(mols, _drawn(parts[part], sample, seed), train, len(parts[part]))
            for part in ("valid", "test")
            if len(parts[part])
        },
    }


def render(report: dict) -> str:
    """The report in two to four lines for people."""
    shared = [
        f"{n} in {pair.replace('-', ' and ')}" for pair, n in report["identical"].items() if n
    ]
    lines = [f"identical molecules: {', '.join(shared) or 'none in two parts'}"]
    for part, near in report["similarity"].items():
        drawn = near["sampled"] < near["molecules"]
        note = f" ({near['sampled']} drawn of {near['molecules']})" if drawn else ""
        lines.append(
            f"nearest training molecule of {part}{note}: Tanimoto mean {near['mean']:.2f}, median "
            f"{near['median']:.2f}, {near['share_ge_0.9']:.1%} at 0.9 or more"
        )
    return "\n".join([*lines, "" if report["similarity"] else "no valid or test molecules"]).strip()


def _drawn(rows: np.ndarray, sample: int, seed: int) -> np.ndarray:
    if len(rows) <= sample:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, sample, replace=False))


def _similarity(mols: Sequence, rows: np.ndarray, train: np.ndarray, molecules: int) -> dict:
    near, _ = nearest(morgan([mols[row] for row in rows], _RADIUS, _BITS), train)
    quantiles = zip(_QUANTILES, np.quantile(near, _QUANTILES), strict=True)
    return {
        "molecules": molecules,
        "sampled": len(rows),
        "mean": float(near.mean()),
        "median": float(np.median(near)),
        f"share_ge_{_CLOSE}": float((near >= _CLOSE).mean()),
        "quantiles": {str(q): float(value) for q, value in quantiles},
    }
