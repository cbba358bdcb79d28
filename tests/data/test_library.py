"""Libraries: many files are one stream, and the account adds up over all of them."""

import gzip

import pandas as pd
import pytest

from molgnn.data.library import read_library
from molgnn.data.readers.reader import file_sha256
from molgnn.errors import Refusal


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b.smi").write_text("CCO b1\n\nCC b2\n")
    (tmp_path / "a.smi.gz").write_bytes(gzip.compress(b"smiles name\nC a1\nN a2\n"))
    (tmp_path / "c.csv").write_text("id,smiles\nc1,O\n")
    (tmp_path / "sub.smi").mkdir()
    return tmp_path


def test_chunks_span_files_and_keep_their_order(folder):
    library = read_library([folder / "*.smi*", folder / "c.csv"])
    chunks = list(library.chunks(2))
    assert [[row.id for row in chunk] for chunk in chunks] == [["a1", "a2"], ["b1", "b2"], ["c1"]]
    assert chunks[1][1].line == 3
    assert 5 + library.blank_lines + library.header_lines == library.lines == 8


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_size_of_chunks_does_not_change_the_rows(folder, size):
    rows = [row for chunk in read_library([folder / "*.smi"]).chunks(size) for row in chunk]
    assert [row.id for row in rows] == ["b1", "b2"]


def test_a_file_named_twice_is_read_once(folder):
    library = read_library([folder / "b.smi", folder / "*.smi"])
    assert len(library.files) == len(list(library)) / 2 == 1


def test_the_hash_of_one_file_is_its_own_and_of_several_depends_on_their_order(folder):
    def hash_of(*names):
        library = read_library([folder / name for name in names])
        assert library.sha256 == ""
        assert list(library)
        return library.sha256

    assert hash_of("b.smi") == file_sha256(folder / "b.smi")
    assert hash_of("b.smi", "c.csv") != hash_of("c.csv", "b.smi")
    assert hash_of("b.smi", "c.csv") == hash_of("b.smi", "c.csv")


def test_a_bad_file_is_refused_before_the_first_row_of_a_good_one(folder):
    (folder / "bad.csv").write_text("a,b\n1,2\n")
    for paths, message in [
        ([folder / "b.smi", folder / "bad.csv"], "no SMILES column"),
        ([folder / "b.smi", folder / "none.smi"], "no such file"),
        ([folder / "*.tsv"], "matches no file"),
        ([folder], "is a folder"),
        ([], "no library"),
    ]:
        with pytest.raises(Refusal, match=message):
            read_library(paths)


def test_a_file_whose_name_looks_like_a_pattern_is_read(tmp_path):
    (tmp_path / "lib[1].smi").write_text("CC a\n")
    assert len(list(read_library(str(tmp_path / "lib[1].smi")))) == 1


def test_columns_limit_the_cells_that_rows_carry(folder):
    assert [row.cells for row in read_library([folder / "c.csv"], columns=())] == [()]
    assert [row.cells for row in read_library([folder / "c.csv"])] == [("c1", "O")]


def test_the_fraction_is_that_of_the_bytes_read(folder, tmp_path):
    (folder / "long.csv").write_text("id,smiles\n" + "a,CCO\n" * 100_000)
    for names in (["b.smi"], ["*.smi*", "c.csv"], ["b.smi", "long.csv"]):
        library = read_library([folder / name for name in names])
        seen = [library.fraction()]
        seen += [library.fraction() for _ in library]
        assert seen == sorted(seen)
        assert seen[0] == 0
        assert library.fraction() == 1
    assert any(0 < share < 1 for share in seen)
    assert read_library("-").fraction() is None


def test_the_fraction_of_a_parquet_file_is_that_of_its_rows(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"smiles": ["C"] * 9000}).to_parquet(path)
    library = read_library(path)
    seen = [library.fraction() for _ in library]
    assert seen == sorted(seen)
    assert 0.4 < seen[4500] < 0.6


def test_a_file_under_two_spellings_is_read_once(tmp_path, monkeypatch):
    (tmp_path / "a.smi").write_text("CC one\n")
    monkeypatch.chdir(tmp_path)
    assert read_library(["a.smi", "./a.smi", str(tmp_path / "a.smi"), "a*"]).files == ["a.smi"]
