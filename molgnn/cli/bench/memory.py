"""``molgnn bench screen --memory``: does what a screen holds grow with the library?

One screen of a tenth of the rows, one of all. The memory of the command and of all processes that
it started is added up every fifth of a second. Where the system tells (Linux), pages that several
processes share count once: the proportional set size; elsewhere the resident set size.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from molgnn.cli.bench.material import model_of, texts_of, write_library, write_model
from molgnn.cli.bench.sides import screen_side
from molgnn.cli.terminal import say
from molgnn.errors import Refusal

MOLECULES = 1_000_000
INTERVAL = 0.2  # seconds between two looks


def measure(library: str | None, column: str | None, molecules: int) -> dict:
    """Peaks in bytes at a tenth of the molecules and at all, and what kind of memory it is."""
    psutil = _psutil()
    texts = texts_of(library, column, molecules)
    peaks, seconds = {}, {}
    with tempfile.TemporaryDirectory(prefix="molgnn-bench-") as name:
        folder = Path(name)
        write_model(folder / "one", model_of(1))
        for rows in (max(1, molecules // 10), molecules):
            write_library(folder / "library.csv", texts, rows)
            side = screen_side("", folder / "one", folder / "library.csv", folder / f"hits{rows}")
            start = time.perf_counter()
            peaks[rows] = peak(psutil, side.command)
            seconds[rows] = time.perf_counter() - start
            say(f"{rows:,} molecules: {peaks[rows] / 1e6:,.0f} MB, {seconds[rows]:,.0f} s")
    return {"kind": _kind(psutil), "peak bytes": peaks, "seconds": seconds}


def peak(psutil, command: tuple[str, ...]) -> int:
    """The most bytes that the command and its descendants held together while it ran."""
    most = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=words)
        while process.poll() is None:
            most = max(most, _held(psutil, process.pid))
            time.sleep(INTERVAL)
        if process.returncode:
            words.seek(0)
            last = (words.read().strip() or "no word on stderr").splitlines()[-1]
            raise Refusal(f"the screen ended with code {process.returncode}: {last}")
    return most


def _held(psutil, pid: int) -> int:
    try:
        root = psutil.Process(pid)
        return sum(_bytes(psutil, p) for p in (root, *root.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def _bytes(psutil, process) -> int:
    try:
        full = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended, or is a zombie
        return 0
    return getattr(full, "pss", full.rss)


def _kind(psutil) -> str:
    counted_once = hasattr(psutil.Process().memory_full_info(), "pss")
    return "PSS (shared pages count once)" if counted_once else "RSS (shared pages count often)"


def _psutil():
    try:
        import psutil
    except ImportError:
        raise Refusal("measuring memory needs psutil: pip install psutil") from None
    return psutil


def show(figures: dict) -> None:
    print(f"peak of all processes, {figures['kind']}")
    for rows, held in figures["peak bytes"].items():
        print(f"{rows:>12,} molecules {held / 1e6:>10,.0f} MB {figures['seconds'][rows]:>10,.0f} s")
    tenth, whole = figures["peak bytes"].values()
    print(f"ratio {whole / tenth:.3f}")
