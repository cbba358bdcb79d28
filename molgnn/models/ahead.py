"""Tiles ahead of the compute: on a GPU, laid out in threads and copied beside the kernels.

The host enqueues work and waits for nothing: threads lay the next molecules out and pin them, a
stream of its own copies them while the kernels before them run.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.packed import PackedGraphs
from molgnn.data.tiles import Kinds, Shape, Tile, tiled

THREADS = 4  # numpy lets go of the interpreter for most of a layout; more threads wait for it


class Part(NamedTuple):
    """Some molecules of many, on the device: what their tiles are made of, and the tiles."""

    kinds: Kinds
    tiles: Iterable[Tile]


def parts_on(
    device: torch.device, graphs: PackedGraphs, size: int, shape: Shape, halves: bool
) -> Iterator[Part]:
    """All molecules in order, ``size`` at a time, as the layout of tiles takes memory. The device
    is the CPU or a CUDA GPU."""
    pieces = pieces_of(graphs, size)
    if device.type == "cuda":
        yield from _copied(device, pieces, shape, halves)
        return
    for piece in pieces:
        kinds, tiles = tiled(piece, shape, halves)
        yield Part(kinds, tiles)


def pieces_of(graphs: PackedGraphs, size: int) -> Iterator[PackedGraphs]:
    """All molecules in order, at most ``size`` at a time."""
    for start in range(0, len(graphs), size):
        rows = np.arange(start, min(start + size, len(graphs)))
        yield graphs if len(rows) == len(graphs) else graphs.select(rows)


def _copied(device, pieces: Iterator[PackedGraphs], shape: Shape, halves: bool) -> Iterator[Part]:
    copies, waiting = torch.cuda.Stream(device), deque()
    compute, done = torch.cuda.current_stream(device), deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for piece in pieces:
            waiting.append(pool.submit(_pinned, piece, shape, halves))
            if len(waiting) > THREADS:
                yield _sent(waiting.popleft().result(), compute, copies)
                _not_too_far(compute, done)
        while waiting:
            yield _sent(waiting.popleft().result(), compute, copies)


def _not_too_far(compute: "torch.cuda.Stream", done: deque) -> None:
    """Wait until the part before the last one is computed: with a whole part in its queue the
    device stays busy, and what waits on it stays bounded."""
    done.append(compute.record_event())
    if len(done) > 2:
        done.popleft().synchronize()


def _pinned(piece: PackedGraphs, shape: Shape, halves: bool) -> Part:
    """In pages that the system may not move: only from such does a copy run beside the kernels."""
    kinds, tiles = tiled(piece, shape, halves)
    return Part(_each(kinds, Tensor.pin_memory), [_each(tile, Tensor.pin_memory) for tile in tiles])


def _sent(part: Part, compute: "torch.cuda.Stream", copies: "torch.cuda.Stream") -> Part:
    """A tile's copy is enqueued when the tile is asked for: the kernels of the one before are
    enqueued by then, and run at the same time."""

    def sent(graph):
        with torch.cuda.stream(copies):
            moved = _each(graph, lambda t: t.to(compute.device, non_blocking=True))
        compute.wait_stream(copies)
        # Allocated beside ``copies``: without a word its memory could be used again too early.
        _each(moved, lambda t: t.record_stream(compute))
        return moved

    return Part(sent(part.kinds), map(sent, part.tiles))


def _each(value, change: Callable[[Tensor], Tensor | None]):
    """The same tuple, or tuple of tuples, with every tensor in it changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        return type(value)(*(_each(field, change) for field in value))
    return value
