"""The options of a pretraining, as plain data; ``conf/pretrain.yaml`` and ``conf/terms`` hold the
same names and values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from molgnn.chem.descriptors import block_of
from molgnn.chem.smiles import RECIPES
from molgnn.errors import Refusal, choices
from molgnn.models.autoencoder import PARTS
from molgnn.train.options import OptimOptions


@dataclass(frozen=True)
class LibraryOptions:
    """``library``: files and patterns, or one packed library. No molecule of the files ``exclude``
    is learnt from: compared as ``recipe`` standardises both. ``prepared`` is where the library is
    kept packed, with what else is computed once: several pretrainings may share it; None: in the
    run's folder. ``workers`` are processes that read molecules, None: one a core. ``pieces``: of so
    many molecules, a share, a piece is learnt from too, or the molecule joined with another, as a
    network is only sure of sizes that it has seen; then each molecule is learnt from once."""

    library: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    recipe: str = "parent"
    prepared: str | None = None
    smiles: str | None = None
    workers: int | None = None
    pieces: float = 0.0

    def __post_init__(self):
        if not self.library:
            raise Refusal("no library: give data.library=FILE, or data.library=[FILE,...]")
        if self.recipe not in RECIPES:
            raise choices("data.recipe", self.recipe, RECIPES)
        if not 0 <= self.pieces <= 1:
            raise Refusal(f"data.pieces={self.pieces}: a share, from 0 to 1")
        if self.workers is not None and self.workers < 0:
            raise Refusal(f"data.workers={self.workers}: must not be negative")


@dataclass(frozen=True)
class TermOptions:
    """What the loss is made of: a weight for each term, 0 switches it off.

    ``links``: inner products tell bonded pairs of atoms; ``pairs``: bilinear forms tell the bond of
    each pair; ``atoms``: the fields of hidden atoms, and of ``shown`` of the others; ``kl``: the
    divergence from the prior, which makes latents samples; ``descriptors``: of the whole
    molecule, those of ``blocks``, each of which weighs the same, ``part`` of them each step.

    ``mask`` is the share of atoms that are hidden, with the types of their bonds; a bond of theirs
    is taken away with the probability ``drop``, and then degree, hydrogens, hybridisation and rings
    are hidden at both its ends, as they would tell. The KL term grows linearly over the share
    ``warmup`` of all steps; below ``free_bits`` nats a dimension it counts as if it were those.
    ``dim`` and ``graph_dim`` are the widths of the latents of atoms and of molecules; 0 for no
    latent of molecules, which descriptors need.
    """

    links: float = 1.0
    pairs: float = 1.0
    atoms: float = 1.0
    kl: float = 0.001
    descriptors: float = 1.0
    mask: float = 0.15
    drop: float = 0.5
    shown: float = 0.1
    part: float = 0.5
    warmup: float = 0.1
    free_bits: float = 0.02
    dim: int = 64
    graph_dim: int = 128
    blocks: tuple[str, ...] = ("rdkit2d",)

    def __post_init__(self):
        for name in (*PARTS, "kl", "free_bits"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise Refusal(f"terms.{name}={getattr(self, name)}: a number, not negative")
        for name in ("mask", "drop", "shown", "part", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise Refusal(f"terms.{name}={getattr(self, name)}: a share, from 0 to 1")
        if not self.parts:
            raise Refusal(f"terms: nothing to decode: give one of {', '.join(PARTS)} a weight")
        if self.atoms and not (self.mask or self.shown):
            raise Refusal("terms.atoms: of none: give terms.mask or terms.shown a share")
        if self.descriptors and not (self.graph_dim and self.part):
            raise Refusal("terms.descriptors: needs terms.graph_dim and terms.part")
        for block in self.blocks:
            block_of(block)  # refuses one that is none
        if not self.blocks or len(set(self.blocks)) < len(self.blocks):
            raise Refusal(f"terms.blocks={list(self.blocks)}: name one block at least, each once")
        if self.dim < 1 or self.graph_dim < 0:
            raise Refusal("terms: dim must be at least 1, and graph_dim not negative")

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(part for part in PARTS if getattr(self, part))

    @property
    def described(self) -> tuple[str, ...]:
        """The blocks of descriptors that are learnt from, none without their term."""
        return self.blocks if self.descriptors else ()


_NONE = {"links": 0.0, "pairs": 0.0, "atoms": 0.0, "kl": 0.0, "descriptors": 0.0}
# The choices of conf/terms.
TERMS: dict[str, Mapping] = {
    "vgae": {},
    "autoencoder": {"kl": 0.0},
    "gae": _NONE | {"links": 1.0, "mask": 0.0, "graph_dim": 0},
    "masked": _NONE | {"atoms": 1.0, "drop": 0.0, "shown": 0.0},
    "descriptors": _NONE
    | {"descriptors": 1.0, "mask": 0.0, "graph_dim": 300, "blocks": ("rdkit2d", "morgan")},
}
DEFAULT_TERMS = "descriptors"
OPTIM = {"warmup": 0.05}


def pretrain_optim() -> OptimOptions:
    return OptimOptions(**OPTIM)


PRECISIONS = ("auto", "32-true", "bf16-mixed")


@dataclass(frozen=True)
class PretrainFit:
    """How long and where. ``log`` and ``checkpoint`` are numbers of steps between two rows of the
    history, and between two checkpoints, a multiple of it; ``valid`` molecules at most are held out
    to be judged. ``precision`` auto: bf16-mixed where the machine is fast at it."""

    epochs: int = 2
    batch_size: int = 256
    valid: int = 2000
    log: int = 100
    checkpoint: int = 500
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"

    def __post_init__(self):
        for name in ("epochs", "batch_size", "valid", "log", "checkpoint", "devices"):
            if getattr(self, name) < 1:
                raise Refusal(f"fit.{name}={getattr(self, name)}: must be at least 1")
        if self.precision not in PRECISIONS:
            raise choices("fit.precision", self.precision, PRECISIONS)
        if self.checkpoint % self.log:
            said = f"fit.checkpoint={self.checkpoint}"
            raise Refusal(f"{said}: must be a multiple of fit.log={self.log}")


@dataclass(frozen=True)
class PretrainOptions:
    """Everything that a pretraining depends on."""

    data: LibraryOptions
    terms: TermOptions = field(default_factory=lambda: TermOptions(**TERMS[DEFAULT_TERMS]))
    encoder: Mapping = field(default_factory=lambda: {"name": "dmpnn"})
    optim: OptimOptions = field(default_factory=pretrain_optim)
    fit: PretrainFit = field(default_factory=PretrainFit)
    seed: int = 0

    def __post_init__(self):
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise Refusal(f"seed={self.seed!r}: must be a whole number, not negative")
        if self.seed >= 2**32:
            raise Refusal(f"seed={self.seed}: must be below 2^32")
