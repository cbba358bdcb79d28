"""What commands say on stderr: lines, and progress where stderr is a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def say(line: str, quiet: bool = False) -> None:
    """One line on stderr, unless quiet."""
    if not quiet:
        print(line, file=sys.stderr)


@contextmanager
def progress(what: str, quiet: bool = False) -> Iterator[Callable[[int], None] | None]:
    """A function to call with the molecules done so far; None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:,} molecules"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, start = bar.add_task(what, total=None, rate=""), time.perf_counter()

        def update(done: int) -> None:
            rate = done / (time.perf_counter() - start)
            bar.update(task, completed=done, rate=f"{rate:,.0f}/s")

        yield update


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
