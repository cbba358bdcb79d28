"""Named datasets: found in order, fetched whole or not at all, read with their own names."""

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from molgnn.data.named.registry import DATASETS, fetch, find, find_or_fetch, read_named
from molgnn.data.readers.reader import open_table
from molgnn.errors import Refusal

ESOL = (
    "Compound ID,ESOL predicted,measured log solubility in mols per litre,smiles\n"
    "one,-1,-0.77,OCC\ntwo,-3,-2.18,CC\n"
)


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A cache and a data folder of one's own."""
    monkeypatch.setenv("MOLGNN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data" / "moleculenet").mkdir(parents=True)
    monkeypatch.setenv("MOLGNN_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture(scope="module")
def server():
    """(address, files it serves: name -> bytes); names that begin with "cut" break off halfway."""
    served = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = served.get(self.path[1:])
            if body is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path.startswith("/cut") else body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", served
        http.shutdown()
        thread.join()


def offered(server, name, file, body):
    """The entry of that name, served from here."""
    address, served = server
    served[file] = body
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return replace(DATASETS[name], url=f"{address}/{file}", md5=md5)


def rows_of(path):
    table = open_table(path)
    return table.columns, [row.cells for row in table]


def test_a_csv_is_fetched_checked_and_renamed_to_our_columns(server, places):
    seen = []
    entry = offered(server, "esol", "delaney.csv", ESOL.encode())
    path = fetch(entry, progress=lambda done, total: seen.append((done, total)))
    assert path == places / "cache" / "esol.csv"
    assert rows_of(path) == (
        ["smiles", "name", "logS"],
        [("OCC", "one", "-0.77"), ("CC", "two", "-2.18")],
    )
    assert seen[-1] == (len(ESOL), len(ESOL))
    assert [file.name for file in path.parent.iterdir()] == ["esol.csv"]
    assert (find("esol").where, find_or_fetch("esol")) == ("cache", path)
    data = read_named("esol")
    assert (data.name, data.smiles, data.tasks, data.ids) == (
        "esol",
        ["CCO", "CC"],
        ["logS"],
        ["one", "two"],
    )


def test_a_packed_csv_with_all_its_columns_as_tasks(server):
    body = gzip.compress(b"smiles,T1,T2\nCC,1,\nCCC,0,1.0\n")
    path = fetch(offered(server, "toxcast", "toxcast.csv.gz", body))
    assert rows_of(path)[0] == ["smiles", "T1", "T2"]
    assert read_named("toxcast").tasks == ["T1", "T2"]


def test_only_the_named_member_of_an_archive_is_read(server, places):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../evil.csv", "x")
        archive.writestr("FreeSolv/SAMPL.csv", "iupac,smiles,expt,calc\nwater,O,-6.3,-6\n")
    path = fetch(offered(server, "freesolv", "FreeSolv.zip", packed.getvalue()))
    assert rows_of(path) == (["smiles", "name", "dG_hydration"], [("O", "water", "-6.3")])
    assert not list(places.rglob("evil.csv"))


def _gdb9(blocks, rows):
    header = "mol_id,A," + ",".join(DATASETS["qm9"].tasks)
    lines = [f"gdb_{i},9," + ",".join([str(i)] * 12) for i in range(1, rows + 1)]
    texts = {
        "./gdb9.sdf": "$$$$\n".join([*blocks, ""]),
        "gdb9.sdf.csv": "\n".join([header, *lines]),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def test_structures_and_properties_of_an_archive_become_one_table(server, methanol):
    blocks = [methanol(f"gdb_{i}") for i in (1, 2, 3)]
    blocks[1] = blocks[1].replace("O   0", "Qq  0")
    path = fetch(offered(server, "qm9", "gdb9.tar.gz", _gdb9(blocks, 3)))
    columns, rows = rows_of(path)
    assert columns == ["smiles", "name", *DATASETS["qm9"].tasks]
    assert [row[:3] for row in rows] == [
        ("CO", "gdb_1", "1"),
        ("gdb_2", "gdb_2", "2"),
        ("CO", "gdb_3", "3"),
    ]
    data = read_named("qm9", repeats="keep")
    assert data.ids == ["gdb_1", "gdb_3"]
    assert [(reject.line, reject.text) for reject in data.rejects] == [(3, "gdb_2")]


def test_structures_and_properties_of_different_length_are_refused(server, places, methanol):
    body = _gdb9([methanol("gdb_1")], 2)
    with pytest.raises(Refusal, match="differ in length"):
        fetch(offered(server, "qm9", "gdb9.tar.gz", body))
    assert not list((places / "cache").iterdir())


@pytest.mark.parametrize(
    "file, change, message",
    [
        ("a.csv", {"md5": "0" * 32}, "md5 .* where 0000.* was expected"),
        ("cut.csv", {}, "cut off after .* bytes"),
        ("a.csv", {"url": "/none.csv"}, "404"),
        ("a.csv", {"columns": ("other",)}, "it has no column 'other'"),
        ("a.csv.gz", {}, "can't be read as esol: Not a gzipped file"),
        ("a.zip", {"members": ("b.csv",)}, "can't be read as esol: File is not a zip file"),
    ],
)
def test_what_goes_wrong_is_refused_and_leaves_no_file(server, places, file, change, message):
    entry = offered(server, "esol", file, ESOL.encode())
    if "url" in change:
        change = {"url": server[0] + change["url"]}
    with pytest.raises(Refusal, match=message) as refusal:
        fetch(replace(entry, **change))
    assert "\n" not in str(refusal.value)
    assert not list((places / "cache").iterdir())


def test_a_server_that_is_not_there_is_refused_with_url_file_and_remedy():
    entry = replace(DATASETS["esol"], url="http://127.0.0.1:9/esol-x.csv")
    with pytest.raises(Refusal, match=r"127\.0\.0\.1:9.*esol-x\.csv.*MOLGNN_DATA"):
        fetch(entry)


def test_the_data_folder_comes_before_the_cache(places):
    assert find("esol") is None
    (places / "cache").mkdir()
    (places / "cache" / "esol.csv").write_text("smiles,logS\nC,1\n")
    assert find("esol").where == "cache"
    packed = gzip.compress(b"smiles,logS,split\nC,1,train\n")
    (places / "data" / "moleculenet" / "esol.csv.gz").write_bytes(packed)
    assert find("esol").where == "MOLGNN_DATA"
    assert read_named("esol").columns == {"split": ["train"]}


def test_a_wrong_name_or_folder_is_refused(places, monkeypatch):
    with pytest.raises(Refusal, match="unknown dataset 'esl': choose one of bace"):
        find("esl")
    with pytest.raises(Refusal, match="nothing to fetch"):
        fetch("solubility")
    monkeypatch.setenv("MOLGNN_DATA", str(places / "none"))
    with pytest.raises(Refusal, match=r"MOLGNN_DATA=.*no such folder"):
        find("esol")


def test_every_entry_can_be_found_or_fetched_and_says_where_it_comes_from():
    for name, entry in DATASETS.items():
        assert entry.name == name
        assert entry.kind in ("regression", "binary")
        assert entry.source
        assert entry.licence
        assert entry.shipped or (entry.url.startswith("http") and len(entry.md5) == 32)
        assert not entry.columns or len(entry.columns) == len(entry.tasks)
        assert set(entry.units) in (set(), set(entry.tasks))


def test_the_shipped_solubility_is_read_without_a_reject():
    data = read_named("solubility", repeats="keep", group_by="split")
    assert (len(data), data.rows, data.rejects, data.tasks) == (1282, 1282, [], ["logS"])
    assert data.columns["split"].count("test") == 257
    assert data.ids[0] == "n-pentane"
    assert read_named("solubility").repeats.merged == 8


def test_the_published_tables_are_read_with_their_own_counts(molgnn_data, monkeypatch):
    monkeypatch.setenv("MOLGNN_DATA", str(molgnn_data))
    counts = {"esol": (1128, 0), "freesolv": (642, 0), "bbbp": (2039, 0), "sider": (1427, 0)}
    for name, (rows, rejects) in counts.items():
        data = read_named(name, repeats="keep")
        assert (data.rows, len(data), len(data.rejects)) == (rows, rows - rejects, rejects)
        assert data.tasks == list(DATASETS[name].tasks)
        assert set(data.columns["split"]) == {"train", "valid", "test"}
