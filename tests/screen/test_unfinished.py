"""A screen that is interrupted, however, ends with the files of one that never was."""

import errno
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

from molgnn.data.packed import durable
from molgnn.data.packed.build import build_library
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.bundle import load_bundle
from molgnn.screen import outputs, unfinished
from molgnn.screen.pipeline import screen
from molgnn.screen.unfinished import FILES, FOLDER, Interrupted

SMALL = {"top": 7, "chunk": 4, "shard": 10, "workers": 0}  # 42 rows: five shards


def run(model, library, out, **options):
    return screen(model, library, out=out, **(SMALL | options))


def contents(folder):
    """The bytes of each file, but for what the manifest says of the run."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    if "manifest.json" in files:
        facts = json.loads(files["manifest.json"])
        del facts["run"]
        files["manifest.json"] = json.dumps(facts)
    return files


def stop_after(rows):
    def stop(done):
        if done >= rows:
            raise KeyboardInterrupt

    return stop


def interrupted(model, library, out, rows=25, **options):
    """A screen that is stopped after so many rows; gives how many are kept."""
    with pytest.raises(Interrupted) as stop:
        run(model, library, out, progress=stop_after(rows), **options)
    return stop.value.rows


@pytest.fixture
def model(fake_model):
    return fake_model(members=2, broken={4: float("nan")})


@pytest.fixture
def whole(model, library, tmp_path):
    run(model, library, tmp_path / "whole")
    return contents(tmp_path / "whole")


@pytest.mark.parametrize("workers, chunk", [(0, 1), (0, 10), (0, 50), (1, 3), (2, 3)])
def test_workers_and_chunks_do_not_change_a_byte(model, library, whole, tmp_path, workers, chunk):
    run(model, library, tmp_path / "out", workers=workers, chunk=chunk)
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("top", [1, 7, 100])
def test_the_size_of_shards_changes_the_last_digits_of_mean_and_std_at_most(
    model, library, tmp_path, top
):
    results = [run(model, library, None, shard=size, top=top) for size in (1, 5, 50)]
    facts = [result.manifest for result in results]
    for one, result in zip(facts[1:], results[1:], strict=True):
        assert result.hits.equals(results[0].hits)
        for key in ("counts", "invalid_reasons", "cut"):
            assert one[key] == facts[0][key]
        assert one["scores"].pop("histogram") == facts[0]["scores"].get("histogram")
        for key, value in one["scores"].items():
            assert value == pytest.approx(facts[0]["scores"][key], rel=1e-12)


@pytest.mark.parametrize("rows", [9, 11, 20, 30, 31, 42])
def test_it_goes_on_at_each_shard_to_the_same_bytes(model, library, whole, tmp_path, rows):
    kept = interrupted(model, library, tmp_path / "out", rows)
    assert kept == (rows - 1) // 10 * 10
    assert (tmp_path / "out" / FOLDER).exists() == (kept > 0)
    begun, done = [], []
    options = {"begun": begun.append, "progress": done.append}
    result = run(model, library, tmp_path / "out", **options)
    assert begun == [kept] == [result.manifest["run"]["resumed"]]
    assert done[:1] == ([kept] if kept else [4])
    assert done == sorted(done)
    assert done[-1] == result.manifest["counts"]["rows"] == 42
    assert contents(tmp_path / "out") == whole


def test_it_may_be_interrupted_in_each_shard(model, library, whole, tmp_path):
    kept = [interrupted(model, library, tmp_path / "out", rows) for rows in (15, 25, 35, 41)]
    assert kept == [10, 20, 30, 40]
    run(model, library, tmp_path / "out")
    assert contents(tmp_path / "out") == whole


def test_finished_shards_are_not_scored_again(model, library, tmp_path, monkeypatch):
    assert interrupted(model, library, tmp_path / "out", 42) == 40
    scored, real = [], model.predict_graphs
    monkeypatch.setattr(model, "predict_graphs", lambda g, p: (scored.append(len(g)), real(g))[1])
    run(model, library, tmp_path / "out")
    assert sum(scored) == 2


def test_a_gap_in_the_finished_shards_is_filled(model, library, whole, tmp_path):
    interrupted(model, library, tmp_path / "out", 42)
    folder = tmp_path / "out" / FOLDER
    (folder / "shard-000001.jsonl").unlink()
    damaged = folder / "shard-000002.jsonl"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    assert run(model, library, tmp_path / "out").manifest["run"]["resumed"] == 20
    assert contents(tmp_path / "out") == whole


def test_any_text_survives(fake_model, tmp_path):
    path = tmp_path / "own.smi"
    lines = [
        "CC \u2028 line\x85end",
        "CCC 'q\"",
        "C(C \x1b[31m",
        "=bad é",
        "CCCC \udcff",
        "xx \x00",
    ]
    path.write_bytes("\n".join(lines * 3).encode("utf-8", "surrogateescape"))
    screen(fake_model(), path, out=tmp_path / "whole", shard=4)
    with pytest.raises(Interrupted):
        screen(fake_model(), path, out=tmp_path / "out", shard=4, progress=stop_after(17))
    screen(fake_model(), path, out=tmp_path / "out", shard=4)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_scores_of_a_network_come_back_to_the_bit(tmp_path):
    drugs = Path(__file__).parents[2] / "data" / "approved_drugs.smi"
    path, out = tmp_path / "lib.smi", tmp_path / "out"
    path.write_text("".join(drugs.read_text("utf-8").splitlines(keepends=True)[:150]), "utf-8")
    network = load_bundle("solubility", device="cpu")
    size = {"chunk": 25, "shard": 50}
    run(network, path, tmp_path / "whole", **size)
    assert interrupted(network, path, out, 75, **size) == 50
    run(network, path, out, **size)
    assert contents(out) == contents(tmp_path / "whole")


# A packed library.


@pytest.fixture
def packed(library, tmp_path):
    build_library(library, tmp_path / "packed", recipe="none", chunk=4, shard=12, workers=0)
    return tmp_path / "packed"


@pytest.mark.parametrize("rows", [5, 13, 25, 42])
def test_a_screen_of_a_packed_library_goes_on_to_the_same_bytes(model, packed, tmp_path, rows):
    run(model, packed, tmp_path / "whole")
    interrupted(model, packed, tmp_path / "out", rows)
    run(model, packed, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_of_a_packed_library_finished_shards_are_not_even_opened(model, packed, tmp_path):
    assert interrupted(model, packed, tmp_path / "out", 42) == 36
    for number in range(3):  # of the same sizes, but what they hold is gone
        shard = packed / f"shard-{number:05d}.arrow"
        shard.write_bytes(b"\0" * shard.stat().st_size)
    assert run(model, packed, tmp_path / "out").manifest["counts"]["rows"] == 42


def test_a_packed_library_that_was_built_anew_is_refused(model, library, packed, tmp_path):
    interrupted(model, packed, tmp_path / "out", 42)
    library.write_text(library.read_text().replace("C m0\n", "O m0\n"))
    build_library(library, packed, recipe="none", chunk=4, shard=12, workers=0, force=True)
    with pytest.raises(Refusal, match=r"begun with manifest of the library .*--no-resume"):
        run(model, packed, tmp_path / "out")


# What is refused.


def test_a_library_that_changed_is_refused_by_file_name(model, library, tmp_path):
    more = tmp_path / "more.smi"
    more.write_text("CCCCC a\nCCO b\n" * 10)
    out, text = tmp_path / "out", more.read_text()
    interrupted(model, [library, more], out, 61)
    for other, said in (
        (
            text.replace("CCO b", "CCN b", 1),
            r"more\.smi: has changed since the screen in .*out",
        ),
        (text + "C c\n", r"more\.smi: has changed .*\(140 bytes then, 144 now\): bring it back"),
        (text.replace("CCCCC a\n", "CCCCCCCCC", 1), r"more\.smi: has changed"),
        ("\n" * len(text), r"more\.smi: has changed"),
    ):
        more.write_text(other)
        with pytest.raises(Refusal, match=said) as refusal:
            run(model, [library, more], out)
        assert "--no-resume" in str(refusal.value)
    more.write_text(text)
    run(model, [library, more], out)
    run(model, [library, more], tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


def test_another_screen_is_refused_by_what_differs(fake_model, model, library, tmp_path):
    out = tmp_path / "out"
    interrupted(model, library, out)
    other, renamed = fake_model(members=2), fake_model(members=2)
    other.sha256, renamed.card = "00" * 32, {"calibration": 2}
    tasks = fake_model((Task("weight", "regression"),), members=2)
    for changed, options, said in (
        (other, {}, r"sha256 of the model \"5a5a.*now it is \"0000"),
        (renamed, {}, "card of the model"),
        (tasks, {}, 'task "size", now it is "weight"'),
        (model, {"top": 8}, "top 7, now it is 8"),
        (model, {"minimize": True}, 'direction "maximize", now it is "minimize"'),
        (model, {"shard": 20}, "shard 10, now it is 20"),
        (model, {"precision": "bf16"}, 'precision "fp32", now it is "bf16"'),
        (model, {"smiles": "x"}, 'smiles column none, now it is "x"'),
    ):
        with pytest.raises(Refusal, match=said) as refusal:
            run(changed, library, out, **options)
        assert "--no-resume" in str(refusal.value)
    (tmp_path / "two.smi").write_text("CC\n")
    with pytest.raises(Refusal, match=r"begun with library \[.*lib\.smi"):
        run(model, tmp_path / "two.smi", out)
    assert run(model, library, out).manifest["run"]["resumed"] == 20


def test_resume_may_be_insisted_on_or_declined(model, library, whole, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Refusal, match="no unfinished screen to go on with: leave out --resume"):
        run(model, library, out, resume=True)
    assert not out.exists()
    interrupted(model, library, out)
    assert run(model, library, out, resume=True).manifest["run"]["resumed"] == 20
    assert contents(out) == whole
    interrupted(model, library, tmp_path / "two")
    result = run(model, library, tmp_path / "two", resume=False)
    assert result.manifest["run"]["resumed"] == 0
    assert contents(tmp_path / "two") == whole


def test_results_are_not_overwritten_unless_forced_and_then_it_goes_on_too(
    model, library, whole, tmp_path
):
    out = tmp_path / "out"
    out.mkdir()
    (out / "hits.csv").write_text("mine")
    interrupted(model, library, out, force=True)
    with pytest.raises(Refusal, match=r"hits\.csv exists: .*--force"):
        run(model, library, out)
    assert (out / "hits.csv").read_text() == "mine"
    assert run(model, library, out, force=True).manifest["run"]["resumed"] == 20
    assert contents(out) == whole


def test_two_screens_in_one_folder_are_one_too_many(model, library, whole, tmp_path):
    out, refused = tmp_path / "out", []

    def second(done):
        with pytest.raises(Refusal, match="another screen is at work there") as refusal:
            run(model, library, out)
        refused.append(str(refusal.value))

    run(model, library, out, progress=second)
    assert "\n" not in refused[0]
    assert contents(out) == whole


# How it can end too soon.


def test_nothing_is_left_of_a_screen_without_a_finished_shard(model, library, tmp_path):
    assert interrupted(model, library, tmp_path / "a" / "b", 5) == 0
    assert not (tmp_path / "a").exists()


def test_a_model_that_is_not_from_disk_cannot_be_known_again(model, library, tmp_path):
    model.sha256 = ""
    assert interrupted(model, library, tmp_path / "out", 42) == 0
    assert not (tmp_path / "out").exists()


def full_at(monkeypatch, suffix, after):
    """A disk that is full when the so manieth file of that name is synced."""
    real, seen = os.fsync, []

    def fsync(number):
        name = os.readlink(f"/proc/self/fd/{number}")
        seen.extend([name] * (suffix in name))
        if suffix in name and len(seen) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(durable.os, "fsync", fsync)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="finds a file's name in /proc")
@pytest.mark.parametrize(
    "suffix, after, kept", [("shard-", 2, 20), ("rejects.csv", 0, 42), ("finishing", 0, 42)]
)
def test_a_full_disk_is_one_line_and_nothing_is_lost(
    model, library, whole, tmp_path, monkeypatch, suffix, after, kept
):
    full_at(monkeypatch, suffix, after)
    with pytest.raises(Refusal, match=r"No space left on device\): make room, then run the same"):
        run(model, library, tmp_path / "out")
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FOLDER]
    assert run(model, library, tmp_path / "out").manifest["run"]["resumed"] == kept
    assert contents(tmp_path / "out") == whole


class Killed(BaseException):
    """Stands for a kill: nothing that would clean up runs."""


def killed_at(monkeypatch, owner, name, calls=1):
    """End the process for the folder's sake: from that call on nothing more is written."""
    real, seen = getattr(owner, name), []

    def die(*args, **kwargs):
        seen.append(args)
        if len(seen) == calls:
            monkeypatch.setattr(outputs, "_discard", lambda *_: None)
            monkeypatch.setattr(unfinished.Unfinished, "clear", lambda _: None)
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, die)


