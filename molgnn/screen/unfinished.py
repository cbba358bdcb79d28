"""The folder of a screen under way, OUT/unfinished: what is done stays, whatever ends the process.

``run.json`` says which screen it is, ``shard-*.jsonl`` hold what came of each finished shard,
``lock`` is held by the process that works there, and ``finishing`` says that the results are being
moved to OUT, so that those which are there already are this screen's own.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from molgnn.data.packed.durable import durable
from molgnn.data.readers.rejects import Reject
from molgnn.errors import Refusal
from molgnn.screen.claim import check_same
from molgnn.screen.lock import locked
from molgnn.screen.outputs import check_free, drafts
from molgnn.screen.shard import ShardState
from molgnn.screen.shard_file import (
    PATTERN,
    ShardFile,
    open_lines,
    read_rejects,
    read_state,
    shard_name,
)
from molgnn.screen.shards import Done

# In the order in which they appear.
FILES = ("hits.csv", "rejects.csv", "page.json", "report.html", "manifest.json")
OF_FUNNEL = ("hits.csv", "pool.parquet", "dropped.csv", *FILES[1:])
OF_SPIKE = "spike.csv"
FOLDER, RUN, FINISHING = "unfinished", "run.json", "finishing"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a screen; the first ``rows`` are kept, and the same screen goes on after them
    (0: nothing is kept)."""

    def __init__(self, rows: int):
        super().__init__()
        self.rows = rows


def files_of(funnel: bool, spike: bool = False) -> tuple[str, ...]:
    """The results of a screen, with or without a recipe and hidden molecules, in the order they
    appear."""
    first, *others = OF_FUNNEL if funnel else FILES
    return (first, OF_SPIKE, *others) if spike else (first, *others)


def check_startable(
    out: Path, force: bool, resume: bool | None, files: Sequence[str] = FILES
) -> bool:
    """Refuse results that are there, unless forced, or left by a screen that was killed while it
    moved them there and is gone on with now. Gives whether files there may be replaced."""
    own = all((out / FOLDER / name).is_file() for name in (RUN, FINISHING))
    replace = force or (own and resume is not False)
    if resume and not replace and (out / FILES[-1]).is_file():
        raise Refusal(f"{out}: its screen is finished, so there is nothing to go on with")
    check_free(out, files, replace)
    if resume and not (out / FOLDER / RUN).is_file():
        raise Refusal(f"{out}: there is no unfinished screen to go on with: leave out --resume")
    return replace


@contextmanager
def unfinished(
    out: Path,
    facts: dict,
    *,
    keep: bool,
    force: bool = False,
    resume: bool | None = None,
    files: Sequence[str] = FILES,
) -> Iterator["Unfinished"]:
    """Begin a screen in ``out``, or go on with the one that was begun there with equal ``facts``.
    ``resume`` None goes on where there is something, True insists on it, False discards it.

    Where the block fails, finished shards stay if ``keep``, else nothing does. Raises Refusal where
    results are in the way, another screen works there, or one with other facts was begun there;
    Interrupted for Ctrl-C.
    """
    check_startable(out, force, resume, files)
    with locked(out, FOLDER):
        replace = check_startable(out, force, resume, files)
        run = Unfinished(out, facts, keep, replace, files)
        try:
            run.begin(resume)
            yield run
        except BaseException as error:  # why: Ctrl-C too must leave no folder without a shard
            kept = run.kept_rows if keep else 0
            if run.own and not kept:
                run.clear()
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(kept) from error
            raise
        run.clear()


