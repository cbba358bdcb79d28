"""What an explanation shall hold beside the attributions."""

from dataclasses import dataclass

from molgnn.errors import Refusal


@dataclass(frozen=True)
class Wanted:
    """``top`` nearest training molecules."""

    top: int = 3

    def __post_init__(self):
        if self.top < 0:
            raise Refusal(f"--top {self.top}: must be at least 0")


ATTRIBUTIONS = Wanted()
