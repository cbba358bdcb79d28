"""Readers: every format gives the same rows, and damage costs only the rows it hits."""

import gzip
import io
import random
import sys
import tracemalloc

import pandas as pd
import pytest
import zstandard

from molgnn.data.readers import lines
from molgnn.data.readers.reader import file_sha256, open_table
from molgnn.errors import Refusal

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture
def write(tmp_path):
    """write(name, text or bytes) -> path as text; packs by the name."""

    def _write(name, data):
        data = data.encode() if isinstance(data, str) else data
        if name.endswith(".gz"):
            data = gzip.compress(data)
        elif name.endswith(".zst"):
            data = zstandard.compress(data)
        path = tmp_path / name
        path.write_bytes(data)
        return str(path)

    return _write


def read(path, **options):
    """(table, rows), with the account checked: no line is lost."""
    table = open_table(path, **options)
    rows = list(table)
    assert len(rows) + table.blank_lines + table.header_lines == table.lines
    return table, rows


def brief(rows):
    return [(row.line, row.text, row.id) for row in rows]


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    "name, text",
    [
        ("a.csv", "smiles,name,y\nCCO,ethanol,1\n\nCC,,2\n"),
        ("a.csv", "name;SMILES;y\nethanol;CCO;1\n\n;CC;2\n"),
        ("a.tsv", "y\tCanonical SMILES\tID\n1\tCCO\tethanol\n\n2\tCC\t\n"),
        ("a.txt", "y,title,mol\n1,ethanol,CCO\n\n2,,CC\n"),
        ("a.smi", "SMILES name\nCCO ethanol\n\nCC\n"),
        ("a.txt", "smiles\tname\nCCO\tethanol\n\nCC\t\n"),
    ],
)
def test_every_text_format_gives_the_same_rows(write, name, text, packing):
    table, rows = read(write(name + packing, text))
    assert brief(rows) == [(2, "CCO", "ethanol"), (4, "CC", "")]
    assert (table.lines, table.blank_lines, table.header_lines) == (4, 1, 1)


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_parquet_gives_cells_as_text_and_row_numbers(write, packing):
    frame = pd.DataFrame({"y": [1.5, None], "smiles": ["CCO", None], "id": ["a", "b"], "n": [1, 2]})
    path = write("a.parquet" + packing, frame.to_parquet())
    table, rows = read(path)
    assert brief(rows) == [(1, "CCO", "a"), (2, "", "b")]
    assert table.columns == ["y", "smiles", "id", "n"]
    assert [row.cells for row in rows] == [("1.5", "CCO", "a", "1"), ("", "", "b", "2")]
    assert [row.cells for row in read(path, columns=["n"])[1]] == [("1",), ("2",)]


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_sdf_gives_mol_blocks_properties_and_titles(write, methanol, packing):
    first = methanol("one") + ">  <SOL>  (1)\n-1.5\n\n>  <note>\na\nb\n\n$$$$\n"
    second = methanol("") + ">  <ID>  (2)\nx7\n\n$$$$\n"
    table, rows = read(write("a.sdf" + packing, first + second))
    assert table.columns == ["SOL", "note", "ID"]
    assert [(row.line, row.id, row.cells) for row in rows] == [
        (1, "one", ("-1.5", "a\nb", "")),
        (17, "x7", ("", "", "x7")),
    ]
    assert rows[0].text == methanol("one")


def test_sdf_with_crlf_and_no_last_separator_still_gives_its_record(write, methanol):
    text = (methanol("one") + "$$$$\n" + methanol("two")).replace("\n", "\r\n")
    assert [row.id for row in read(write("a.sdf", text))[1]] == ["one", "two"]


def test_a_cxsmiles_block_is_no_part_of_the_name(write):
    text = "CCO |c:1,2| ethanol\nCC |$a;b$|\nC methane gas\n  N   \n"
    rows = read(write("a.smi", text))[1]
    assert brief(rows) == [
        (1, "CCO", "ethanol"),
        (2, "CC", ""),
        (3, "C", "methane gas"),
        (4, "N", ""),
    ]


def test_a_quoted_cell_may_span_lines_and_line_numbers_stay_physical(write):
    text = 'smiles,note\nCCO,"one\ntwo\nthree"\nCC,"a ""b"", c"\nC,x\n'
    rows = read(write("a.csv", text))[1]
    assert [(row.line, row.cells[1]) for row in rows] == [
        (2, "one\ntwo\nthree"),
        (5, 'a "b", c'),
        (6, "x"),
    ]


