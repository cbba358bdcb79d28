"""How a training that begins with a pretrained encoder goes on with it, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass

from molgnn.errors import Refusal, choices

MODES = ("full", "frozen", "staged")


@dataclass(frozen=True)
class FinetuneOptions:
    """``mode``: full, all learn from the start; frozen, the encoder never learns; staged, it does
    not in the first ``frozen_epochs`` epochs, so that what it knows is not lost to a head that
    knows nothing (Kumar 2022, arXiv:2202.10054). An encoder that rests has no dropout either.

    With ``head`` the hidden layer of the head for molecules begins as that from which pretraining
    decoded descriptors, where there is one and it fits (see ``models.pretrained.begin_with``).
    The encoder's learning rate is ``encoder_lr`` (None: 0.3 where it rested first, else 1) times
    that of the rest, and ``layer_decay`` ** k
    times that in its layer k, counted from the output: Howard and Ruder 2018, arXiv:1801.06146.
    """

    mode: str = "staged"
    frozen_epochs: int | None = None  # a third of all, rounded down
    layer_decay: float = 1.0
    encoder_lr: float | None = None
    head: bool = True

    def __post_init__(self):
        if self.mode not in MODES:
            raise choices("finetune.mode", self.mode, MODES)
        if self.frozen_epochs is not None and self.frozen_epochs < 1:
            raise Refusal(f"finetune.frozen_epochs={self.frozen_epochs}: must be at least 1")
        if self.frozen_epochs is not None and self.mode != "staged":
            raise Refusal(
                f"finetune.frozen_epochs={self.frozen_epochs}: only finetune=staged has some, not "
                f"mode {self.mode!r}"
            )
        if not 0 < self.layer_decay <= 1:
            raise Refusal(f"finetune.layer_decay={self.layer_decay}: must be above 0, at most 1")
        if self.encoder_lr is not None and not 0 < self.encoder_lr < float("inf"):
            raise Refusal(
                f"finetune.encoder_lr={self.encoder_lr}: must be above 0; finetune=frozen keeps "
                "the encoder as it is"
            )
        if self.mode == "frozen" and (self.layer_decay, self.encoder_lr) != (1, None):
            raise Refusal(
                "finetune.mode=frozen: the encoder never learns, so leave layer_decay and "
                "encoder_lr out"
            )

    @property
    def called(self) -> str:
        decay = f", layer decay {self.layer_decay:g}" if self.layer_decay < 1 else ""
        return f"{self.mode}{decay}"

    @property
    def scale(self) -> float:
        """What the encoder's learning rate is multiplied by."""
        if self.encoder_lr is None:
            return 0.3 if self.mode == "staged" else 1.0
        return self.encoder_lr

    def rests(self, epoch: int, epochs: int) -> bool:
        """Whether the encoder does not learn in an epoch, counted from 0, of so many."""
        first = epochs // 3 if self.frozen_epochs is None else self.frozen_epochs
        return self.mode == "frozen" or (self.mode == "staged" and epoch < first)


# The choices of conf/finetune.
FINETUNES: dict[str, Mapping] = {
    "staged": {},
    "full": {"mode": "full"},
    "frozen": {"mode": "frozen"},
    "layerwise": {"mode": "full", "layer_decay": 0.8},
}


def finetune_options(finetune: str | Mapping) -> dict:
    """A choice by its name, or a mapping with a name and further options, as plain options. Raises
    Refusal for another name."""
    given = dict(finetune) if isinstance(finetune, Mapping) else {"name": finetune}
    name = given.pop("name", "staged")
    if not isinstance(name, str) or name not in FINETUNES:
        raise choices("finetune", name, FINETUNES)
    return {**FINETUNES[name], **given}


def check_finetune(
    pretrained: str | None, finetune: FinetuneOptions, epochs: int, networks: tuple[str, ...]
) -> None:
    """Raises Refusal for wishes that come to nothing."""
    if pretrained is None:
        if finetune != FinetuneOptions():
            raise Refusal("finetune: there is no encoder to go on from: give pretrained=... too")
        return
    if not networks:
        raise Refusal(
            f"pretrained={pretrained}: there is no network in this model to begin with it: choose "
            "model=network, hybrid or blend"
        )
    frozen = finetune.frozen_epochs
    if finetune.mode == "staged" and frozen is not None and frozen >= epochs:
        raise Refusal(
            f"finetune.frozen_epochs={frozen}: with fit.epochs={epochs} the "
            "encoder would never learn: give fewer, or finetune=frozen"
        )
