"""How a library is cut into shards: the units in which a screen is done, kept and gone on with."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, count, islice
from pathlib import Path

from molgnn.data.library import Library, read_library
from molgnn.data.packed.library import PackedLibrary, packed_folder
from molgnn.data.pool.workers import Featurized
from molgnn.data.readers.record import Row
from molgnn.errors import Refusal
from molgnn.screen.digest import RowDigest

SMALL_ROWS, SMALL_BYTES = 20_000, 1_000_000
SHARD = 16384  # rows: seconds of work, some kB of results


@dataclass(frozen=True)
class Done:
    """What is known of a shard that an earlier run has finished: its rows, and their hashes."""

    rows: int
    digests: dict[str, str]


class FileShards:
    """``size`` rows each, whatever the files they come from, in chunks of ``chunk`` rows."""

    def __init__(self, library: Library, size: int, chunk: int):
        self.library, self.size, self.chunk = library, size, chunk

    def length(self, number: int) -> int:
        """Chunks of a shard; the library's last one has fewer."""
        return -(-self.size // self.chunk)

    def digest(self) -> RowDigest:
        return RowDigest()

    def chunks(self, done: dict[int, Done], begun_in: Path | None) -> Iterator[list[Row]]:
        """The rows of the shards that are not done yet. Those that are done are read too, and
        refused by file name where they are not what they were when the screen was begun."""
        with closing(iter(self.library)) as rows:
            for number in count():
                shard, left = islice(rows, self.size), False
                if number in done:
                    self._check(done[number], shard, begun_in)
                    continue
                while chunk := list(islice(shard, self.chunk)):
                    left = True
                    yield chunk
                if not left:
                    break
        if max(done, default=-1) > number:
            raise changed(self.library.files[-1], begun_in)

    def _check(self, done: Done, rows: Iterator[Row], begun_in: Path | None) -> None:
        digest = self.digest()
        digest.add(rows)
        found = digest.by_file()
        for file in [*done.digests, *found]:
            if done.digests.get(file) != found.get(file):
                raise changed(file, begun_in)


class PackedShards:
    """Runs of consecutive parts: a shard ends with the part that brings it to ``size`` rows."""

    def __init__(self, library: PackedLibrary, size: int):
        self.library = library
        self._parts = _cut(library.part_rows(), size)

    def length(self, number: int) -> int:
        """Parts of a shard; none beyond the last."""
        return len(self._parts[number]) if number < len(self._parts) else 0

    def digest(self) -> None:
        """The hashes in the library's manifest guard its rows, so nobody needs to read them."""

    def parts(self, done: dict[int, Done]) -> Iterator[Featurized]:
        """The parts of the shards that are not done yet; of the others nothing is read."""
        return self.library.parts(skip={part for number in done for part in self._parts[number]})


def open_library(paths, smiles: str | None = None, id: str | None = None):
    """A packed library or one of files, as the paths say; see ``read_library``."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    folder = packed_folder(paths)
    return PackedLibrary(folder) if folder else read_library(paths, smiles=smiles, id=id)


def shards_of(library: Library | PackedLibrary, size: int, chunk: int) -> FileShards | PackedShards:
    if isinstance(library, PackedLibrary):
        return PackedShards(library, size)
    return FileShards(library, size, chunk)


def is_small(library: Library | PackedLibrary) -> bool:
    """Whether it is scored in seconds however that is done; a stream may be of any size."""
    if isinstance(library, PackedLibrary):
        return sum(library.part_rows()) < SMALL_ROWS
    sizes = [library.size(file) for file in library.files]
    if None in sizes:
        return False
    packed = [name.endswith((".gz", ".zst")) for name in library.files]
    return sum(n * (5 if p else 1) for n, p in zip(sizes, packed, strict=True)) < SMALL_BYTES


def changed(file: str, begun_in: Path | None, how: str = "") -> Refusal:
    return Refusal(
        f"{file}: has changed since the screen in {begun_in} was begun{how}: bring it back, or "
        f"start over with --no-resume"
    )


def _cut(rows: list[int], size: int) -> list[range]:
    """Part numbers of each shard. Looks for each end among the running sums of rows."""
    ends, cuts = list(accumulate(rows)), []
    first, before = 0, 0
    while first < len(rows):
        last = min(bisect_left(ends, before + size), len(rows) - 1)
        cuts.append(range(first, last + 1))
        first, before = last + 1, ends[last]
    return cuts
