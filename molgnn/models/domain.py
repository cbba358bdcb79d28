"""The applicability domain: which molecules are familiar enough, by a rule learnt in training."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from molgnn.errors import Refusal

KEY = "domain"  # in config.json
FINGERPRINT = {"kind": "Morgan", "radius": 2, "bits": 2048}
NO_RULE = "no rule was learnt for this model: in_domain is empty, similarity and nearest are there"
ORIGINS = {
    "error": "where the expected validation error (isotonic regression on similarity) falls to its "
    "mean, with 10 to 50 % of the validation molecules outside",
    "quantile": "the validation error did not clearly fall with similarity, so the least similar "
    "10 % of the validation molecules are outside",
    "leave-one-out": "with too few validation molecules, such that 5 % of the training molecules "
    "are less similar to their nearest other one",
}


@dataclass(frozen=True)
class Side:
    """The validation molecules on one side of the threshold; ``error`` None: there is none."""

    count: int
    error: float | None

    def is_sound(self) -> bool:
        count = type(self.count) is int and self.count >= 0
        return count and (self.error is None or _is_number(self.error, 0.0, 1e300))


@dataclass(frozen=True)
class Rule:
    """A molecule is inside where similarity >= ``threshold``.

    Similarity is Tanimoto's on ``FINGERPRINT`` to the nearest training molecule; ``rule`` is one of
    ``ORIGINS`` and says where the threshold is from, ``measure`` what the errors of the sides are.
    """

    rule: str
    threshold: float
    measure: str
    inside: Side
    outside: Side

    @classmethod
    def from_json(cls, data: Mapping) -> "Rule":
        """Raises ValueError, TypeError or KeyError for what is no rule."""
        if data["fingerprint"] != FINGERPRINT:
            raise ValueError("similarities on other fingerprints")
        sides = {side: Side(**data[side]) for side in ("inside", "outside")}
        rule = cls(data["rule"], data["threshold"], data["measure"], **sides)
        sound = rule.rule in ORIGINS and _is_number(rule.threshold, 0.0, 1.0)
        sound = sound and isinstance(rule.measure, str) and len(rule.measure) < 500
        if not sound or not all(side.is_sound() for side in sides.values()):
            raise ValueError("no rule")
        return rule

    def to_json(self) -> dict:
        """Plain data, with the rule in words for whoever reads it there."""
        return {**asdict(self), "fingerprint": FINGERPRINT, "words": self.words()}

    def words(self) -> str:
        """The rule in a sentence or two."""
        inside, outside = self.inside, self.outside
        known = f"inside: similarity ≥ {self.threshold:.2f} to some training molecule"
        if inside.error is not None and outside.error is not None:
            known += (
                f"; there the validation error was {inside.error:.3g}, outside {outside.error:.3g} "
                f"({self.measure}; {inside.count:,} and {outside.count:,} molecules)"
            )
        kind, radius, bits = FINGERPRINT.values()
        return (
            f"{known}. Threshold: {ORIGINS[self.rule]}. Similarity: Tanimoto, {kind} fingerprints, "
            f"radius {radius}, {bits:,} bits."
        )


def rule_of(config: Mapping, where: object = "config.json") -> Rule | None:
    """The rule of a bundle's config, None where none was learnt. Raises Refusal for a damaged one,
    which names ``where`` it stands."""
    if config.get(KEY) is None:
        return None
    try:
        return Rule.from_json(config[KEY])
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        raise Refusal(f"{where}: damaged: {KEY!r} is no rule of similarity") from None


def _is_number(value: object, low: float, high: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and low <= value <= high