@pytest.mark.parametrize(
    "owner, name, calls, there",
    [
        (unfinished, "durable", 7, 0),  # the results are written, the mark that says so is not
        (outputs.os, "replace", 9, 1),  # run.json, five shards and the mark, then the results
        (outputs.os, "replace", 11, 3),
        (unfinished.Unfinished, "clear", 2, 5),  # the first call is that of the beginning
    ],
)
def test_a_kill_between_the_last_shard_and_the_end_is_no_loss(
    model, library, whole, tmp_path, monkeypatch, owner, name, calls, there
):
    out = tmp_path / "out"
    killed_at(monkeypatch, owner, name, calls)
    with pytest.raises(Killed):
        run(model, library, out)
    monkeypatch.undo()
    assert sum((out / name).exists() for name in FILES) == there
    with pytest.raises(Refusal, match=r"exists|begun with top"):  # another one is not let in
        run(model, library, out, top=3)
    assert run(model, library, out).manifest["run"]["resumed"] == 42
    assert contents(out) == whole
    with pytest.raises(Refusal, match="exists"):
        run(model, library, out)


def test_a_kill_while_the_unfinished_folder_goes_leaves_a_finished_screen(
    model, library, whole, tmp_path
):
    interrupted(model, library, tmp_path / "half", 42)
    run(model, library, tmp_path / "out")
    (tmp_path / "half" / FOLDER).rename(tmp_path / "out" / FOLDER)
    (tmp_path / "out" / FOLDER / "run.json").unlink()  # it goes first
    with pytest.raises(Refusal, match=r"hits\.csv exists"):
        run(model, library, tmp_path / "out")
    run(model, library, tmp_path / "out", force=True)
    assert contents(tmp_path / "out") == whole


