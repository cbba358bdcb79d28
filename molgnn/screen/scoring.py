"""Where molecules are scored: in the workers that read them, or here, behind the workers.

A model on the CPU goes into each worker, which featurises and scores with one thread: no two
stages wait for each other, and only numbers come back. A model on another device stays here, and
the workers featurise for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from molgnn.chem.packed import PackedGraphs
from molgnn.data.pool.processes import Job
from molgnn.data.pool.workers import Featurized, OpenPool, featurized, plan, unread, worked
from molgnn.models import PRELOAD
from molgnn.screen.stages import Scored, scored
from molgnn.screen.stopwatch import Stopwatch

if TYPE_CHECKING:
    from molgnn.data.readers.reader import Row
    from molgnn.models.ensemble import Predictor


@dataclass
class Scoring:
    """How a stream is scored: with which ``model`` and ``precision``, which of its columns must be
    finite, and who works; ``lists`` asks for atoms and bonds too, ``domain`` for the nearest
    training molecules (see ``Predictor.predict``; of rows alone). ``workers`` (None: chosen by
    size) and ``routes``, the ways in which molecules were featurised, say afterwards what was done;
    ``watch`` how long each stage took."""

    model: "Predictor"
    columns: Sequence[int]
    precision: str = "fp32"
    workers: int | None = None
    timeout: float | None = None
    open_pool: OpenPool | None = None
    lists: bool = False
    domain: bool | str = False
    watch: Stopwatch = field(default_factory=Stopwatch)
    routes: set[str] = field(default_factory=set)

    def rows(self, chunks: "Iterable[list[Row]]") -> Iterator[Scored]:
        """Each chunk of rows scored, in order."""
        chunks = self._planned(chunks)
        if self._job is None:
            parts = featurized(
                chunks, self.model.recipe, self.workers, timeout=self.timeout,
                open_pool=self.open_pool, blocks=getattr(self.model, "blocks", ()),
            )  # fmt: skip
            return self._here(parts, "featurize")
        return self._there(chunks)

    def parts(self, parts: Iterator[Featurized]) -> Iterator[Scored]:
        """Each part of a packed library scored, in order."""
        if getattr(self.model, "blocks", ()):  # of molecules as they are written, not of graphs
            return self.rows(list(part.rows) for part in parts)
        if self._job is None:
            self.workers = 0
            return self._here(parts, "unpack")
        return self._graphs_there(self._planned(self._unpacked(parts)))

    @cached_property
    def _job(self) -> Job | None:
        """What a worker needs to score by itself, the model among it, so it is made once; None
        where the model cannot go there."""
        make = getattr(self.model, "job", None)
        asked = {"lists": self.lists, "domain": self.domain}
        wishes = {name: wish for name, wish in asked.items() if wish}
        return make(self.precision, **wishes) if make else None

    def _planned(self, chunks: Iterable) -> Iterator:
        """The same chunks; settles the number of workers. Who only waits for them needs no core."""
        spare = int(self._job is None)
        chunks, self.workers = plan(chunks, self.workers, spare, self.timeout)
        return chunks

    def _here(self, parts: Iterator[Featurized], stage: str) -> Iterator[Scored]:
        """In this process; many parts at a time for a device that has the appetite."""
        with closing(parts) as stream:
            for meal in _meals(stream, getattr(self.model, "appetite", 0)):
                self.watch.seconds[stage] += sum(part.seconds for part in meal)
                self.routes.update(part.route for part in meal)
                with self.watch.measure("score"):
                    graphs = PackedGraphs.concat([part.graphs for part in meal])
                    found = self.model.predict_graphs(graphs, self.precision)
                ends = np.cumsum([len(part.graphs) for part in meal])[:-1]
                for part, *values in zip(meal, *(np.split(a, ends) for a in found), strict=True):
                    near = self._near(part)
                    values = *values, self.columns
                    yield scored(part.rows, part.positions, part.reasons, *values, near=near)

    def _near(self, part: Featurized):
        if not self.domain:
            return None
        texts = [part.rows[position].text for position in part.positions]
        return self.model.near(texts, self.domain == "vectors")

    def _there(self, chunks: "Iterable[list[Row]]") -> Iterator[Scored]:
        for rows, found in self._worked(chunks):
            self.watch.seconds["featurize"] += found.featurize_seconds
            self.routes.add(found.route)
            reasons = found.reasons | unread(rows)
            values = found.mean, found.std, self.columns, found.lists
            yield scored(rows, found.positions, reasons, *values, found.near)

    def _graphs_there(self, parts: Iterable[Featurized]) -> Iterator[Scored]:
        for part, found in self._worked(parts, payload=graphs_of, check=as_it_is):
            self.routes.add(part.route)
            yield scored(
                part.rows, part.positions, part.reasons, found.mean, found.std, self.columns
            )

    def _worked(self, chunks, **options):
        stream = worked(
            chunks,
            self._job,
            self.workers,
            timeout=self.timeout,
            preload=PRELOAD,
            open_pool=self.open_pool,
            **options,
        )
        with closing(stream):
            for chunk, found in stream:
                self.watch.seconds["score"] += found.score_seconds
                yield chunk, found

    def _unpacked(self, parts: Iterator[Featurized]) -> Iterator[Featurized]:
        for part in parts:
            self.watch.seconds["unpack"] += part.seconds
            yield part


def _meals(parts: Iterable[Featurized], appetite: int) -> Iterator[list[Featurized]]:
    """Runs of parts with at least ``appetite`` molecules, but for the last one."""
    meal, molecules = [], 0
    for part in parts:
        meal.append(part)
        molecules += len(part.graphs)
        if molecules >= appetite:
            yield meal
            meal, molecules = [], 0
    if meal:
        yield meal


def graphs_of(part: Featurized) -> PackedGraphs:
    return part.graphs


def as_it_is(part: Featurized) -> Featurized:
    """Graphs have no text that could be to blame for the death of a worker."""
    return part
