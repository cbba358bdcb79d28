"""How many trials fit into memory at a time, from what the trials before them took."""

import os
import sys
from pathlib import Path

SHARE = 0.8  # of what is free when the search begins
MARGIN = 1.25  # a trial may be that much larger than the largest so far
CONTEXT = 2**29  # bytes of a GPU that a process takes beside its tensors


class Room:
    """The rule: as many trials at a time as were asked for, but together not more than 80 % of the
    memory that was free at first, each counted as a quarter more than the largest so far. Until
    one has been measured there is one trial at a time. Sizes are bytes, by kind of memory."""

    def __init__(self, workers: int, free: dict[str, int]):
        self.workers, self.free, self.largest = workers, free, {}
        self.is_known = False  # also where a system tells no peak: then memory is no limit

    def measured(self, peaks: dict[str, int], free: dict[str, int]) -> None:
        """Peaks of a process with its trials; ``free`` counts where nothing was known so far."""
        self.free, self.is_known = free | self.free, True
        for kind, peak in peaks.items():
            self.largest[kind] = max(peak, self.largest.get(kind, 0))

    @property
    def trials(self) -> int:
        """How many may run now, at least one."""
        if not self.is_known:
            return 1
        fitting = [
            int(SHARE * self.free[kind] / (MARGIN * peak))
            for kind, peak in self.largest.items()
            if kind in self.free
        ]
        return max(1, min([self.workers, *fitting]))


def free_memory() -> dict[str, int]:
    """Bytes that this machine, or the container that we are in, has left; nothing where the system
    does not tell."""
    found = [_available(Path("/proc/meminfo")), _left(Path("/sys/fs/cgroup"))]
    known = [size for size in found if size is not None]
    return {"memory": min(known)} if known else {}


def _available(path: Path) -> int | None:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    sizes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(sizes[0]) * 1024 if sizes else None


def _left(folder: Path) -> int | None:
    """Of cgroup 2: the limit less what is in use and cannot be dropped."""
    limit, used, stat = (folder / f"memory.{name}" for name in ("max", "current", "stat"))
    if not all(path.exists() for path in (limit, used, stat)):
        return None
    most = limit.read_text(encoding="utf-8").strip()
    if most == "max":
        return None
    lines = (line.split() for line in stat.read_text(encoding="utf-8").splitlines())
    cached = sum(int(size) for name, size in lines if name == "inactive_file")
    return int(most) - int(used.read_text(encoding="utf-8")) + cached


def own_peaks() -> tuple[dict[str, int], dict[str, int]]:
    """The most memory that this process has held, and what a GPU has left but for it."""
    import torch  # a process without trials needs none

    peaks, free = {"memory": _peak()} if os.name != "nt" else {}, {}
    if torch.cuda.is_initialized():
        peaks["GPU memory"] = torch.cuda.max_memory_reserved() + CONTEXT
        free["GPU memory"] = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() + CONTEXT
    return peaks, free


def _peak() -> int:
    from resource import RUSAGE_SELF, getrusage  # not above: Windows has none

    peak = getrusage(RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
