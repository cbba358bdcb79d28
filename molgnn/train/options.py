"""The options of a training run, as plain data; ``conf/`` holds the same names and values."""

from dataclasses import dataclass, field

from molgnn.errors import Refusal


@dataclass(frozen=True)
class OptimOptions:
    """AdamW; the rate rises linearly over ``warmup`` epochs, then falls as a half cosine to ``final_lr``."""

    lr: float = 1e-3
    final_lr: float = 1e-4
    warmup: float = 2.0
    weight_decay: float = 0.0
    clip: float = 1.0

    def __post_init__(self):
        if self.lr <= 0 or self.final_lr < 0 or self.clip < 0 or self.warmup < 0:
            raise Refusal("optim: lr must be positive; final_lr, warmup and clip must not be negative")


@dataclass(frozen=True)
class FitOptions:
    """How long, how many, where. ``patience`` in epochs, 0 never stops early; ``devices`` > 1 is DDP."""

    epochs: int = 50
    batch_size: int = 64
    patience: int = 0
    members: int = 1
    class_weights: bool = False
    ema: float = 0.0
    baseline: bool = True
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"

    def __post_init__(self):
        for name in ("epochs", "batch_size", "members", "devices"):
            if getattr(self, name) < 1:
                raise Refusal(f"fit.{name}={getattr(self, name)}: must be at least 1")
        if not 0 <= self.ema < 1:
            raise Refusal(f"fit.ema={self.ema}: must be at least 0 and below 1")


@dataclass(frozen=True)
class SplitOptions:
    """Which molecules train, validate and test: see ``data.split``."""

    name: str = "scaffold"
    column: str | None = None
    sizes: tuple[float, float, float] = (0.8, 0.1, 0.1)
    fold: int = 0
    folds: int = 5


@dataclass(frozen=True)
class DataOptions:
    """One table, or one named data set (``name`` alone)."""

    name: str = ""
    path: str | None = None
    targets: tuple[str, ...] = ()
    smiles: str | None = None
    id: str | None = None
    units: dict[str, str] = field(default_factory=dict)
    recipe: str = "parent"
    repeats: str = "mean"
    split: SplitOptions = field(default_factory=SplitOptions)


@dataclass(frozen=True)
class RunOptions:
    """Everything that a run depends on. Two runs with equal options give equal numbers."""

    data: DataOptions
    encoder: dict = field(default_factory=lambda: {"name": "dmpnn"})
    readout: dict = field(default_factory=lambda: {"name": "mean"})
    head: dict = field(default_factory=lambda: {"name": "mlp"})
    kind: str | dict[str, str] = "auto"
    optim: OptimOptions = field(default_factory=OptimOptions)
    fit: FitOptions = field(default_factory=FitOptions)
    seed: int = 0
