"""What an evaluation will do: configurations, folds and tasks, checked before any training."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from molgnn.chem.descriptors import BLOCKS, columns_of
from molgnn.data.readers.reader import file_sha256
from molgnn.data.tables.features import with_features
from molgnn.data.tables.folds import cross_splits
from molgnn.data.tables.split import Split
from molgnn.data.tables.table import Dataset
from molgnn.data.targets import Task
from molgnn.data.wishes import make_tasks
from molgnn.errors import Refusal, choices
from molgnn.models.pretrained import Pretrained
from molgnn.train import ledger
from molgnn.train.begin import begun
from molgnn.train.folder import BEGUN, SHA, plain
from molgnn.train.learn import wishes_of
from molgnn.train.options import DataOptions, RunOptions, SplitOptions
from molgnn.train.parts import ModelOptions
from molgnn.train.run import read_data

FOREST = "forest"  # the baseline's name beside those of the configurations
PLACE = ("repeat", "fold")  # columns beside the targets in the tables of predictions
METRICS = {
    "regression": ("rmse", "mae", "r2", "spearman"),
    "binary": ("roc_auc", "pr_auc", "bedroc", "ef1", "log_loss"),
    "multiclass": ("accuracy", "roc_auc", "log_loss"),
}  # the first one is the default


@dataclass(frozen=True)
class Folds:
    """How the molecules are dealt: see ``data.tables.folds``."""

    split: str = "random"
    folds: int = 5
    repeats: int = 5
    seed: int = 0

    def __post_init__(self):
        for name in ("folds", "repeats", "seed"):
            if type(getattr(self, name)) is not int:
                raise Refusal(f"{name}={getattr(self, name)!r}: must be a whole number")


@dataclass(frozen=True)
class Side:
    """A configuration, or the forest: its molecules with the features that it needs, and the tasks
    of each ``[repeat][fold]``, which see labels from outside the fold alone. ``asked`` is all that
    its figures depend on; ``pretrained`` is what its networks begin with, if anything."""

    name: str
    options: RunOptions
    dataset: Dataset
    tasks: list[list[list[Task]]]
    asked: dict
    pretrained: Pretrained | None = None


@dataclass(frozen=True)
class Plan:
    """All that there is to do: ``splits[repeat][fold]`` are the same for every side. ``dataset``
    is without features."""

    dataset: Dataset
    splits: list[list[Split]]
    sides: list[Side]
    how: Folds
    metric: str
    data_sha256: str

    def __iter__(self) -> Iterator[tuple[int, int, Side]]:
        """(repeat, fold, side), sides innermost: an interrupted evaluation is of whole pairs."""
        for repeat in range(self.how.repeats):
            for fold in range(self.how.folds):
                yield from ((repeat, fold, side) for side in self.sides)

    def __len__(self) -> int:
        return self.how.repeats * self.how.folds * len(self.sides)


def plan(
    configs: Mapping[str, RunOptions],
    how: Folds,
    metric: str | None = None,
    reading: Callable[[int, int], None] | None = None,
) -> Plan:
    """Read the table once, deal the folds, and find what can be refused before hours of training.

    Raises Refusal for configurations of different data or kinds of target, for molecules that stand
    twice (they would be in train and fold), and for what `cross_splits` and `make_tasks` refuse.
    """
    found = {name: begun(options) for name, options in configs.items()}
    configs = {name: options for name, (options, _) in found.items()}
    first, *others = configs.values()
    for options in others:
        _check_same(first, options)
    dataset, source, units = read_data(_shared(first.data), first.kind, reading)
    if len(set(dataset.smiles)) < len(dataset):
        raise Refusal("data.repeats=keep puts a molecule into train and fold: use another rule")
    for name in PLACE:
        if any(name in names for names in dataset.names.values()):
            raise Refusal(f"target {name!r}: the name is needed for another column: rename it")
    dealt = {"folds": how.folds, "repeats": how.repeats, "seed": how.seed}
    splits = cross_splits(dataset.smiles, dataset.y, name=how.split, **dealt)
    sha = file_sha256(source)
    wanted = {name: replace(options, data=_own(options.data)) for name, options in configs.items()}
    if any(options.fit.baseline for options in configs.values()):
        wanted[FOREST] = RunOptions(
            _shared(first.data), model=ModelOptions(), head={"kind": first.kind}, seed=first.seed
        )
    featured, sides = _with_features(dataset, list(wanted.values()), reading), []
    for (name, options), whole in zip(wanted.items(), featured, strict=True):
        options = replace(options, fit=replace(options.fit, baseline=False))
        asked = {"split": how.split, "folds": how.folds, "seed": how.seed, SHA: sha}
        tasks = [_tasks(dataset, units, options, repeat) for repeat in splits]
        options.model.for_tasks(tasks[0][0])  # refuses what cannot predict them
        pretrained = found[name][1] if name in found else None
        asked = {"options": plain(options), **asked}
        asked |= {BEGUN: pretrained.sha256} if pretrained else {}
        sides.append(Side(name, options, whole, tasks, asked, pretrained))
    return Plan(dataset, splits, sides, how, _metric(metric, sides[0].tasks[0][0]), sha)


def _with_features(
    dataset: Dataset, wanted: list[RunOptions], reading: Callable[[int, int], None] | None
) -> list[Dataset]:
    """The molecules once for each of the options; no feature is computed twice."""
    used = {block for options in wanted for block in options.model.blocks}
    blocks = [block for block in BLOCKS if block in used]
    whole = with_features(dataset, blocks, reading).graphs.features
    found = []
    for own in (options.model.blocks for options in wanted):
        features = whole[:, columns_of(blocks, own)] if own else None
        found.append(replace(dataset, graphs=replace(dataset.graphs, features=features)))
    return found


def _own(data: DataOptions) -> DataOptions:
    """Without the split, which the folds take the place of."""
    return replace(data, split=SplitOptions())


def _shared(data: DataOptions) -> DataOptions:
    """What all sides must have in common: not how labels are scaled."""
    return replace(_own(data), transform=DataOptions.transform)


def _check_same(first: RunOptions, other: RunOptions) -> None:
    one, two = ({"data": plain(_shared(o.data)), "head": {"kind": o.kind}} for o in (first, other))
    differs = ledger.difference(one, two)
    if differs:
        what = differs.replace("there", "in the one").replace("here", "in the other")
        raise Refusal(f"{what}: configurations are compared on the same data, so give it to both")


def _tasks(dataset: Dataset, units: dict, options: RunOptions, repeat: list) -> list[list[Task]]:
    wishes = wishes_of(options, units)
    found = []
    for fold, parts in enumerate(repeat):
        labelled = (dataset.labels, dataset.bounds)
        try:
            found.append(make_tasks(dataset.names, *labelled, parts.train, wishes))
        except Refusal as refusal:
            raise Refusal(f"without fold {fold + 1}: {refusal}") from None
    return found


def _metric(wanted: str | None, tasks: list[Task]) -> str:
    known = dict.fromkeys(name for task in tasks for name in METRICS[task.kind])
    if wanted is not None and wanted not in known:
        raise choices("metric of these targets", wanted, known)
    return wanted or METRICS[tasks[0].kind][0]
