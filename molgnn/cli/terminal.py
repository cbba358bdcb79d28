"""What commands say: lines on stderr, progress where that is a terminal, and what to type next."""

import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from molgnn.cli.meter import Meter

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended
LINE_EVERY = 30  # seconds between two lines of progress where there is no terminal


def say(line: str, quiet: bool = False) -> None:
    """One line on stderr, unless quiet."""
    if not quiet:
        print(line, file=sys.stderr)


def override(key: str, value: str) -> str:
    """KEY=VALUE for a shell, quoted for the shell and for Hydra where these need it."""
    if re.fullmatch(r"[\w./:-]+", value, re.ASCII):
        return f"{key}={value}"
    # Hydra takes a backslash as one, but for those in front of a quote.
    inner = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + ("\\'" if m[2] else ""), value)
    word = f"{key}='{inner}'"
    return shlex.quote(word) if set(word) & set('"$`\\!') else f'"{word}"'


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, by which batch systems stop a job, does in the block what Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def progress(
    what: str, quiet: bool = False, fraction: Callable[[], float | None] | None = None
) -> Iterator[Meter | None]:
    """A meter to call with the rows done so far, shown live on a terminal and as a line now and
    then elsewhere; None where nothing shall be said. ``fraction`` as for ``Meter``."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        yield from _live(what, fraction)
    else:
        yield Meter(lambda meter: say(f"{what}: {meter.text()}"), fraction, LINE_EVERY)


def _live(what: str, fraction) -> Iterator[Meter]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.fields[text]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, text="")
        yield Meter(lambda meter: bar.update(task, text=meter.text()), fraction)


@contextmanager
def share(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A function to call with (done, total); None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)

    def update(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()

    try:
        yield update
    finally:
        bar.stop()
