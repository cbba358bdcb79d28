"""A network that scores in its workers, killed at random: the bytes of a screen that never was."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

from molgnn.screen.unfinished import FILES, FOLDER

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")

SCREEN = textwrap.dedent("""
    import sys
    import torch
    from molgnn.models.bundle import load_bundle
    from molgnn.models.ensemble import Predictor
    from molgnn.screen.pipeline import screen

    library, out, workers, chunk, precision = sys.argv[1:6]
    whole = load_bundle("solubility", device="cpu")
    model = Predictor(whole.members[:1], whole.tasks, whole.recipe, whole.card, "cpu", "5a" * 32)
    screen(
        model, library, top=30, out=out, chunk=int(chunk), shard=256, workers=int(workers),
        precision=precision,
    )
""")


def start(library, out, *words, **options):
    command = [sys.executable, "-c", SCREEN, library, out, *map(str, words)]
    return subprocess.Popen(command, **options)


def family(pid):
    """This process and all below it, which are alive."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def contents(out):
    files = {name: (out / name).read_bytes() for name in FILES}
    facts = json.loads(files["manifest.json"])
    del facts["run"]
    return files | {"manifest.json": json.dumps(facts)}


def write_library(path, rows):
    shipped = Path(__file__).parents[2] / "data" / "approved_drugs.smi"
    lines = shipped.read_text(encoding="utf-8").splitlines()[:rows]
    lines[rows // 3] = "C1CC bad"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_kills(tmp_path, rows, kills, precision, seed):
    """kill -9 so many times, any process of the screen at any moment once it has begun; each run
    has another number of workers and another chunk."""
    library, out, rng = tmp_path / "lib.smi", tmp_path / "out", random.Random(seed)
    write_library(library, rows)
    assert start(library, tmp_path / "whole", 0, 100, precision).wait() == 0
    for _ in range(kills):
        words = rng.choice([1, 2]), rng.choice([17, 64, 256]), precision
        process = start(library, out, *words, stderr=subprocess.DEVNULL)
        while not (out / FOLDER / "run.json").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 3))
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(family(process.pid)), signal.SIGKILL)
        if process.wait() == 0:
            break
    if (out / FOLDER / "run.json").exists() or not (out / "manifest.json").exists():
        assert start(library, out, 2, 50, precision).wait() == 0
    shutil.rmtree(out / FOLDER, ignore_errors=True)  # it was killed as it tidied up
    assert contents(out) == contents(tmp_path / "whole")
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    assert counts["rows"] == rows == counts["scored"] + counts["invalid"]


def test_a_killed_screen_of_a_network_goes_on_to_the_same_bytes(tmp_path):
    check_kills(tmp_path, 800, 1, "bf16", seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_twenty_killed_screens_of_a_network_go_on_to_the_same_bytes(tmp_path, seed):
    check_kills(tmp_path, 2600, 3, ("fp32", "bf16")[seed % 2], seed)
