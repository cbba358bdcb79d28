"""A trained model in use: networks and models without a graph, applied together."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.chem.trace import Trace, featurize_traced
from molgnn.data.levels import Levels
from molgnn.data.scaling import decode
from molgnn.data.targets import Task, tasks_at, with_std
from molgnn.errors import Refusal, choices
from molgnn.models.calibration import ErrorScale, Scale, applied, doubts
from molgnn.models.job import ScoringJob
from molgnn.models.lists import Listed, listed, mean_and_spread
from molgnn.models.precision import choose_precision
from molgnn.models.property import PropertyModel
from molgnn.models.scorer import PRECISIONS, Scorer
from molgnn.models.shallow.model import ShallowModel


class Predictor:
    """Predictions in the user's units from an ensemble of ``PropertyModel`` and ``ShallowModel``:
    first the networks, then the others.

    ``blocks`` names the features of molecules that they need, see ``chem.descriptors``; ``shares``
    (members,) what each of them counts in the mean, None if all count the same; ``calibration``
    has for each task what held-out molecules say of it, see ``models.calibration``.
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
        shallow: Sequence[ShallowModel] = (),
        blocks: Sequence[str] = (),
        shares: np.ndarray | None = None,
        calibration: Mapping[str, Scale] | None = None,
    ):
        self.device = torch.device(device)
        self.members = [member.to(self.device).eval() for member in members]
        self.shallow, self.blocks, self.shares = list(shallow), tuple(blocks), shares
        self.tasks = list(tasks)
        self.recipe = recipe
        self.card = card or {}
        self.sha256 = sha256
        self.path = path
        self.calibration = dict(calibration or {})
        self._scorers: dict[str, Scorer] = {}

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_scorers": {}}  # made again where they are needed

    def __repr__(self) -> str:
        members = f"{len(self.members)} networks, {len(self.shallow)} models without a graph"
        return f"Predictor({', '.join(self.columns + self.list_columns)}: {members})"

    @property
    def name(self) -> str:
        return self.card.get("name", "")

    @property
    def num_members(self) -> int:
        return len(self.members) + len(self.shallow)

    @property
    def has_std(self) -> bool:
        """Whether a standard deviation stands beside each column of molecules: that of several
        members, or the size of errors that calibration found."""
        sized = any(isinstance(scale, ErrorScale) for scale in self.calibration.values())
        return self.num_members > 1 or sized

    @property
    def columns(self) -> list[str]:
        """One name for each predicted column of a molecule, O in all."""
        return [column for task in self.tasks_at("molecule") for column in task.columns]

    @property
    def list_columns(self) -> list[str]:
        """One name for each column that has a value for every atom, or every bond."""
        listed = self.tasks_at("atom") + self.tasks_at("bond")
        return [column for task in listed for column in task.columns]

    def tasks_at(self, level: str) -> list[Task]:
        """The tasks of molecules, of atoms, or of bonds."""
        return tasks_at(self.tasks, level)

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

    def job(self, precision: str = "fp32", lists: bool = False) -> ScoringJob | None:
        """What worker processes need to score by themselves; None where they cannot: a device
        other than the CPU serves one process best. ``lists``: atoms and bonds too."""
        if lists or self.device.type == "cpu":
            return ScoringJob.of(self, precision, lists)
        return None

    def predict_members(self, graphs: PackedGraphs, precision: str = "fp32") -> np.ndarray:
        """Each member's predictions (members, B, O); molecules are laid out once for all members.

        A molecule's numbers do not depend on the others, whichever and however many they are.
        """
        self._check(graphs)
        tasks, found = self.tasks_at("molecule"), []
        if self.members:
            found = [decode(m, tasks) for m in self.scorer(precision).logits(graphs)]
        return np.stack(found + self._of_shallow(graphs))

    def _check(self, graphs: PackedGraphs) -> None:
        if self.blocks and graphs.features is None:
            raise ValueError(f"the graphs need the features {self.blocks}: featurize(..., blocks=)")

    def _of_shallow(self, graphs: PackedGraphs) -> list[np.ndarray]:
        wanted = any(model.embeddings for model in self.shallow)
        vectors = self.scorer().embed(graphs) if wanted else None
        return [model.predict(graphs.features, vectors, len(graphs)) for model in self.shallow]

    def predict_levels(self, graphs: PackedGraphs) -> list[Levels]:
        """Each member's predictions for molecules (B, O), atoms (N, O) and bonds (M, O), in the
        graphs' order; columns are those of the tasks of the level. In fp32."""
        self._check(graphs)
        if self.shallow:  # they are for molecules, and there is nothing else to predict
            return [Levels.of(graphs, molecule=m) for m in self.predict_members(graphs)]
        return [
            Levels.of(graphs, **{k: decode(v, self.tasks_at(k)) for k, v in member.items()})
            for member in self.scorer().level_logits(graphs)
        ]

    def predict_lists(self, graphs: PackedGraphs, traces: Sequence[Trace]) -> Listed:
        """Molecules, atoms and bonds at once, these in the order of the input."""
        found = listed(self.predict_levels(graphs), traces, self.shares)
        mean, std = self.calibrated(found.mean, found.std)
        return found._replace(mean=mean, std=std)

    def predict_graphs(
        self, graphs: PackedGraphs, precision: str = "fp32"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean (B, O) over members, and sample standard deviation (B, O), 0 for one member, both
        calibrated where calibration is known."""
        found = mean_and_spread(self.predict_members(graphs, precision), self.shares)
        return self.calibrated(*found)

    def calibrated(self, mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What members say of molecules, mean and spread (B, O), as it is to be believed."""
        return applied(self.calibration, self.tasks_at("molecule"), mean, std)

    def doubts(self, mean: np.ndarray, std: np.ndarray, level: float) -> dict[str, np.ndarray]:
        """Intervals and sets of classes at ``level``, see ``models.calibration.doubts``. Raises
        Refusal for a level that is none."""
        if not 0 < level < 1:
            raise Refusal(f"--level {level:g}: a share between 0 and 1, such as 0.9")
        return doubts(self.calibration, self.tasks_at("molecule"), mean, std, level)

    def predict(self, texts: str | Iterable[str], level: float = 0.9) -> pd.DataFrame:
        """SMILES (or mol blocks) -> one row each: ``columns``, ``<column>_std`` for an ensemble,
        with calibration the intervals (``<task>_low``, ``<task>_high``) and sets of classes
        (``<task>_set``) that hold at ``level``, the same for ``list_columns``, and ``reason``,
        empty for a valid molecule; a bad one has NaN and its reason. A list column holds an array
        for each molecule, with one value for each atom (or bond) as it is written, NaN for one that
        the model does not see, such as a hydrogen."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        lists = []
        if self.list_columns:
            graphs, rows, reasons, traces = featurize_traced(texts, self.recipe, self.blocks)
            mean, spread, lists = self.predict_lists(graphs, traces)
        else:
            graphs, rows, reasons = featurize(texts, self.recipe, self.blocks)
            mean, spread = self.predict_graphs(graphs)
        several = self.num_members > 1
        values = [*mean.T, *(spread.T if self.has_std else ())]
        columns = with_std(self.columns, self.has_std)
        table = {c: _spread_out(v, rows, len(texts)) for c, v in zip(columns, values, strict=True)}
        for name, found in self.doubts(mean, spread, level).items():
            table[name] = _spread_out(found, rows, len(texts))
        for column, arrays in zip(with_std(self.list_columns, several), lists, strict=True):
            found = dict(zip(rows.tolist(), arrays, strict=True))
            table[column] = [found.get(i, np.nan) for i in range(len(texts))]
        return pd.DataFrame(table | {"reason": [reasons.get(i, "") for i in range(len(texts))]})

    def embed(self, texts: Iterable[str]) -> np.ndarray:
        """The networks' molecule vectors (B, networks x D). Raises Refusal at a text that is no
        molecule, and for a model without a network."""
        if not self.members:
            raise Refusal("this model has no network, so it has no vectors of molecules")
        return self.scorer().embed(all_graphs(texts, self.recipe))


def all_graphs(texts: str | Iterable[str], recipe: str) -> PackedGraphs:
    """Of texts that are all to be molecules. Raises Refusal at the first that is none."""
    texts = [texts] if isinstance(texts, str) else list(texts)
    graphs, _, reasons = featurize(texts, recipe)
    for row, reason in reasons.items():
        raise Refusal(f"molecule {row + 1} of {len(texts)}, {texts[row]!r}: {reason}")
    return graphs


def _spread_out(values: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    full = np.full(n, np.nan) if values.dtype != object else np.full(n, "", dtype=object)
    full[rows] = values
    return full
