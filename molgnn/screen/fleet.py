"""Workers on the nodes of a Ray cluster: each an actor, a process with one CPU and the job begun.

Ray starts them, carries what they are given and what they answer, and tells which are gone.
"""

import os
import pickle
import socket
import time
from contextlib import suppress
from typing import Any

from molgnn import __version__
from molgnn.chem.deadline import end_after
from molgnn.chem.features import schema_hash
from molgnn.data.pool.processes import Job, started
from molgnn.data.pool.start import ONE_THREAD
from molgnn.errors import Refusal
from molgnn.screen.actors import Lost
from molgnn.screen.manifest import versions

GRACE = 3.0  # seconds in which a node that is being stopped takes leave, after those who ran on it


class RayFleet:
    """A ``Fleet`` of Ray actors; the job is in Ray's object store once, for all of them."""

    def __init__(self, ray: Any, job: Job, timeout: float):
        self._ray, self._timeout = ray, timeout
        self._job = ray.put(pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL))
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(ActorWorker)

    def start(self) -> tuple[Any, Any]:
        worker = self._actor.remote()
        return worker, worker.begin.remote(self._job, self._timeout, software())

    def ask(self, worker: Any, data: bytes, patient: bool) -> Any:
        return worker.work.remote(data, patient)

    def first(self, refs: list, timeout: float) -> list:
        done, _ = self._ray.wait(refs, num_returns=1, timeout=timeout)
        # All that are there, or those at the end of the list would wait for those before them.
        return done and self._ray.wait(refs, num_returns=len(refs), timeout=0)[0]

    def value(self, ref: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except errors.RayTaskError as error:
            error.cause.add_note(f"in a worker of the Ray cluster:\n{error}")
            raise error.cause from None
        except errors.RayError as error:
            if "error raised in its creation task" in str(error):
                raise _unlike_here(error) from None
            # A node that loses power is declared dead after a quarter of a minute; until then Ray
            # says that its actors are unavailable. A process that ends is reported by its node.
            raise Lost(first_line(error), seen=isinstance(error, errors.ActorDiedError)) from None

    def is_gone(self, place: str) -> bool:
        """The processes of a node that dies may be seen to die before the node is."""
        until = time.monotonic() + GRACE
        while alive := any(n["NodeID"] == place and n["Alive"] for n in self._ray.nodes()):
            if time.monotonic() > until:
                break
            time.sleep(0.1)
        return not alive

    def stop(self, worker: Any) -> None:
        with suppress(self._ray.exceptions.RayError):  # it is gone
            self._ray.kill(worker)


class ActorWorker:
    """What runs on a node: a process of its own, which ends at a molecule that takes too long."""

    def begin(self, job: bytes, timeout: float, wanted: dict[str, str]) -> str:
        """Ready for work; gives the id of the node. Raises Refusal where the node's software is not
        that of the process that asks, so that its scores might be others."""
        import ray

        check_same_software(wanted, software(), socket.gethostname())
        os.environ.update(ONE_THREAD)  # as Ray does where the node's own environment says nothing
        self._timeout, self._work = timeout, started(job)
        return ray.get_runtime_context().get_node_id()

    def work(self, data: bytes, patient: bool) -> bytes:
        end_after(None if patient else self._timeout)
        return pickle.dumps(self._work(pickle.loads(data)), protocol=pickle.HIGHEST_PROTOCOL)


def software() -> dict[str, str]:
    """What has a say in the results."""
    return {"molgnn": __version__, "table of features": schema_hash()} | versions()


def check_same_software(wanted: dict[str, str], found: dict[str, str], node: str) -> None:
    for name, version in wanted.items():
        if found.get(name) != version:
            raise Refusal(
                f"node {node} has {name} {found.get(name)}, this process {version}: install the "
                f"same on every node of the Ray cluster"
            )


def _unlike_here(error: Exception) -> Refusal:
    last = [line for line in str(error).splitlines() if line.strip()][-1].strip()
    return Refusal(
        f"a node of the Ray cluster cannot run molgnn ({last}): install the same Python, Ray and "
        f"molgnn {__version__} on every node"
    )


def first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
