"""The one error that a user sees as a line, not as a traceback."""

import re
from collections.abc import Callable
from functools import wraps


class Refusal(Exception):
    """Input that molgnn declines. The message names file, row, reason and remedy in one line.

    The command line prints it as ``molgnn: <message>`` and leaves with exit code 1.
    """


def choices(kind: str, name: object, known) -> Refusal:
    """The refusal for a wrong name: says what would have been right."""
    return Refusal(f"unknown {kind} {name!r}: choose one of {', '.join(sorted(map(str, known)))}")


def in_python(call: Callable) -> Callable:
    """The same function, whose refusals name arguments as Python has them, not as flags."""

    @wraps(call)
    def spoken(*args, **named):
        try:
            return call(*args, **named)
        except Refusal as refusal:
            raise Refusal(_as_arguments(str(refusal))) from None

    return spoken


def _as_arguments(text: str) -> str:
    """``--force`` is ``force=True``, ``--out`` is ``out=``, ``fit.epochs`` is ``epochs``."""
    text = re.sub(r"\bdata\.recipe=(\w+)", r"table={'recipe': '\1'}", text)
    text = re.sub(r"--no-([a-z]+)", r"\1=False", text)
    text = re.sub(r"--(force|resume)\b|\bforce=true\b", lambda m: f"{m[1] or 'force'}=True", text)
    text = re.sub(r"--([a-z][a-z-]*)", lambda m: m[1].replace("-", "_") + "=", text)
    text = re.sub(r"\bdata\.(\w*targets|transform)=", r"\1=", text)
    return re.sub(r"\bfit\.(\w+)=", r"\1=", text)
