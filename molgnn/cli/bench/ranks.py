"""Ranks of ``bench screen``: tiles in fp32 and bf16 beside the plain forward pass, the oracle."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from molgnn.chem.packed import PackedGraphs
    from molgnn.models.ensemble import Predictor

CHUNK = 2048  # molecules: enough to keep a product busy, few enough to stay in memory
TOP = 100


def ranks(model: "Predictor", texts: list[str]) -> dict[str, float]:
    """Figures of the first task's scores of the distinct texts, in the user's unit."""
    from molgnn.chem.graph import featurize

    texts = list(dict.fromkeys(texts))
    plain, exact, rounded = [], [], []
    for start in range(0, len(texts), CHUNK):
        graphs = featurize(texts[start : start + CHUNK], model.recipe)[0]
        plain.append(_plain(model, graphs))
        exact.append(model.predict_graphs(graphs, "fp32")[0][:, 0])
        rounded.append(model.predict_graphs(graphs, "bf16")[0][:, 0])
    return compared(*map(np.concatenate, (plain, exact, rounded)))


def compared(plain: np.ndarray, exact: np.ndarray, rounded: np.ndarray) -> dict[str, float]:
    """Scores (B,) of the plain forward pass, of tiles in fp32 and of tiles in bf16."""
    from scipy.stats import spearmanr

    return {
        "scores compared": len(plain),
        "largest difference of fp32 to plain": float(np.abs(exact - plain).max()),
        "largest difference of bf16 to fp32": float(np.abs(rounded - exact).max()),
        "Spearman of bf16 and fp32": float(spearmanr(exact, rounded).statistic),
        f"of fp32's top {TOP} in bf16's": len(_best(exact) & _best(rounded)),
    }


def _best(scores: np.ndarray) -> set[int]:
    return set(np.argsort(-scores, kind="stable")[:TOP].tolist())


def _plain(model: "Predictor", graphs: "PackedGraphs") -> np.ndarray:
    """(B,): what the modules' own forward pass gives, averaged over members."""
    import torch

    from molgnn.data.batch import to_batch
    from molgnn.models.answers import said

    batch = to_batch(graphs)
    with torch.inference_mode():
        tasks = model.tasks_at("molecule")
        each = [
            said(member(batch, True)["molecule"].numpy(), tasks, member.samples("molecule"))[0]
            for member in model.members
        ]
    return np.mean(each, axis=0)[:, 0]
