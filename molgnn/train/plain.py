"""Options from nested plain data: each known, and of its type."""

import dataclasses
from collections.abc import Mapping

from molgnn.errors import Refusal, choices


def from_plain(kind: type, plain: Mapping, where: str = ""):
    """An options object from nested plain data. Raises Refusal for an option that is unknown or of
    another type."""
    if not isinstance(plain, Mapping):
        meant = f": did you mean {where}name={plain}?" if "name" in kind.__annotations__ else ""
        raise Refusal(f"{where.rstrip('.')}={plain}: must hold options of its own{meant}")
    known = {f.name: f.type for f in dataclasses.fields(kind)}
    values = {}
    for name, value in plain.items():
        if name not in known:
            raise choices("option", f"{where}{name}", [f"{where}{k}" for k in known])
        values[name] = _as(known[name], value, f"{where}{name}")
    return kind(**values)


def _as(wanted, value, name: str):
    if dataclasses.is_dataclass(wanted):
        return from_plain(wanted, value, f"{name}.")
    if wanted in (int, float):
        return _number(wanted, value, name)
    if wanted in (int | None, float | None):
        of = int if wanted == int | None else float
        return None if value is None else _number(of, value, name)
    if wanted is bool:
        return _of(bool, value, f"{name}={value}: must be true or false")
    if wanted == tuple[str, ...]:
        return tuple(_text(v, name) for v in _listed(value))
    if wanted == tuple[float, ...]:
        wrong = f"{name}={value}: must be a list of numbers"
        return tuple(float(_of((int, float), v, wrong)) for v in _of((list, tuple), value, wrong))
    if wanted in (str, str | None):
        return None if value is None and wanted is not str else _text(value, name)
    if wanted in (str | Mapping[str, str], str | Mapping[str, list]):
        return value if isinstance(value, Mapping) else _text(value, name)
    return _of(
        Mapping, {} if value is None else value, f"{name}={value}: must hold options of its own"
    )


def _of(kinds, value, refusal: str):
    if not isinstance(value, kinds):
        raise Refusal(refusal)
    return value


def _number(wanted: type, value, name: str):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refusal(f"{name}={value}: must be a number")
    if wanted is int and not float(value).is_integer():
        raise Refusal(f"{name}={value}: must be a whole number")
    return wanted(value)


def _text(value, name: str) -> str:
    """A number passes for text: a column may be called 1, a file 2024."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Refusal(f"{name}={value}: must be text")
    return str(value)


def _listed(value) -> list:
    return list(value or ()) if isinstance(value, (list, tuple, type(None))) else [value]
