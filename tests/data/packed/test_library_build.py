import csv
import errno
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from molgnn.chem.smiles import InvalidMolecule, canonical, parse
from molgnn.data.packed import durable
from molgnn.data.packed.build import build_library
from molgnn.data.packed.library import PackedLibrary
from molgnn.errors import Refusal

SMALL = {"chunk": 8, "shard": 16, "workers": 0}


def build(library, out, **options):
    return build_library(library, out, **(SMALL | options))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def two_files(library, tmp_path):
    """The library, and a table with salts and other spellings of what it holds."""
    table = tmp_path / "more.csv"
    table.write_text(
        "id,smiles\na,C(C)C\nb,Cl.CCC\nc,xx\nd,\ne,C1CC1\nf,C2CC2\ng,[Na+].C1CC1[O-]\n"
    )
    return [library, table]


def test_every_row_is_packed_invalid_or_a_duplicate(two_files, tmp_path):
    for dedupe in (False, True):
        counts = build(two_files, tmp_path / str(dedupe), dedupe=dedupe)["counts"]
        assert counts["rows"] == 49
        assert counts["rows"] == sum(counts[k] for k in ("molecules", "invalid", "duplicates"))
        assert counts["lines"] == counts["rows"] + counts["blank_lines"] + counts["header_lines"]
        with open(tmp_path / str(dedupe) / "rejects.csv", encoding="utf-8") as file:
            rejects = list(csv.DictReader(file))
        assert [r["line"] for r in rejects] == ["7", "9", "4", "5"]
        assert len(rejects) == counts["invalid"]


@pytest.mark.parametrize("options", [{}, {"dedupe": True}])
def test_workers_do_not_change_a_byte(two_files, tmp_path, options):
    build(two_files, tmp_path / "one", **options)
    build(two_files, tmp_path / "two", workers=2, **options)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_dedupe_keeps_what_a_plain_set_keeps(two_files, tmp_path):
    build(two_files, tmp_path / "all")
    build(two_files, tmp_path / "once", dedupe=True)
    seen, expected = set(), []
    for row in rows_of(tmp_path / "all"):
        try:
            name = canonical(parse(row.text, "parent"))
        except InvalidMolecule:
            name = None
        if name not in seen or name is None:
            expected.append(row)
        seen.add(name)
    assert rows_of(tmp_path / "once") == expected
    assert PackedLibrary(tmp_path / "once").duplicates == 49 - len(expected)


def rows_of(folder):
    return [row for part in PackedLibrary(folder).parts() for row in part.rows]


@pytest.mark.parametrize("options", [{}, {"dedupe": True}])
@pytest.mark.parametrize("rows", [8, 16, 40, 49])
def test_an_interrupted_build_goes_on_to_the_same_bytes(two_files, tmp_path, rows, options):
    def stop(done):
        if done >= rows:
            raise KeyboardInterrupt

    build(two_files, tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        build(two_files, tmp_path / "out", progress=stop, **options)
    with pytest.raises(Refusal, match="build is unfinished: the same command goes on"):
        PackedLibrary(tmp_path / "out")
    begun = []
    build(two_files, tmp_path / "out", begun=begun.append, **options)
    assert begun == [rows // 16 * 16 if rows < 49 and rows % 16 else (rows - 1) // 16 * 16]
    assert contents(tmp_path / "whole") == contents(tmp_path / "out")


BUILD = textwrap.dedent("""
    import sys
    from molgnn.data.packed.build import build_library
    library, out, workers = sys.argv[1:4]
    build_library(library, out, chunk=10, shard=50, workers=int(workers), dedupe=True)
""")


def start(library, out, workers):
    return subprocess.Popen([sys.executable, "-c", BUILD, library, out, str(workers)])


def check_kills(tmp_path, kills, workers, seed):
    """kill -9 so many times at random moments of the work, then let it end."""
    library, rng = tmp_path / "lib.smi", random.Random(seed)
    library.write_text(
        "".join(f"{'C' * (1 + i % 9)}OCC{'N' * (i % 2)} m{i}\n" for i in range(1000))
    )
    begin = time.perf_counter()
    assert start(library, tmp_path / "whole", 0).wait() == 0
    duration = time.perf_counter() - begin
    for _ in range(kills):
        process = start(library, tmp_path / "out", workers)
        while not (tmp_path / "out").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, duration))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "out" / "manifest.json").exists():
            break
    finished = contents(tmp_path / "out").keys() == contents(tmp_path / "whole").keys()
    assert finished or start(library, tmp_path / "out", workers).wait() == 0
    assert contents(tmp_path / "whole") == contents(tmp_path / "out")