# Kills of real processes.

SCREEN = textwrap.dedent("""
    import sys
    import numpy as np
    from molgnn.data.targets import Task
    from molgnn.screen.pipeline import screen

    class Sizes:
        recipe, name, sha256, device, card, num_members = "none", "s", "5a" * 32, "cpu", {}, 1
        tasks, columns = [Task("size", "regression")], ["size"]
        def predict_graphs(self, graphs, precision="fp32"):
            mean = graphs.num_atoms[:, None] / 7
            return mean, np.zeros_like(mean)

    library, out, workers = sys.argv[1:4]
    screen(
        Sizes(), library, top=30, out=out, chunk=10, shard=50, workers=int(workers),
        precision="fp32",
    )
""")


def start(library, out, workers, **options):
    return subprocess.Popen([sys.executable, "-c", SCREEN, library, out, str(workers)], **options)


def children(pid):
    """Processes that this one has started and that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parent = path.read_text().rpartition(")")[2].split()[1]
            found += [int(path.parent.name)] if parent == str(pid) else []
    return found


def work_of(process, out, at_most=None):
    """Wait for the end of a screen, or so many seconds of its work; gives these seconds."""
    while not (out / FOLDER / "run.json").exists() and process.poll() is None:
        time.sleep(0.005)
    begin = time.perf_counter()
    with suppress(subprocess.TimeoutExpired):
        process.wait(at_most)
    return time.perf_counter() - begin


def check_kills(tmp_path, kills, workers, seed):
    """kill -9 so many times, at random moments of the work, the screen or one of its workers."""
    library, out, rng = tmp_path / "lib.smi", tmp_path / "out", random.Random(seed)
    rows = [f"{'C' * (1 + i % 9)}OCC{'N' * (i % 2)}{'(' * (i % 37 == 0)} m{i}" for i in range(2000)]
    library.write_text("\n".join(rows) + "\n")
    duration = work_of(start(library, tmp_path / "whole", 0), tmp_path / "whole")
    for _ in range(kills):
        process = start(library, out, workers, stderr=subprocess.DEVNULL)
        work_of(process, out, rng.uniform(0, duration))
        victims = [process.pid, *(children(process.pid) if workers else [])]
        if process.poll() is None:
            os.kill(rng.choice(victims), signal.SIGKILL)
        if process.wait() == 0:
            break
    if (out / FOLDER / "run.json").exists() or not (out / "manifest.json").exists():
        assert start(library, out, workers).wait() == 0
        assert not (out / FOLDER).exists()
    shutil.rmtree(out / FOLDER, ignore_errors=True)  # it was killed as it tidied up
    assert contents(out) == contents(tmp_path / "whole")
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    assert counts["rows"] == 2000 == counts["scored"] + counts["invalid"]


posix = pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")


@posix
def test_a_killed_screen_goes_on_to_the_same_bytes(tmp_path):
    check_kills(tmp_path, 2, workers=1, seed=2)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_twenty_killed_screens_go_on_to_the_same_bytes(tmp_path, seed):
    check_kills(tmp_path, 3, seed % 3, seed)


def test_a_killed_screen_of_stdin_starts_over_and_leaves_its_results_alone(tmp_path):
    out, shards = tmp_path / "out", f"{FOLDER}/shard-*.jsonl"
    text = "".join(f"{'C' * (1 + i % 9)} {'m' * 4000}\n" for i in range(210)).encode()
    process = start("-", out, 0, stdin=subprocess.PIPE)
    process.stdin.write(text)
    while not list(out.glob(shards)):
        time.sleep(0.01)
    process.kill()  # its stdin is still open, so it was not done
    process.wait()
    process.stdin.close()
    assert [path.name for path in out.iterdir()] == [FOLDER]
    assert not (out / FOLDER / "run.json").exists()
    process = start("-", out, 0, stdin=subprocess.PIPE)
    process.communicate(text)
    assert process.returncode == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    facts = json.loads((out / "manifest.json").read_text())
    assert (facts["counts"]["rows"], facts["run"]["resumed"]) == (210, 0)