class Unfinished:
    """The folder, while its lock is held. ``own``: what is in it belongs to this screen. ``done``
    are the shards that earlier runs finished, and ``resumed`` their rows."""

    def __init__(
        self, out: Path, facts: dict, keep: bool, force: bool, files: Sequence[str] = FILES
    ):
        self.out, self.folder, self.files = out, out / FOLDER, tuple(files)
        self._facts, self._keep, self._force = facts, keep, force
        self.own, self.resumed = False, 0
        self.done: dict[int, Done] = {}
        self._written: dict[int, int] = {}

    def begin(self, resume: bool | None) -> None:
        """Read what is there, or note what is begun."""
        if resume is not False and (self.folder / RUN).is_file():
            check_same(self.out, self._begun(), self._facts)
            self.done = dict(self._finished())
            self.resumed = sum(shard.rows for shard in self.done.values())
            self.own = True
        else:
            self.own = True
            self.clear()  # a run that cannot be resumed, and was killed, leaves shards too
            if self._keep:
                with durable(self.folder / RUN) as partial:
                    partial.write_text(json.dumps(self._facts, indent=1) + "\n", encoding="ascii")
        for draft in chain.from_iterable(
            self.out.glob(f".{name}.*.partial") for name in self.files
        ):
            draft.unlink()  # of a process that was killed: the lock says that none is at work

    def _begun(self) -> dict:
        path = self.folder / RUN
        try:
            return dict(json.loads(path.read_text(encoding="ascii")))
        except ValueError:
            raise Refusal(f"{path}: damaged: start over with --no-resume") from None

    def _finished(self) -> Iterator[tuple[int, Done]]:
        for path in sorted(self.folder.glob(PATTERN)):
            try:
                number = int(path.stem.removeprefix("shard-"))
                state = read_state(path, number)
            except (
                ValueError,
                KeyError,
                TypeError,
                AttributeError,
            ):  # damaged: scored again, and written anew
                continue
            yield number, Done(state.rows, state.digests)

    def state(self, number: int) -> ShardState:
        """What came of a shard that is done."""
        return read_state(self.folder / shard_name(number), number)

    @contextmanager
    def shard(self, number: int) -> Iterator[ShardFile]:
        """A file to fill; it is on disk for good where the block ends well."""
        with durable(self.folder / shard_name(number)) as partial, open_lines(partial) as lines:
            file = ShardFile(lines, number)
            yield file
            self._written[number] = file.rows

    @property
    def kept_rows(self) -> int:
        """Of all shards that are on disk by now, be it since an instant before Ctrl-C."""
        written = self._written.items()
        there = (rows for number, rows in written if (self.folder / shard_name(number)).exists())
        return self.resumed + sum(there)

    def rejects(self, shards: int) -> Iterator[Reject]:
        """The refused rows of so many shards, in the library's order."""
        paths = (self.folder / shard_name(number) for number in range(shards))
        return chain.from_iterable(map(read_rejects, paths))

    @contextmanager
    def results(self) -> Iterator[dict[str, Path]]:
        """Paths to write the results to; they appear in OUT where the block ends well."""
        stale = _stale(self.out, self.files)
        with drafts(self.out, self.files, self._force) as paths:
            yield paths
            check_free(self.out, self.files, self._force)
            with durable(self.folder / FINISHING) as partial:
                partial.touch()
        for path in stale:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Discard all but the lock. ``run.json`` goes first: what is left is nobody's."""
        for pattern in (RUN, FINISHING, PATTERN, ".*.partial"):
            for path in self.folder.glob(pattern):
                path.unlink()


def _stale(out: Path, files: Sequence[str]) -> list[Path]:
    """What a funnel or hidden molecules left there, where a screen without takes the place of its
    results."""
    try:
        facts = json.loads((out / FILES[-1]).read_text(encoding="utf-8"))
        known = files_of("funnel" in facts, "spike" in facts)
    except (OSError, ValueError, TypeError):
        return []
    return [out / name for name in known if name not in files]


class Memory:
    """In place of an Unfinished where no file is wanted: nothing is done, and nothing is kept."""

    out, resumed = None, 0

    def __init__(self):
        self.done: dict[int, Done] = {}

    @contextmanager
    def shard(self, number: int) -> Iterator["Memory"]:
        yield self

    def reject(self, row, reason: str) -> None:
        """The manifest counts it all the same."""

    def end(self, state: ShardState) -> None: ...
