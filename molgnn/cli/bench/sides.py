"""The sides of ``bench screen``: each one is a command line, started as a process of its own."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from molgnn.errors import Refusal

MOLGNN = (sys.executable, "-m", "molgnn.cli.main")
# What chemprop's own console script runs; -m would not find it.
CHEMPROP = (sys.executable, "-c", "from chemprop.cli.main import main; main()")


@dataclass(frozen=True)
class Side:
    """A name, the command line, and the folder of a screen's results (None: not molgnn)."""

    name: str
    command: tuple[str, ...]
    out: Path | None = None


def screen_side(name: str, model: Path, library: Path, out: Path, *flags: str) -> Side:
    """``molgnn screen``, as quiet as it can be; the results of the last round are overwritten."""
    words = ("screen", str(model), str(library), "--out", str(out), "--force", "--quiet")
    return Side(name, (*MOLGNN, *words, *flags), out)


def chemprop_side(checkpoint: Path, library: Path, out: Path, workers: int) -> Side:
    """``chemprop predict`` with its own batch size, and so many processes that load data."""
    words = ("predict", "-i", library, "-o", out, "--model-paths", checkpoint)
    command = (*CHEMPROP, *map(str, words), "--num-workers", str(workers))
    return Side(f"chemprop, {workers} workers", command)


def write_checkpoint(path: Path, dim: int, depth: int) -> None:
    """An untrained chemprop model of that width and depth, saved with chemprop's own function."""
    try:
        from chemprop import models, nn
    except ImportError:
        raise Refusal("chemprop is not installed here: pip install chemprop") from None
    network = models.MPNN(
        nn.BondMessagePassing(d_h=dim, depth=depth),
        nn.NormAggregation(),
        nn.RegressionFFN(input_dim=dim, hidden_dim=dim),
    )
    models.save_model(path, network, ["logS"])


def timed(side: Side) -> float:
    """Seconds from start to end of the process. Raises Refusal, with its last line, if it fails."""
    start = time.perf_counter()
    done = subprocess.run(side.command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        last = (done.stderr.strip() or "no word on stderr").splitlines()[-1]
        raise Refusal(f"{side.name}: ended with code {done.returncode}: {last}")
    return seconds
