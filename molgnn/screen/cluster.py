"""``--engine ray``: the same shards and the same job, worked on by actors of a Ray cluster.

Reading and writing stay with the process that was started; a node needs nothing but Ray and the
same molgnn. Without an address Ray is started on this machine, and ends with the screen.
"""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from typing import Any

from molgnn.data.pool.processes import Job
from molgnn.data.pool.workers import TIMEOUT, OpenPool, cores
from molgnn.errors import Refusal, choices
from molgnn.screen.actors import Actors
from molgnn.screen.fleet import RayFleet, first_line

ENGINES = ("local", "ray")
REACH = 10.0  # seconds to reach an address


def pool_of(
    engine: str, address: str | None, workers: int | None, timeout: float | None
) -> OpenPool | None:
    """Who works: None for processes of our own. Raises Refusal for what cannot go together."""
    if engine not in ENGINES:
        raise choices("engine", engine, ENGINES)
    if engine == "local":
        if address is not None:
            raise Refusal(f"--address {address}: only a Ray cluster has one: add --engine ray")
        return None
    if workers is not None and workers < 1:
        raise Refusal(f"--workers {workers}: --engine ray needs one or more")
    if find_spec("ray") is None:
        raise Refusal("--engine ray: Ray is not installed: pip install 'ray>=2.40'")
    return partial(ray_pool, address=address, workers=workers, timeout=timeout)


@contextmanager
def ray_pool(
    job: Job,
    *,
    address: str | None = None,
    workers: int | None = None,
    timeout: float | None = None,
) -> Iterator[Actors]:
    """Actors with a CPU each that end with the block: ``workers``, also beyond what is free now, or
    (None) as many as the cluster has CPUs free. A molecule that takes longer than ``timeout``
    seconds (None: TIMEOUT) ends its actor. Raises Refusal where the cluster cannot be had."""
    import ray

    with _connected(ray, address, workers):
        free = int(ray.available_resources().get("CPU", 0))
        if not (workers or free):
            raise Refusal("the Ray cluster has no CPU free: wait, or give --workers N to queue")
        actors = Actors(RayFleet(ray, job, timeout or TIMEOUT), workers or free)
        try:
            yield actors
        finally:
            actors.close()


@contextmanager
def _connected(ray: Any, address: str | None, workers: int | None) -> Iterator[None]:
    """In a cluster, for the block; a program that is in one already stays there."""
    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # What a screen does on this machine is nobody else's business.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        own = {"address": "local", "num_cpus": workers or cores(), "include_dashboard": False}
    else:
        _check_reachable(address)
        own = {"address": address}
    before = signal.getsignal(signal.SIGTERM)
    try:
        _join(ray, own | quiet)
        _answer_again(before)
        yield
    finally:
        ray.shutdown()
        _answer_again(before)


def _join(ray: Any, options: dict[str, Any]) -> None:
    try:
        ray.init(**options)
    # RuntimeError: another version; RayError: another token
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise Refusal(f"--engine ray, {options['address']}: {first_line(error)}") from error


def _answer_again(before: Any) -> None:
    """Ray answers SIGTERM in its own way, by an exit that keeps nothing."""
    with suppress(ValueError):  # not in the main thread: Ray has left it alone there too
        signal.signal(signal.SIGTERM, before)


def _check_reachable(address: str) -> None:
    """Ray waits for minutes where nobody listens."""
    if "://" in address:
        raise Refusal(f"--address {address}: run on a node of the cluster, with --address auto")
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        return  # "auto", or what Ray refuses by itself
    try:
        socket.create_connection((host, int(port)), REACH).close()
    except (OSError, OverflowError) as error:
        raise Refusal(f"--address {address}: nobody answers there ({error})") from None
