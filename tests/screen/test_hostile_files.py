"""Files and machines at their worst: a screen goes to its end, and every line is accounted for."""

import csv
import gzip
import multiprocessing
import os
import subprocess
import sys
import threading

import pytest

from molgnn.errors import Refusal
from molgnn.screen.pipeline import screen

GZIPPED = gzip.compress(b"".join(b"%s m%d\n" % (b"C" * (i % 7 + 1), i) for i in range(5000)))
BOM = b"\xef\xbb\xbf"
LARGE = "C" * 2000

# file name -> bytes; then how many rows are scored, and line -> reason of the others, and how many
# lines are blank, and how many are headers
FILES = {
    "byte-order mark": ({"a.csv": BOM + b"smiles,id\nCC,a\nC,b\n"}, 2, {}, 0, 1),
    "byte-order mark and no header": ({"a.smi": BOM + b"CC a\nC b\n"}, 2, {}, 0, 0),
    "CRLF": ({"a.csv": b"smiles,id\r\nCC,a\r\n\r\nC,b\r\n"}, 2, {}, 1, 1),
    "lone CR": ({"a.smi": b"CC a\rC b\r"}, 2, {}, 0, 0),
    "NUL bytes": ({"a.smi": b"C\0C a\nCC b\n\0\nC\n"}, 2, {1: "NUL byte", 3: "NUL byte"}, 0, 0),
    "invalid UTF-8": ({"a.smi": b"C\xff a\nCC b\xfe\nC\n"}, 1, {1: "UTF-8", 2: "UTF-8"}, 0, 0),
    "a line of 1 MB": (
        {"a.smi": b"C\n" + b"C" * 1_000_000 + b" long\nCC\n"},
        2,
        {2: "1,000,005 characters|1,000,000 characters"},
        0,
        0,
    ),
    "a name of 1 MB": ({"a.smi": b"C " + b"n" * 1_000_000 + b"\nCC\n"}, 2, {}, 0, 0),
    "a header only": ({"a.csv": b"smiles,id\n"}, 0, {}, 0, 1),
    "a header only beside others": (
        {"a.csv": b"smiles,id\n", "b.smi": b"C\n", "c.csv": b"id,smiles\nx,C\n"},
        2,
        {},
        0,
        2,
    ),
    "blank lines": ({"a.smi": b"\n\n  \nC\n\t\n\nCC\n\n"}, 2, {}, 6, 0),
    "only bad rows": (
        {"a.smi": b"x\ny\nC(\n"},
        0,
        dict.fromkeys((1, 2, 3), "not valid SMILES"),
        0,
        0,
    ),
    "2,000 atoms": ({"a.smi": LARGE.encode() + b" large\nC\n"}, 2, {}, 0, 0),
    "truncated gzip": ({"a.smi.gz": GZIPPED[: len(GZIPPED) // 2]}, None, "ends early", 0, 0),
    "gzip with trailing garbage": ({"a.smi.gz": GZIPPED + b"garbage"}, 5000, "damaged", 0, 0),
    "gzip of two members": ({"a.smi.gz": GZIPPED + GZIPPED}, 10000, {}, 0, 0),
    "gzip with trailing zeros": ({"a.smi.gz": GZIPPED + b"\0" * 512}, 5000, {}, 0, 0),
}


def rejects(out):
    with open(out / "rejects.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_counts(counts):
    assert counts["rows"] == counts["scored"] + counts["invalid"]
    assert counts["lines"] == counts["rows"] + counts["blank_lines"] + counts["header_lines"]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_screened_to_its_end(fake_model, tmp_path, monkeypatch, name, workers):
    files, scored, reasons, blank, headers = FILES[name]
    monkeypatch.chdir(tmp_path)
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    out = tmp_path / "out"
    result = screen(fake_model(), list(files), out=out, workers=workers, chunk=1024)
    counts, bad = result.manifest["counts"], rejects(out)
    check_counts(counts)
    assert (counts["blank_lines"], counts["header_lines"]) == (blank, headers)
    assert len(bad) == counts["invalid"]
    if scored is not None:
        assert counts["scored"] == scored
    if isinstance(reasons, str):  # the damage itself is the one reject, after the last whole line
        (row,) = bad
        assert reasons in row["reason"]
        assert int(row["line"]) == counts["lines"] > 100
    else:
        assert [int(row["line"]) for row in bad] == list(reasons)
        for row, reason in zip(bad, reasons.values(), strict=True):
            assert any(part in row["reason"] for part in reason.split("|"))


def test_a_molecule_of_2000_atoms_is_a_hit_and_drawn(fake_model, tmp_path):
    (tmp_path / "a.smi").write_text(f"{LARGE} large\nC small\n")
    result = screen(fake_model(), tmp_path / "a.smi", top=1, out=tmp_path / "out")
    assert result.hits["score"].tolist() == [2000]
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()


def test_a_column_missing_in_one_of_several_files_is_refused_at_once(fake_model, tmp_path):
    for name, text in (("a.csv", "smi_x,id\nC,a\n"), ("b.csv", "smiles,id\nC,b\n")):
        (tmp_path / name).write_text(text)
    files = [tmp_path / "b.csv", tmp_path / "a.csv"]
    with pytest.raises(Refusal, match=r"a\.csv: .*no SMILES column"):
        screen(fake_model(), files, out=tmp_path / "out")
    with pytest.raises(Refusal, match=r"b\.csv: .*smi_x"):
        screen(fake_model(), files, smiles="smi_x", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def slow_library(tmp_path, slow_smiles):
    path = tmp_path / "slow.smi"
    path.write_text("".join(f"{'C' * (i % 9 + 1)} m{i}\n" for i in range(50)))
    with open(path, "a") as file:
        file.write(f"{slow_smiles} slow\nCC(C bad\nCC last\n")
    return path


def test_a_molecule_that_takes_too_long_to_parse_is_a_reject(fake_model, slow_library, tmp_path):
    result = screen(fake_model(), slow_library, out=tmp_path / "out", timeout=1, chunk=20)
    counts = result.manifest["counts"]
    check_counts(counts)
    assert counts["scored"] == 51
    found = [(row["line"], row["reason"]) for row in rejects(tmp_path / "out")]
    assert found == [("51", "parsing took longer than 1 s (--timeout)"), ("52", "not valid SMILES")]


def test_a_molecule_that_takes_too_long_is_a_reject_of_a_packed_library_and_of_predict(
    fake_model, slow_library, slow_smiles, tmp_path
):
    from molgnn.data.packed.build import build_library
    from molgnn.screen.annotate import annotate

    manifest = build_library(slow_library, tmp_path / "packed", timeout=1, recipe="none")
    assert manifest["counts"]["molecules"] == 51
    assert [row["text"] for row in rejects(tmp_path / "packed")] == [slow_smiles, "CC(C"]
    result = screen(fake_model(), tmp_path / "packed", out=tmp_path / "out")
    check_counts(result.manifest["counts"])
    assert result.manifest["run"]["featurizer"] == "packed"
    annotate(fake_model(), slow_library, tmp_path / "out.csv", timeout=1)
    with open(tmp_path / "out.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["id"] for row in table if row["reason"]] == ["slow", "bad"]
    assert [row["size"] for row in table if not row["reason"]].count("") == 0


@pytest.mark.skipif(os.name == "nt", reason="processes end in another way there")
def test_a_worker_that_the_system_kills_costs_no_row(fake_model, library, tmp_path):
    killed = []

    def kill(rows):
        for process in multiprocessing.active_children()[: len(killed) < 3]:
            process.kill()
            killed.append(rows)

    model = fake_model()
    screen(model, library, out=tmp_path / "calm", workers=0)
    screen(model, library, out=tmp_path / "out", workers=2, chunk=3, progress=kill)
    assert len(killed) == 3
    for name in ("hits.csv", "rejects.csv"):
        calm, out = ((tmp_path / folder / name).read_bytes() for folder in ("calm", "out"))
        assert calm == out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
@pytest.mark.parametrize("name", ["pipe.smi", "pipe.csv", "no-suffix"])
def test_a_named_pipe_is_read_once_as_stdin_is(fake_model, tmp_path, name):
    pipe = tmp_path / name
    os.mkfifo(pipe)
    text = "smiles\n" * pipe.name.endswith("csv") + "CCO\nC(\nCC\n"
    threading.Thread(target=pipe.write_text, args=(text,), daemon=True).start()
    result = screen(fake_model(), pipe, out=tmp_path / "out")
    check_counts(result.manifest["counts"])
    assert result.manifest["counts"]["scored"] == 2
    (file,) = result.manifest["library"]["files"]
    assert file["size"] is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_a_named_pipe_with_parquet_is_refused(fake_model, tmp_path):
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(Refusal, match=r"pipe\.parquet: .*name a file"):
        screen(fake_model(), tmp_path / "pipe.parquet", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_a_named_pipe_can_be_packed(tmp_path):
    pipe = tmp_path / "pipe.smi"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_text, args=("CCO\nCC\n",), daemon=True).start()
    code = (
        "import sys; from molgnn.data.packed.build import build_library as b;"
        "print(b(sys.argv[1], sys.argv[2])['counts']['molecules'])"
    )
    command = [sys.executable, "-c", code, pipe, tmp_path / "packed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "2\n"
