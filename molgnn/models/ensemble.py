"""A trained model in use: one or more networks, applied together to each batch."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.data.targets import Task, decode
from molgnn.errors import Refusal, choices
from molgnn.models.job import ScoringJob
from molgnn.models.precision import choose_precision
from molgnn.models.property import PropertyModel
from molgnn.models.scorer import PRECISIONS, Scorer


class Predictor:
    """Predictions in the user's units from an ensemble of ``PropertyModel``.

    ``card`` is the bundle's ``config.json``; ``sha256`` is the hash of its weights and ``path`` its
    folder, both empty for a model that was not read from disk.
    """

    def __init__(
        self,
        members: Sequence[PropertyModel],
        tasks: Sequence[Task],
        recipe: str = "parent",
        card: dict | None = None,
        device: torch.device | str = "cpu",
        sha256: str = "",
        path: Path | None = None,
    ):
        self.device = torch.device(device)
        self.members = [member.to(self.device).eval() for member in members]
        self.tasks = list(tasks)
        self.recipe = recipe
        self.card = card or {}
        self.sha256 = sha256
        self.path = path
        self._scorers: dict[str, Scorer] = {}

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_scorers": {}}  # made again where they are needed

    @property
    def name(self) -> str:
        return self.card.get("name", "")

    @property
    def num_members(self) -> int:
        return len(self.members)

    @property
    def columns(self) -> list[str]:
        """One name for each predicted column, O in all."""
        return [column for task in self.tasks for column in task.columns]

    def scorer(self, precision: str = "fp32") -> Scorer:
        """The members ready to score, made once for each of ``PRECISIONS``."""
        if precision not in PRECISIONS:
            raise choices("precision", precision, PRECISIONS)
        if precision not in self._scorers:
            self._scorers[precision] = Scorer(self.members, self.device, precision)
        return self._scorers[precision]

    @property
    def appetite(self) -> int:
        """Molecules to predict at a time: many on a GPU, which waits for each call to end."""
        return 0 if self.device.type == "cpu" else 1 << 18

    def choose_precision(self, column: int) -> dict:
        """See ``molgnn.models.precision``."""
        return choose_precision(self, column)

    def job(self, precision: str = "fp32") -> ScoringJob | None:
        """What worker processes need to score by themselves; None where they cannot: a device
        other than the CPU serves one process best."""
        return ScoringJob.of(self, precision) if self.device.type == "cpu" else None

    def predict_members(self, graphs: PackedGraphs, precision: str = "fp32") -> np.ndarray:
        """Each member's predictions (members, B, O); molecules are laid out once for all members.

        A molecule's numbers do not depend on the others, whichever and however many they are.
        """
        logits = self.scorer(precision).logits(graphs)
        return np.stack([decode(member, self.tasks) for member in logits])

    def predict_graphs(
        self, graphs: PackedGraphs, precision: str = "fp32"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean (B, O) over members, and sample standard deviation (B, O), 0 for one member."""
        each = self.predict_members(graphs, precision)
        spread = each.std(axis=0, ddof=1) if len(each) > 1 else np.zeros(each.shape[1:])
        return each.mean(axis=0), spread

    def predict(self, texts: str | Iterable[str]) -> pd.DataFrame:
        """SMILES (or mol blocks) -> one row each: ``columns``, ``<column>_std`` for an ensemble,
        and ``reason``, empty for a valid molecule; a bad one has NaN and its reason."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        n, (graphs, rows, reasons) = len(texts), featurize(texts, self.recipe)
        mean, spread = self.predict_graphs(graphs)
        table = {name: _spread_out(mean[:, i], rows, n) for i, name in enumerate(self.columns)}
        if self.num_members > 1:
            for i, name in enumerate(self.columns):
                table[f"{name}_std"] = _spread_out(spread[:, i], rows, n)
        return pd.DataFrame(table | {"reason": [reasons.get(i, "") for i in range(n)]})

    def embed(self, texts: Iterable[str]) -> np.ndarray:
        """Molecule vectors (B, members x D). Raises Refusal at a text that is no molecule."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        graphs, _, reasons = featurize(texts, self.recipe)
        for row, reason in reasons.items():
            raise Refusal(f"molecule {row + 1} of {len(texts)}, {texts[row]!r}: {reason}")
        return self.scorer().embed(graphs)


def _spread_out(values: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    full = np.full(n, np.nan)
    full[rows] = values
    return full
