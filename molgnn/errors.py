"""The one error that a user sees as a line, not as a traceback."""


class Refusal(Exception):
    """Input that molgnn declines. The message names file, row, reason and remedy in one line.

    The command line prints it as ``molgnn: <message>`` and leaves with exit code 1.
    """


def choices(kind: str, name: object, known) -> Refusal:
    """The refusal for a wrong name: says what would have been right."""
    return Refusal(f"unknown {kind} {name!r}: choose one of {', '.join(sorted(map(str, known)))}")