def test_a_stray_quote_costs_only_its_own_row(write):
    text = 'smiles,name\nCCO,"ethanol\nCC,ethane\nCCC,"5"-thing\nC,methane\n'
    rows = read(write("a.csv", text))[1]
    assert [(row.line, row.text) for row in rows] == [(2, "CCO"), (3, "CC"), (4, "CCC"), (5, "C")]
    assert [bool(row.problem) for row in rows] == [True, False, False, False]
    assert "never closed" in rows[0].problem


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(write, end):
    text = f"\ufeffsmiles,y{end}CCO,1{end}CC,2"
    table, rows = read(write("a.csv", text))
    assert table.columns == ["smiles", "y"]
    assert brief(rows) == [(2, "CCO", ""), (3, "CC", "")]


def test_crlf_is_one_line_end_even_where_a_block_ends_in_between(write, monkeypatch):
    monkeypatch.setattr("molgnn.data.readers.stream.BLOCK", 1)
    assert brief(read(write("a.smi", "CCO a\r\n\r\nCC b\r\n"))[1]) == [
        (1, "CCO", "a"),
        (3, "CC", "b"),
    ]


def test_bytes_that_are_no_utf8_make_a_problem_of_their_row_alone(write):
    rows = read(write("a.csv", b"smiles,name\nCCO,caf\xe9\nCC,ethane\n"))[1]
    assert [(row.text, row.problem) for row in rows] == [("CCO", "not valid UTF-8"), ("CC", "")]


def test_nul_bytes_pass_through_to_the_chemistry(write):
    rows = read(write("a.csv", b"smiles,y\nC\0C,1\nCC,2\n"))[1]
    assert [(row.text, row.problem) for row in rows] == [("C\0C", ""), ("CC", "")]


def test_rows_with_another_number_of_cells_are_problems_of_full_width(write):
    rows = read(write("a.csv", "name,smiles,y\nx,CC\nx,CC,1,2\nx,CC,1\n"))[1]
    assert [row.problem for row in rows] == [
        "2 cells where the header has 3",
        "4 cells where the header has 3",
        "",
    ]
    assert {len(row.cells) for row in rows} == {3}


@pytest.mark.parametrize("suffix", [".smi.gz", ".smi.zst", ".csv.gz", ".csv.zst", ".sdf.gz"])
def test_a_cut_file_gives_its_rows_and_then_one_problem(write, methanol, tmp_path, suffix):
    draw = random.Random(0)
    names = ["".join(draw.choices("abcdefgh0123", k=30)) for _ in range(60_000)]
    if suffix.startswith(".sdf"):
        text = "".join(methanol(name) + "$$$$\n" for name in names[:20_000])
    else:
        text = "smiles,name\n" + "".join(f"CC,{name}\n" for name in names)
        text = text if suffix.startswith(".csv") else text.replace(",", " ")
    whole = write("whole" + suffix, text)
    cut = tmp_path / ("cut" + suffix)
    data = (tmp_path / ("whole" + suffix)).read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    good, rows = read(whole)[1], read(str(cut))[1]
    assert 0 < len(rows) < len(good)
    assert brief(rows[:-1]) == brief(good[: len(rows) - 1])
    assert [row.problem for row in rows if row.problem] == [rows[-1].problem]
    assert "ends early" in rows[-1].problem
    assert rows[-1].line == good[len(rows) - 1].line


def test_zstandard_frames_one_after_the_other_are_one_file(tmp_path):
    path = tmp_path / "a.smi.zst"
    path.write_bytes(zstandard.compress(b"CCO a\nC") + zstandard.compress(b"C b\n"))
    assert brief(read(str(path))[1]) == [(1, "CCO", "a"), (2, "CC", "b")]


def test_a_cell_of_megabytes_is_read(write):
    long = "x" * 3_000_000
    rows = read(write("a.csv", f'smiles,note\nCC,{long}\nC,"{long}"\n'))[1]
    assert [(len(row.cells[1]), row.problem) for row in rows] == [(3_000_000, "")] * 2


def test_a_line_beyond_the_limit_is_one_problem_in_bounded_memory(write, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 1 << 20)
    path = write("a.smi.gz", b"CC a\n" + b"C" * 100_000_000 + b" b\nCCC c\n")
    tracemalloc.start()
    rows = read(path)[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.line for row in rows] == [1, 2, 3]
    assert "line longer than 1 MiB" in rows[1].problem
    assert len(rows[1].text) <= lines.SHOWN
    assert peak < 10_000_000


def test_a_headerless_file_has_numbered_columns_and_keeps_its_first_line(write):
    path = write("a.csv", f"{ASPIRIN}\taspirin\nCCO\tethanol\n")
    table, rows = read(path)
    assert table.columns == ["1", "2"]
    assert brief(rows) == [(1, ASPIRIN, ""), (2, "CCO", "")]
    assert [row.text for row in read(path, smiles="2", id="1")[1]] == ["aspirin", "ethanol"]


