"""Tiles ahead of the compute: on a GPU, copied and laid out beside the kernels before them.

The host enqueues work and waits for no kernel: threads encode the next molecules and pin them, and
on a stream of its own the device takes them in and lays them out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor

from molgnn.chem.packed import PackedGraphs
from molgnn.data.onboard import Coded, coded, tiled_there
from molgnn.data.tiles import Kinds, Shape, Tile, tiled

THREADS = 4  # numpy lets go of the interpreter for most of the encoding; more wait for each other


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
        yield graphs.part(start, min(start + size, len(graphs)))


def _copied(device, pieces: Iterator[PackedGraphs], shape: Shape, halves: bool) -> Iterator[Part]:
    copies, waiting = torch.cuda.Stream(device), deque()
    compute, done = torch.cuda.current_stream(device), deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for piece in pieces:
            waiting.append(pool.submit(_pinned, piece))
            if len(waiting) > THREADS:
                yield _sent(waiting.popleft().result(), shape, halves, compute, copies)
                _not_too_far(compute, done)
        while waiting:
            yield _sent(waiting.popleft().result(), shape, halves, compute, copies)


def _not_too_far(compute: "torch.cuda.Stream", done: deque) -> None:
    """Wait until the part before the last one is computed: with a whole part in its queue the
    device stays busy, and what waits on it stays bounded."""
    done.append(compute.record_event())
    if len(done) > 2:
        done.popleft().synchronize()


def _pinned(piece: PackedGraphs) -> Coded:
    """In pages that the system may not move: only from such does a copy run beside the kernels."""
    return _each(coded(piece), Tensor.pin_memory)


def _sent(
    piece: Coded,
    shape: Shape,
    halves: bool,
    compute: "torch.cuda.Stream",
    copies: "torch.cuda.Stream",
) -> Part:
    """A tile is laid out when it is asked for: the kernels of the one before are enqueued by then,
    and run at the same time."""

    def beside(work: Callable[[], tuple | None]):
        with torch.cuda.stream(copies):
            made = work()
        compute.wait_stream(copies)
        # Allocated beside ``copies``: without a word its memory could be used again too early.
        _each(made, lambda t: t.record_stream(compute))
        return made

    with torch.cuda.stream(copies):
        there = _each(piece, lambda t: t.to(compute.device, non_blocking=True))
        kinds, tiles = tiled_there(there, shape, halves)
    return Part(beside(lambda: kinds), iter(lambda: beside(lambda: next(tiles, None)), None))


def _each(value, change: Callable[[Tensor], Tensor | None]):
    """The same tuple, or tuple of tuples, with every tensor in it changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        return type(value)(*(_each(field, change) for field in value))
    return value
