"""A column that stands beside predictions: its name, its kind and a value for each molecule."""

from collections.abc import Sequence
from typing import NamedTuple

FIGURE, TEXT, FLAG = "figure", "text", "flag"


class Column(NamedTuple):
    """``values``, one a molecule: floats with NaN for none, or texts and booleans with None."""

    name: str
    kind: str
    values: Sequence
