"""``molgnn data``: the named datasets, where each one lies, and how to fetch one."""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="")
    fetch = actions.add_parser("fetch", help="download a dataset into the cache")
    fetch.add_argument("name", metavar="NAME", help="one of those that `molgnn data` lists")


def run(args: argparse.Namespace) -> int:
    if getattr(args, "action", None) == "fetch":
        return _fetch(args.name)
    for line in _aligned([_HEADER, *_listing()]):
        print(line)
    return 0


_HEADER = ("name", "tasks", "kind", "rows", "where", "source")


def _listing() -> list[tuple[str, ...]]:
    from molgnn.data.named.registry import DATASETS, find

    rows = []
    for name, entry in DATASETS.items():
        found = find(name)
        where = found.where if found else "to download"
        count = _rows(found.path) if found else entry.rows
        source = entry.source.partition(" (")[0]
        rows.append((name, _tasks(entry.tasks), entry.kind, str(count or ""), where, source))
    return rows


def _tasks(names: tuple[str, ...]) -> str:
    if not names:
        return "all columns"
    return ", ".join(names) if len(names) <= 2 else f"{len(names)} tasks"


def _rows(path) -> int:
    from molgnn.data.readers.reader import open_table

    return sum(1 for _ in open_table(path, columns=()))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ((cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return ["  ".join(row).rstrip() for row in cells]


def _fetch(name: str) -> int:
    from molgnn.data.named.registry import fetch, find

    found = find(name)
    if found:
        print(f"{name}: already here ({found.where}): {found.path}")
        return 0
    print(f"{name}: {_with_progress(fetch, name)}")
    return 0


def _with_progress(fetch, name: str):
    """The bar goes to stderr, and only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"fetching {name}", total=None)
        return fetch(
            name, lambda done, total: bar.update(task, completed=done, total=total or None)
        )
