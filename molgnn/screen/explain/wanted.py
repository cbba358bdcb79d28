"""What an explanation shall hold beside the attributions."""

from dataclasses import dataclass

from molgnn.errors import Refusal


@dataclass(frozen=True)
class Wanted:
    """``top`` nearest training molecules; and, with ``rationale``, the smallest part that keeps the
    share ``keep`` of the score, by ``walks`` walks, which end at ``budget`` parts."""

    top: int = 3
    rationale: bool = False
    keep: float = 0.8
    walks: int = 60
    budget: int = 500
    seed: int = 0

    def __post_init__(self):
        if self.top < 0:
            raise Refusal(f"--top {self.top}: must be at least 0")
        if not 0 < self.keep <= 1:
            raise Refusal(f"--keep {self.keep:g}: must be above 0 and at most 1")


ATTRIBUTIONS = Wanted()
