"""The options of a training run, as plain data; ``conf/`` holds the same names and values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from molgnn.errors import Refusal, choices
from molgnn.train.finetune import FinetuneOptions, check_finetune
from molgnn.train.parts import ModelOptions, default_model


@dataclass(frozen=True)
class SplitOptions:
    """Which molecules train, validate and test: see ``data.tables.split``. ``column`` serves the
    split of that name alone, ``fold`` and ``folds`` serve ``kfold`` alone."""

    name: str = "scaffold"
    column: str = "split"
    sizes: tuple[float, ...] = (0.8, 0.1, 0.1)
    fold: int = 0
    folds: int = 5


@dataclass(frozen=True)
class DataOptions:
    """A table at ``path``, or the data set called ``name`` where there is no path.

    ``targets`` are columns with one label a molecule; those of ``atom_targets`` and
    ``bond_targets`` hold lists. ``transform``: one for all, or by target, see ``data.targets``.
    """

    name: str = ""
    path: str | None = None
    targets: tuple[str, ...] = ()
    atom_targets: tuple[str, ...] = ()
    bond_targets: tuple[str, ...] = ()
    transform: str | Mapping[str, str] = "auto"
    smiles: str | None = None
    id: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    recipe: str = "parent"
    repeats: str = "mean"
    split: SplitOptions = field(default_factory=SplitOptions)


@dataclass(frozen=True)
class LossOptions:
    """What is minimised: ``regression`` is l2, l1, huber (``delta`` in standard deviations of the
    labels), quantile (``quantiles``), mve (mean and variance) or evidential (with a regulariser of
    weight ``evidence``); ``classes`` is cross_entropy or focal (``gamma``).

    ``task_weights``: target -> weight, 1 for those not named; only their ratios matter.
    ``class_weights``: none, balanced (as if classes were equally frequent), or target -> one weight
    a class.
    """

    regression: str = "l2"
    classes: str = "cross_entropy"
    delta: float = 1.0
    quantiles: tuple[float, ...] = (0.05, 0.5, 0.95)
    gamma: float = 2.0
    evidence: float = 0.01
    task_weights: Mapping[str, float] = field(default_factory=dict)
    class_weights: str | Mapping[str, list] = "none"

    def __post_init__(self):
        for option, known in (("regression", REGRESSION_LOSSES), ("classes", CLASS_LOSSES)):
            if getattr(self, option) not in known:
                raise choices(f"loss.{option}", getattr(self, option), known)
        if not (self.delta > 0 and self.gamma >= 0):
            raise Refusal("loss: delta must be positive, and gamma not negative")
        if not 0 <= self.evidence < float("inf"):
            raise Refusal(f"loss.evidence={self.evidence}: must be a number, 0 or larger")
        if 0.5 not in self.quantiles or not all(0 < q < 1 for q in self.quantiles):
            given = list(self.quantiles)
            raise Refusal(f"loss.quantiles={given}: between 0 and 1, with the median, 0.5, in it")
        if len({f"{q:g}" for q in self.quantiles}) < len(self.quantiles):
            raise Refusal(f"loss.quantiles={list(self.quantiles)}: two of them are the same")
        if isinstance(self.class_weights, str) and self.class_weights not in CLASS_WEIGHTS:
            raise choices("loss.class_weights", self.class_weights, (*CLASS_WEIGHTS, "{y: [1, 5]}"))

    @property
    def asked_quantiles(self) -> tuple[float, ...]:
        """The quantiles to predict, ascending; none for a loss that predicts one value."""
        return tuple(sorted(set(self.quantiles))) if self.regression == "quantile" else ()

    @property
    def spread(self) -> str:
        """What a network says of its errors, see ``data.targets.Task``; empty: nothing."""
        return {"mve": "variance", "evidential": "evidential"}.get(self.regression, "")


REGRESSION_LOSSES = ("l2", "l1", "huber", "quantile", "mve", "evidential")
CLASS_LOSSES = ("cross_entropy", "focal")
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True)
class OptimOptions:
    """AdamW; the rate rises linearly over ``warmup`` epochs, then falls as a half cosine to
    ``final_lr``. Gradients longer than ``clip`` are scaled down to it; 0 leaves them alone."""

    lr: float = 1e-3
    final_lr: float = 1e-4
    warmup: float = 2.0
    weight_decay: float = 0.0
    clip: float = 1.0

    def __post_init__(self):
        rest = (self.final_lr, self.warmup, self.weight_decay, self.clip)
        if not (self.lr > 0 and all(value >= 0 for value in rest)):  # so that NaN is refused too
            raise Refusal("optim: lr must be positive, and nothing else negative")


ENCODER = "dmpnn"  # where none is asked for
VALID = ("refit", "learn", "judge", "choose")


@dataclass(frozen=True)
class FitOptions:
    """How long, how many, where. ``patience`` in epochs, 0 never stops early; more than one of
    ``devices`` is DDP; ``ema`` is the decay of a running average of the weights, 0 keeps none.

    ``folds``: train and valid are cut into so many, see ``train.kfold``, and each network learns
    from all but one, which chooses its best epoch; 0 for none. ``members`` is then 1, for a network
    a fold, or a multiple of ``folds``, for several.

    ``valid`` says what the validation molecules are for: ``refit``, the default: they judge the
    training, and are then learnt from in a second one, of which the model comes; ``learn``: they
    are learnt from at once, which gives the same model in half the time; ``judge``: they judge, and
    are never learnt from; ``choose``: they choose each network's best epoch, as ``patience`` needs.
    In all but the last the weights are those of the last epoch.
    """

    epochs: int = 30
    batch_size: int = 64
    patience: int = 0
    members: int = 1
    folds: int = 0
    valid: str = "refit"
    ema: float = 0.0
    baseline: bool = True
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"

    def __post_init__(self):
        for name in ("epochs", "batch_size", "members", "devices"):
            if getattr(self, name) < 1:
                raise Refusal(f"fit.{name}={getattr(self, name)}: must be at least 1")
        if self.patience < 0:
            raise Refusal(f"fit.patience={self.patience}: must not be negative")
        if self.valid not in VALID:
            raise choices("fit.valid", self.valid, VALID)
        if self.patience and not self.chooses:
            raise Refusal(
                f"fit.patience={self.patience}: with fit.valid={self.valid} no epoch is chosen: "
                "give fit.valid=choose, or leave it out"
            )
        if not 0 <= self.ema < 1:
            raise Refusal(f"fit.ema={self.ema}: must be at least 0 and below 1")
        if self.folds < 0 or self.folds == 1:
            raise Refusal(f"fit.folds={self.folds}: must be at least 2, or 0 for none")
        if self.folds and self.members != 1 and self.members % self.folds:
            raise Refusal(
                f"fit.members={self.members}: with fit.folds={self.folds} give 1, for a network a "
                f"fold, or a multiple of {self.folds}"
            )

    @property
    def chooses(self) -> bool:
        """Whether each network's weights are those of its best epoch."""
        return self.valid == "choose" or self.folds > 0

    @property
    def networks(self) -> int:
        """How many are trained of each part that is one."""
        return max(self.members, self.folds)