def test_a_file_with_a_header_only_has_no_rows(write):
    table, rows = read(write("a.csv", "smiles,y\n"))
    assert (rows, table.columns, table.lines) == ([], ["smiles", "y"], 1)


@pytest.mark.parametrize(
    "header, smiles",
    [
        ("y,Drug", 1),
        ("SMI,Mol", 0),
        ("my_smiles_std,y", 0),
        ("molecule,canonical-smiles", 1),
        ("Compound ID,structure", 1),
    ],
)
def test_the_smiles_column_is_found_by_name(write, header, smiles):
    cells = ["x", "x"]
    cells[smiles] = "CCO"
    assert read(write("a.csv", f"{header}\n{','.join(cells)}\n"))[1][0].text == "CCO"


def test_a_named_column_wins_over_the_known_names(write):
    path = write("a.csv", "smiles,Other,cas\nCC,CCO,7\n")
    assert brief(read(path, smiles="other", id="cas")[1]) == [(2, "CCO", "7")]


@pytest.mark.parametrize(
    "name, data, options, message",
    [
        (
            "a.csv",
            "a,b\n1,2\n",
            {},
            "no SMILES column: the columns are 'a', 'b'; .*--smiles-column",
        ),
        ("a.csv", "smiles_a,smiles_b\nC,C\n", {}, "no SMILES column"),
        ("a.csv", "smiles,b,smiles\nC,2,O\n", {}, "several are called 'smiles'"),
        ("a.csv", "smiles,b\nC,2\n", {"smiles": "x"}, "no column 'x'.*'smiles', 'b'"),
        ("a.csv", "smiles,b\nC,2\n", {"id": "x"}, "no column 'x'"),
        ("a.csv", "smiles,b,b\nC,2,3\n", {"columns": ["b"]}, "several are called 'b'"),
        ("a.csv", "", {}, "file is empty"),
        ("a.csv", "\n \n", {}, "only blank lines"),
        ("a.smi.gz", "", {}, "file is empty"),
        ("a.parquet", "no parquet", {}, "not a readable Parquet file"),
        ("a.parquet", "", {}, "not a readable Parquet file"),
        ("a.xlsx", "PK", {}, "unknown kind of file: name it .smi"),
        ("a.gz", "CC", {}, "unknown kind of file"),
        ("a.csv", b"PK\x03\x04\xff\xfe\x00", {}, "line 1: not valid UTF-8: is this a text file"),
        ("a.csv", "smiles,y\nC,1\n".encode("utf-16"), {}, "UTF-16: save it as UTF-8"),
        ("a.smi", "CC a\n", {"columns": ["y"]}, "has no columns"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(write, name, data, options, message):
    path = write(name, data)
    with pytest.raises(Refusal, match=message) as refusal:
        open_table(path, **options)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith(path)


def test_plain_text_under_a_packed_name_a_folder_and_no_file_are_refused(tmp_path):
    (tmp_path / "a.smi.gz").write_bytes(b"CC a\n")
    (tmp_path / "a.smi.zst").write_bytes(b"CC a\n")
    for name, message in [
        ("a.smi.gz", "damaged"),
        ("a.smi.zst", "damaged"),
        ("none.csv", "no such file"),
        ("none.parquet", "no such file"),
        ("", "is a folder"),
    ]:
        with pytest.raises(Refusal, match=message):
            open_table(tmp_path / name)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("smiles,name\nCCO,a b\n", ("CCO", "a b")),
        ("CCO a b\n", ("CCO", "a b")),
        ("CCO\ta, b\n", ("CCO", "a, b")),
        ("smiles name\nCCO a b\n", ("CCO", "a b")),
    ],
)
def test_stdin_is_csv_or_smi_by_its_first_line(monkeypatch, text, expected):
    stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    rows = read("-")[1]
    assert [(row.file, row.text, row.id) for row in rows] == [("-", *expected)]


def test_the_hash_is_that_of_the_file_as_it_lies_there(write):
    for name in ("a.smi", "a.smi.gz", "a.csv.zst"):
        path = write(name, "smiles,y\nCCO,1\n")
        assert read(path)[0].sha256 == file_sha256(path)


def test_every_nasty_file_is_read_to_its_end(molgnn_data):
    for path in sorted((molgnn_data / "nasty").iterdir()):
        smiles = "SMILES1" if "graphium" in path.name else None
        table, rows = read(path, smiles=smiles)
        assert rows, path
        assert [row.line for row in rows] == sorted({row.line for row in rows})
        assert table.columns == ["1", "2"] or "100kPCS" not in path.name
