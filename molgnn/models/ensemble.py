"""A trained model in use: networks and models without a graph, applied together."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from molgnn.chem.graph import PackedGraphs, featurize
from molgnn.chem.trace import Trace
from molgnn.data.levels import Levels
from molgnn.data.targets import Task, tasks_at
from molgnn.errors import Refusal, choices
from molgnn.models.answers import Answers, Said, level_answers, molecule_answers, speaks
from molgnn.models.calibration import ErrorScale, Scale
from molgnn.models.domain import Rule, rule_of
from molgnn.models.doubts import LEVEL, applied, check_level
from molgnn.models.job import ScoringJob
from molgnn.models.known import Known, Near
from molgnn.models.lists import Listed, listed, mean_and_spread
from molgnn.models.precision import choose_precision
from molgnn.models.property import PropertyModel
from molgnn.models.scorer import PRECISIONS, Scorer
from molgnn.models.shallow.model import ShallowModel
from molgnn.models.table import table_of
from molgnn.models.vectors import Vectors


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
        self._known: Known | None = None
        self._vectors: Vectors | None = None

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
        members, a member's own, or the size of errors that calibration found."""
        return self.num_members > 1 or any(self._told)

    @property
    def has_list_std(self) -> bool:
        """The same for the columns of atoms and bonds, of which there is no calibration."""
        return self.num_members > 1 or any(speaks(self, "atom") + speaks(self, "bond"))

    @property
    def _told(self) -> list[bool]:
        """Whether one member is enough for a standard deviation of each column of molecules."""
        return [a or b for a, b in zip(self._sized, speaks(self, "molecule"), strict=True)]

    @property
    def _sized(self) -> list[bool]:
        """Whether the errors of each column of molecules are calibrated."""
        return [
            isinstance(self.calibration.get(task.name), ErrorScale)
            for task in self.tasks_at("molecule")
            for _ in task.columns
        ]

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

    def job(
        self, precision: str = "fp32", lists: bool = False, domain: bool | str = False
    ) -> ScoringJob | None:
        """What worker processes need to score by themselves; None where they cannot: a device
        other than the CPU serves one process best. ``lists``: atoms and bonds too; ``domain`` as
        for ``predict``."""
        if lists or self.device.type == "cpu":
            return ScoringJob.of(self, precision, lists, domain)
        return None

    def predict_members(self, graphs: PackedGraphs, precision: str = "fp32") -> np.ndarray:
        """Each member's predictions (members, B, O); molecules are laid out once for all members.

        A molecule's numbers do not depend on the others, whichever and however many they are.
        """
        return self._members(graphs, precision)[0]

    def _members(self, graphs: PackedGraphs, precision: str) -> Said:
        self._check(graphs)
        return molecule_answers(self, graphs, precision)

    def _check(self, graphs: PackedGraphs) -> None:
        if self.blocks and graphs.features is None:
            raise ValueError(f"the graphs need the features {self.blocks}: featurize(..., blocks=)")

    def answers(self, graphs: PackedGraphs) -> Answers:
        """What each member says of molecules, atoms and bonds, and of its own errors. In fp32."""
        self._check(graphs)
        return level_answers(self, graphs)

    def predict_levels(self, graphs: PackedGraphs) -> list[Levels]:
        """Each member's predictions for molecules (B, O), atoms (N, O) and bonds (M, O), in the
        graphs' order; columns are those of the tasks of the level. In fp32."""
        return self.answers(graphs).means

    def predict_lists(self, graphs: PackedGraphs, traces: Sequence[Trace]) -> Listed:
        """Molecules, atoms and bonds at once, these in the order of the input."""
        means, own = self.answers(graphs)
        found = listed(means, traces, self.has_list_std, self.shares, own)
        mean, std = self.calibrated(found.mean, found.std)
        return found._replace(mean=mean, std=std)

    def predict_graphs(
        self, graphs: PackedGraphs, precision: str = "fp32"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean (B, O) over members, and standard deviation (B, O), see ``mean_and_spread``, both
        calibrated where calibration is known."""
        each, own = self._members(graphs, precision)
        return self.calibrated(*mean_and_spread(each, self.shares, own))

    def calibrated(self, mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What members say of molecules, mean and spread (B, O), NaN for one that answers alone, as
        it is to be believed; NaN where nothing is known of the spread."""
        if self.has_std:
            told, silent = (self._told, np.nan) if self.num_members == 1 else (self._sized, std)
            std = np.where([told], np.nan_to_num(std), silent)
        return applied(self.calibration, self.tasks_at("molecule"), mean, std)

    @property
    def rule(self) -> Rule | None:
        """Which molecules are inside the domain; None where no rule was learnt."""
        return rule_of(self.card)

    @property
    def known(self) -> Known | None:
        """The training molecules, read once from the bundle; None where they are not there."""
        if self._known is None and self.path is not None:
            self._known = Known.read(self.path, self.tasks)
        return self._known

    def near(self, texts: Sequence[str], vectors: bool = False) -> Near:
        """The nearest training molecules of valid texts, with ``vectors`` also as the networks see
        them. Raises Refusal where the training molecules are not there, or there is no network."""
        if self.known is None:
            raise Refusal(f"{self.path or 'the model'}: no training molecules to be near to")
        found = Near(*self.known.nearest(texts, self.recipe))
        return found._replace(**self._near_by_vectors(texts)) if vectors else found

    def _near_by_vectors(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        if self._vectors is None:
            # Another RDKit may refuse what that of the training took: such a molecule is not met.
            graphs, rows, _ = featurize(self.known.smiles, self.recipe)
            self._vectors = Vectors.of(self._embed(graphs), rows)
        distance, row = self._vectors.nearest(self._embed(featurize(texts, self.recipe)[0]))
        return {"distance": distance, "vector_row": row}

    def predict(
        self, texts: str | Iterable[str], domain: bool | str = False, level: float = LEVEL
    ) -> pd.DataFrame:
        """SMILES (or mol blocks) -> one row each, see `molgnn.models.table.table_of`."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        return table_of(self, texts, domain, check_level(level))

    def embed(self, texts: Iterable[str]) -> np.ndarray:
        """The networks' molecule vectors (B, networks x D). Raises Refusal at a text that is no
        molecule, and for a model without a network."""
        return self._embed(all_graphs(texts, self.recipe))

    def _embed(self, graphs: PackedGraphs) -> np.ndarray:
        if not self.members:
            raise Refusal("this model has no network, so it has no vectors of molecules")
        return self.scorer().embed(graphs)


def all_graphs(texts: str | Iterable[str], recipe: str) -> PackedGraphs:
    """Of texts that are all to be molecules. Raises Refusal at the first that is none."""
    texts = [texts] if isinstance(texts, str) else list(texts)
    graphs, _, reasons = featurize(texts, recipe)
    for row, reason in reasons.items():
        raise Refusal(f"molecule {row + 1} of {len(texts)}, {texts[row]!r:.80}: {reason}")
    return graphs
