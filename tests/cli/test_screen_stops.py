"""``molgnn screen`` stopped from outside: it says what is kept, and the same command goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

# The command line, with a quick model and shards that a test can wait for.
MOLGNN = textwrap.dedent("""
    import sys
    import time
    from types import SimpleNamespace
    import numpy as np
    from molgnn.data.targets import Task

    class Sizes:
        recipe, name, sha256, device, card, num_members = "none", "s", "5a" * 32, "cpu", {}, 1
        tasks, columns = [Task("size", "regression")], ["size"]
        def choose_precision(self, column):
            return {"used": "fp32", "reason": "it has nothing to round"}

        def predict_graphs(self, graphs, precision):
            time.sleep(0.03)
            mean = graphs.num_atoms[:, None] / 7
            return mean, np.zeros_like(mean)

    if __name__ == "__main__":
        bundle = SimpleNamespace(load_bundle=lambda model, device: Sizes())
        sys.modules["molgnn.models.bundle"] = bundle
        from molgnn.cli.main import main
        from molgnn.screen.pipeline import screen
        screen.__kwdefaults__ |= {"shard": 200, "chunk": 50}
        sys.exit(main(sys.argv[1:]))
""")


@pytest.fixture(scope="module")
def drugs(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "drugs.smi"
    shipped = Path(__file__).parents[2] / "data" / "approved_drugs.smi"
    lines = shipped.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:500]) + "C( bad\n" + "".join(lines[500:900]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(drugs, tmp_path_factory):
    """The bytes of the results of a screen that nobody stopped."""
    out = tmp_path_factory.mktemp("whole") / "out"
    process = start(drugs, out, "--workers", "0")
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert "went on" not in said
    return contents(out)


def start(library, out, *words, **options):
    command = [sys.executable, "-c", MOLGNN, "screen", "sizes", library, "--top", "10"]
    pipes = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen([*command, "--out", out, *words], **pipes, **options)


def contents(out):
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    facts = json.loads(files["manifest.json"])
    del facts["run"]
    return files | {"manifest.json": json.dumps(facts)}


def wait_for(pattern, folder, process):
    while not list(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_to_go_on_and_goes_on_to_the_same_files(drugs, whole, tmp_path, stop):
    process = start(drugs, tmp_path / "out", "--workers", "1")
    wait_for("unfinished/shard-*.jsonl", tmp_path / "out", process)
    os.killpg(process.pid, stop)  # to all of them, as a terminal and a batch system do
    said = process.communicate()[1]
    assert process.returncode == 130, said
    rows = re.search(r"interrupted after (\d+) rows", said)[1]
    assert said == (
        f"molgnn: interrupted after {rows} rows: the same command goes on "
        f"(to start over: --no-resume)\n"
    )
    process = start(drugs, tmp_path / "out", "--workers", "1")
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert f"out: {rows} rows are done already: going on after them\n" in said
    assert f"went on after {rows} rows\n" in said
    assert contents(tmp_path / "out") == whole


def test_stdin_cannot_be_resumed_and_says_so(tmp_path):
    process = start("-", tmp_path / "out", stdin=subprocess.PIPE)
    assert process.stderr.readline() == "reading from stdin: this run cannot be resumed\n"
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert said == "molgnn: interrupted: nothing was written, and stdin cannot be read again\n"
    assert not list(tmp_path.glob("out/*"))