@dataclass(frozen=True)
class RunOptions:
    """Everything that a run depends on: equal options give equal numbers on one machine.

    ``head["kind"]`` says what the targets are: auto, regression, binary, multiclass, or one of
    them for each target by name. ``encoder``, ``readout`` and ``head`` are for ``build_model``.
    ``pretrained`` is an encoder's folder or name, see ``train.begin``; None begins at random.
    """

    data: DataOptions
    model: ModelOptions = field(default_factory=default_model)
    encoder: Mapping = field(default_factory=lambda: {"name": ENCODER})
    readout: Mapping = field(default_factory=lambda: {"name": "sum"})
    head: Mapping = field(default_factory=lambda: {"name": "mlp", "kind": "auto"})
    loss: LossOptions = field(default_factory=LossOptions)
    optim: OptimOptions = field(default_factory=OptimOptions)
    fit: FitOptions = field(default_factory=FitOptions)
    pretrained: str | None = None
    finetune: FinetuneOptions = field(default_factory=FinetuneOptions)
    seed: int = 0

    def __post_init__(self):
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise Refusal(f"seed={self.seed!r}: must be a whole number")
        if self.seed < 0:
            raise Refusal(f"seed={self.seed}: must not be negative")
        if self.seed >= 2**32:
            raise Refusal(f"seed={self.seed}: must be below 2^32")
        self._check_samples()
        if self.fit.folds and self.model.embeddings:
            raise Refusal(
                "model.embeddings=true: with fit.folds a model would see the vectors of networks "
                "that learnt from its fold: leave out one of the two"
            )
        check_finetune(self.pretrained, self.finetune, self.fit.epochs, self.model.networks)

    def _check_samples(self) -> None:
        """What ``nn.head`` refuses too, but only when networks are made."""
        samples = self.head.get("samples", 0)
        if samples and not self.model.networks:
            raise Refusal(f"head.samples={samples}: there is no network in this model to sample")
        if samples and not self.head.get("dropout", 0):
            raise Refusal(f"head.samples={samples}: give head.dropout too, above 0")

    @property
    def spec(self) -> dict:
        """The network alone, as ``build_model`` takes it; one without features leaves these out."""
        head = {key: value for key, value in self.head.items() if key != "kind"}
        spec = {"encoder": dict(self.encoder), "readout": dict(self.readout), "head": head}
        hybrid = "hybrid" in self.model.possible
        return spec | ({"features": list(self.model.network_features)} if hybrid else {})

    @property
    def kind(self) -> str | Mapping[str, str]:
        return self.head.get("kind", "auto")
