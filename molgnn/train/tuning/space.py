"""The space of a search: which options are tried, and between which values, as plain data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from molgnn.errors import Refusal

_WORDS = ("low", "high", "step", "log", "choices", "when")
# The data are read and split once, and figures must stay comparable.
_FIXED = ("data", "seed", "out", "force", "head.kind", "fit.devices", "fit.baseline")


@dataclass(frozen=True)
class Option:
    """One option of ``molgnn train`` by its dotted name, or a group of them, with its values.

    Numbers from ``low`` to ``high``, by ``step`` or on a logarithmic scale, or ``choices``.
    ``when`` maps other options to the values for which this one is tried.
    """

    key: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple = ()
    when: Mapping[str, tuple] | None = None

    def suggest(self, trial):
        """A value from an Optuna trial."""
        if self.choices:
            labels = {_label(choice): choice for choice in self.choices}
            return labels[trial.suggest_categorical(self.key, list(labels))]
        if self.is_whole:
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return trial.suggest_int(self.key, low, high, step=step, log=self.log)
        value = trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)
        return float(f"{value:.6g}")  # what is read in a table can be typed, and is what ran

    @property
    def is_whole(self) -> bool:
        return all(isinstance(v, int) for v in (self.low, self.high, self.step) if v is not None)

    def holds(self, value) -> bool:
        """Whether this option could take ``value``."""
        if self.choices:
            return _label(value) in {_label(choice) for choice in self.choices}
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        steps = (value - self.low) / (self.step or (1 if self.is_whole else value - self.low or 1))
        return self.low <= value <= self.high and abs(steps - round(steps)) < 1e-6

    def fixed(self, value):
        """``value`` as Optuna is told it."""
        return _label(value) if self.choices else value

    def is_tried(self, values: Mapping) -> bool:
        """Whether it is tried where the other options have these values."""
        return all(values.get(key) in allowed for key, allowed in (self.when or {}).items())

    def plain(self) -> dict:
        """As in a file, but for the nesting."""
        kept = {word: getattr(self, word) for word in _WORDS if getattr(self, word)}
        if not self.choices:
            kept |= {"low": self.low, "high": self.high}
        return json.loads(json.dumps(kept))


def _label(choice):
    """Optuna keeps plain values; a list or mapping becomes its JSON."""
    plain = choice is None or isinstance(choice, (str, bool, int, float))
    return choice if plain else json.dumps(choice)


def read_space(plain: Mapping) -> list[Option]:
    """The options of a nested mapping, in its order; names may also be dotted. Raises Refusal for
    what is no range."""
    if not isinstance(plain, Mapping):
        raise Refusal(f"space={plain}: must be a mapping of options to {{low, high}} or choices")
    space = list(_options(plain, ""))
    if not space:
        raise Refusal("the space is empty: every option in it is given, so nothing is left to tune")
    return space


def _options(plain: Mapping, where: str):
    own = {w: v for w, v in plain.items() if w in _WORDS} if where else {}
    if own:
        yield _option(where, own)
    for name, value in plain.items():
        if name in own:
            continue
        key = f"{where}.{name}" if where else str(name)
        if not isinstance(value, Mapping):
            raise Refusal(
                f"space.{key}={value}: must be {{low: ..., high: ...}} or {{choices: [...]}}, with "
                "step, log or when"
            )
        yield from _options(value, key)


def _option(key: str, own: Mapping) -> Option:
    for fixed in _FIXED:
        if key == fixed or (fixed == "data" and key.startswith("data.")):
            raise Refusal(f"space.{key}: {fixed} is the same in all trials: give it once")
    where = f"space.{key}"
    when = own.get("when") or {}
    if not isinstance(when, Mapping):
        raise Refusal(f"{where}.when={when}: must be {{option: [values]}}")
    when = {k: tuple(v) if isinstance(v, (list, tuple)) else (v,) for k, v in when.items()}
    if "choices" in own:
        choices = own["choices"]
        if not isinstance(choices, (list, tuple)) or not choices or len(own) > 1 + ("when" in own):
            raise Refusal(f"{where}.choices={choices}: must be a list, without low, high and step")
        return Option(key, choices=tuple(choices), when=when)
    low, high, step = (own.get(word) for word in ("low", "high", "step"))
    numbers = [low, high, *([] if step is None else [step])]
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in numbers):
        raise Refusal(f"{where}: low, high and step must be numbers, or give choices")
    log = own.get("log", False)
    if not isinstance(log, bool):
        raise Refusal(f"{where}.log={log}: must be true or false")
    if not low < high or (step is not None and not step > 0):
        raise Refusal(f"{where}: low={low} must be below high={high}, and a step above 0")
    if log and (step is not None or not low > 0):
        raise Refusal(f"{where}: on a logarithmic scale low must be above 0, and without step")
    if step is not None:  # Optuna warns of a last step that is shorter
        high = low + step * int((high - low) / step + 1e-9)
    return Option(key, low, high, step, log, when=when)


def chosen(space: Sequence[Option], trial, defaults: Mapping, only=None) -> dict:
    """A value for each option that is tried (of ``only``, where given), from an Optuna trial.
    ``defaults`` are the values of options that are not in the space."""
    values: dict = {}
    for option in space:
        known = {**defaults, **values}
        if option.is_tried(known) and (only is None or option.key in only):
            values[option.key] = option.suggest(trial)
    return values


def default_values(space: Sequence[Option], defaults: Mapping) -> dict:
    """What the default configuration is in this space: the options whose default lies in it."""
    return {
        option.key: defaults[option.key]
        for option in space
        if option.key in defaults
        and option.is_tried(defaults)
        and option.holds(defaults[option.key])
    }
