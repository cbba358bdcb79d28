import json
import subprocess
import sys

import pytest

from molgnn.cli.main import main
from molgnn.data.packed import build


@pytest.fixture
def packed(library, tmp_path, capsys):
    assert main(["library", "build", str(library), "--out", str(tmp_path / "packed")]) == 0
    return tmp_path / "packed"


def test_a_build_sums_up_on_stderr(capsys, library, tmp_path):
    args = ["library", "build", str(library), "--out", str(tmp_path / "b"), "--dedupe"]
    assert main([*args, "--workers", "0"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "42 rows read: 10 packed, 2 invalid, 30 duplicates",
        f"{tmp_path / 'b'}/rejects.csv: the invalid rows, each with its reason",
        f"{tmp_path / 'b'}: screen it with `molgnn screen MODEL {tmp_path / 'b'}`",
    ]
    assert main([*args, "--force", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_info_says_what_a_folder_holds(packed, capsys, library):
    capsys.readouterr()
    assert main(["library", "info", str(packed), "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = {line[:16].strip(): line[16:] for line in lines}
    assert facts["molecules"] == "40"
    assert facts["rows"] == "42 rows read: 40 packed, 2 invalid, 0 duplicates"
    assert facts["lines"] == "44, 2 of them blank"
    assert facts["standardised"] == "parent"
    assert facts["shards"].startswith("1, ")
    assert facts["file"].startswith(f"{library}, {library.stat().st_size:,} bytes, sha256 ")
    assert facts["checked"] == "every shard is as it was written"
    assert main(["library", "info", str(packed), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((packed / "manifest.json").read_text())


def test_check_finds_a_damaged_shard(packed, capsys):
    path = packed / "shard-00000.arrow"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert main(["library", "info", str(packed), "--check"]) == 1
    assert "shard-00000.arrow: damaged: its sha256 is not" in capsys.readouterr().err


def test_ctrl_c_is_a_clean_stop_that_says_how_to_go_on(library, tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "write_shard", interrupt)
    command = ["library", "build", str(library), "--out", str(tmp_path / "out")]
    assert main(command) == 130
    said = f"molgnn: interrupted; nothing is in {tmp_path / 'out'}: the same command goes on"
    assert capsys.readouterr().err.splitlines() == [said]
    monkeypatch.undo()
    assert main(command) == 0


def test_a_build_that_goes_on_says_from_where(library, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(build, "_list_rejects", lambda *_: 1 / 0)
    command = ["library", "build", str(library), "--out", str(tmp_path / "out")]
    with pytest.raises(ZeroDivisionError):
        main(command)
    monkeypatch.undo()
    assert main(command) == 0
    assert "out: 42 rows are packed already: going on after them" in capsys.readouterr().err


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from molgnn.cli.main import main\n"
        "try: main(['library', 'build', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'rdkit', 'pyarrow', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_bench_of_packing_prints_its_figures(capsys, tmp_path):
    out = tmp_path / "figures.json"
    words = ["--molecules", "300", "--rounds", "1", "--workers", "0", "--json", str(out)]
    assert main(["bench", "library", *words]) == 0
    figures = json.loads(out.read_text())
    assert figures["rows"] == 300
    assert figures["of these the graph"] < figures["bytes a molecule"]
    assert "packed -> batches molecules/s" in capsys.readouterr().out