def test_a_killed_build_goes_on_to_the_same_bytes(tmp_path):
    check_kills(tmp_path, 2, workers=1, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_twenty_killed_builds_go_on_to_the_same_bytes(tmp_path, seed):
    check_kills(tmp_path, 3, seed % 3, seed)


def interrupted(library, out, **options):
    def stop(done):
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(library, out, progress=stop, **options)


def test_a_file_that_changed_in_between_is_refused_by_name(two_files, tmp_path):
    interrupted(two_files, tmp_path / "out")
    two_files[1].write_text(two_files[1].read_text().replace("CCC", "CCN"))
    with pytest.raises(Refusal, match=r"more\.csv: has changed since the build in .*--force"):
        build(two_files, tmp_path / "out")
    assert build(two_files, tmp_path / "out", force=True)["counts"]["rows"] == 49
    build(two_files, tmp_path / "whole")
    assert contents(tmp_path / "whole") == contents(tmp_path / "out")


def test_a_file_that_changes_while_it_is_read_is_refused_by_name(two_files, tmp_path):
    def change(done):
        two_files[1].write_text("smiles\nCCC\n")

    with pytest.raises(Refusal, match=r"more\.csv: changed while it was read"):
        build(two_files, tmp_path / "out", progress=change)


def test_other_options_are_refused_by_name(two_files, tmp_path):
    interrupted(two_files, tmp_path / "out")
    for other, said in (
        ({"recipe": "none"}, "recipe 'parent', now it is 'none'"),
        ({"dedupe": True}, "dedupe False, now it is True"),
    ):
        with pytest.raises(Refusal, match=said):
            build(two_files, tmp_path / "out", **other)
    with pytest.raises(Refusal, match="files"):
        build(two_files[:1], tmp_path / "out")


def test_nothing_is_overwritten_unless_forced_and_foreign_files_never(library, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(Refusal, match="holds other files"):
            build(library, out, force=force)
    (out / "mine.txt").unlink()
    build(library, out)
    before = contents(out)
    with pytest.raises(Refusal, match=r"holds a packed library: .*--force"):
        build(library, out)
    (out / "notes.txt").write_text("mine")
    build(library, out, recipe="none", force=True)
    assert contents(out).keys() == before.keys() | {"notes.txt"}
    with pytest.raises(Refusal, match="is a file"):
        build(library, library)


def test_a_full_disk_is_one_line_and_the_build_goes_on_later(two_files, tmp_path, monkeypatch):
    real, written = os.replace, []

    def full(old, new):
        if str(new).endswith(".arrow") and len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.extend([new] * str(new).endswith(".arrow"))
        real(old, new)

    build(two_files, tmp_path / "whole")
    monkeypatch.setattr(durable.os, "replace", full)
    with pytest.raises(Refusal, match=r"shard-00002.arrow: can't be written \(No space left"):
        build(two_files, tmp_path / "out")
    monkeypatch.undo()
    build(two_files, tmp_path / "out")
    assert contents(tmp_path / "whole") == contents(tmp_path / "out")


def test_stdin_is_packed_but_does_not_go_on(tmp_path):
    code = BUILD.replace("dedupe=True", "force=len(sys.argv) > 4")
    command = [sys.executable, "-c", code, "-", tmp_path / "out", "0"]
    subprocess.run(command, input=b"CC a\nCCC b\n", check=True)
    packed = PackedLibrary(tmp_path / "out")
    assert [row.id for row in rows_of(tmp_path / "out")] == ["a", "b"]
    assert packed.size("-") is None
    assert len(packed.hashes["-"]) == 64
    (tmp_path / "out" / "manifest.json").rename(tmp_path / "out" / "unfinished.json")
    facts = '{"files": [{"name": "-", "size": null, "sha256": null}]}'
    (tmp_path / "out" / "unfinished.json").write_text(facts)
    done = subprocess.run(command, input=b"CC\n", capture_output=True)
    assert b"a build from stdin cannot go on" in done.stderr


def test_a_library_without_a_molecule_is_packed_too(tmp_path):
    path = tmp_path / "bad.smi"
    path.write_text("xx\nyy\n")
    for dedupe in (False, True):
        out = tmp_path / str(dedupe)
        assert build(path, out, dedupe=dedupe)["counts"]["invalid"] == 2
        (part,) = PackedLibrary(out).parts()
        assert len(part.graphs) == 0
        assert part.reasons.keys() == {0, 1}


def test_an_unknown_recipe_is_refused(library, tmp_path):
    with pytest.raises(Refusal, match="unknown standardisation 'salt'"):
        build(library, tmp_path / "out", recipe="salt")
