"""Named datasets: where each one is found, how it is fetched, how it is read."""

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from molgnn.data.named.catalogue import DATASETS, Entry
from molgnn.data.named.download import Progress, download, renamed_when_done
from molgnn.data.named.extract import extract
from molgnn.data.readers.reader import open_table
from molgnn.data.tables.table import Dataset, read_dataset
from molgnn.errors import Refusal, choices

__all__ = ["DATASETS", "Entry", "Found", "entry_of", "fetch", "find", "find_or_fetch", "read_named"]


@dataclass(frozen=True)
class Found:
    """A table on disk: ``where`` is "shipped", "MOLGNN_DATA" or "cache"."""

    path: Path
    where: str


def entry_of(name: str) -> Entry:
    """The dataset of that name; a Refusal with the choices for another."""
    if name not in DATASETS:
        raise choices("dataset", name, DATASETS)
    return DATASETS[name]


def find(name: str) -> Found | None:
    """Shipped with the package, else in $MOLGNN_DATA/moleculenet, else in the cache; else None."""
    entry = entry_of(name)
    if entry.shipped:
        return Found(Path(str(files("molgnn.shipped") / entry.shipped)), "shipped")
    for where, folder in _folders():
        for file in (f"{name}.csv", f"{name}.csv.gz"):
            if (folder / file).is_file():
                return Found(folder / file, where)
    return None


def fetch(name: str | Entry, progress: Progress | None = None) -> Path:
    """Download a dataset into the cache, and return the path of its table there.

    The published file is checked by its md5, turned into ``smiles, name, <tasks>`` and removed.
    Raises Refusal, and leaves no file, where anything goes wrong.
    """
    entry = name if isinstance(name, Entry) else entry_of(name)
    if not entry.url:
        raise Refusal(f"{entry.name}: is shipped with molgnn: there is nothing to fetch")
    table = cache() / f"{entry.name}.csv"
    published = cache() / entry.url.rsplit("/", 1)[-1]
    remedy = f"try again later, or put {table.name} into the folder moleculenet of $MOLGNN_DATA"
    try:
        download(entry.url, published, entry.md5, remedy, progress)
        with renamed_when_done(table) as partial:
            extract(entry, published, partial)
    finally:
        published.unlink(missing_ok=True)
    return table


def find_or_fetch(name: str, progress: Progress | None = None) -> Path:
    """The dataset's table, downloaded if it is nowhere on this machine."""
    found = find(name)
    return found.path if found else fetch(name, progress)


def read_named(
    name: str,
    *,
    recipe: str = "parent",
    repeats: str = "mean",
    group_by: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """A named dataset, with its column ``split`` in ``Dataset.columns`` where its table has one.

    ``recipe``, ``repeats`` and ``group_by`` are those of ``read_dataset``.
    """
    entry = entry_of(name)
    path = find_or_fetch(name)
    with open_table(path) as table:
        names = table.columns
    keep = [entry.split] if entry.split in names else []
    return read_dataset(
        path,
        smiles="smiles",
        targets=entry.tasks or [c for c in names if c not in ("smiles", "name", "split")],
        keep=keep,
        recipe=recipe,
        repeats=repeats,
        classification=entry.kind != "regression",
        group_by=group_by,
        name=name,
        progress=progress,
    )


def cache() -> Path:
    """``$MOLGNN_CACHE``, else ~/.cache/molgnn."""
    return Path(os.environ.get("MOLGNN_CACHE") or Path.home() / ".cache" / "molgnn")


def _folders() -> list[tuple[str, Path]]:
    given = os.environ.get("MOLGNN_DATA")
    if given and not Path(given).is_dir():
        raise Refusal(f"MOLGNN_DATA={given}: no such folder: correct the variable or unset it")
    own = [("MOLGNN_DATA", Path(given) / "moleculenet")] if given else []
    return [*own, ("cache", cache())]
