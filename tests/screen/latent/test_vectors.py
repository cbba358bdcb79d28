"""The table of vectors: every row in its place, the good ones with the vectors of the encoder."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from molgnn.data.packed.build import build_library
from molgnn.errors import Refusal
from molgnn.models.embedder import load_embedder
from molgnn.screen.latent import vectors
from molgnn.screen.latent.vectors import NO_VECTOR, write_vectors


@pytest.fixture
def embedder(autoencoder_folder):
    return load_embedder(autoencoder_folder(), "cpu")


def test_every_row_is_there_in_order_and_bad_ones_have_a_reason(embedder, library, tmp_path):
    done = write_vectors(embedder, library, tmp_path / "z.parquet", chunk=8, workers=0)
    table = pq.read_table(tmp_path / "z.parquet")
    assert table.column_names == ["file", "line", "id", "smiles", "z", "reason"]
    rows = table.to_pylist()
    assert (done.rows, done.embedded) == (42, 40) == (len(rows), len(rows) - 2)
    written = [line for line in library.read_text().splitlines() if line.strip()]
    assert [f"{row['smiles']} {row['id']}" for row in rows] == written
    assert [row["line"] for row in rows[4:8]] == [5, 7, 9, 10]
    assert {row["file"] for row in rows} == {str(library)}
    bad = {row["id"]: row["reason"] for row in rows if row["z"] is None}
    assert bad.keys() == {"bad", "five-bonds"}
    assert all(bad.values())
    good = [row for row in rows if row["z"] is not None]
    assert {row["reason"] for row in good} == {""}
    assert np.array_equal(
        np.array([row["z"] for row in good], dtype=np.float32),
        embedder.embed([row["smiles"] for row in good]),
    )


def test_z_is_a_fixed_size_list_of_single_precision(embedder, library, tmp_path):
    write_vectors(embedder, library, tmp_path / "z.parquet")
    kind = pq.read_schema(tmp_path / "z.parquet").field("z").type
    assert str(kind) == f"fixed_size_list<element: float>[{embedder.width}]"


@pytest.mark.parametrize("options", [{"chunk": 5, "workers": 0}, {"chunk": 7, "workers": 2}])
def test_chunks_and_workers_do_not_matter(embedder, library, tmp_path, options):
    write_vectors(embedder, library, tmp_path / "one.parquet", workers=0)
    write_vectors(embedder, library, tmp_path / "two.parquet", **options)
    one, two = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("one", "two"))
    assert one.equals(two)


def test_a_packed_library_has_the_same_vectors(embedder, library, tmp_path):
    build_library(library, tmp_path / "packed", recipe="parent", chunk=8, shard=16, workers=0)
    write_vectors(embedder, library, tmp_path / "one.parquet")
    done = write_vectors(embedder, tmp_path / "packed", tmp_path / "two.parquet")
    one, two = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("one", "two"))
    assert one.equals(two)
    assert (done.rows, done.embedded) == (42, 40)


def test_a_packed_library_of_another_recipe_is_refused(embedder, library, tmp_path):
    build_library(library, tmp_path / "packed", recipe="none", workers=0)
    with pytest.raises(Refusal, match="standardised with 'none', the model wants 'parent'"):
        write_vectors(embedder, tmp_path / "packed", tmp_path / "z.parquet")
    assert not (tmp_path / "z.parquet").exists()


def test_a_vector_that_is_no_number_is_a_bad_row(embedder, library, tmp_path, monkeypatch):
    original = type(embedder).vectors

    def broken(self, graphs):
        found = original(self, graphs).copy()
        found[graphs.num_atoms == 3, 0] = np.nan
        return found

    monkeypatch.setattr(type(embedder), "vectors", broken)
    monkeypatch.setattr(type(embedder), "job", lambda self, precision: None)
    done = write_vectors(embedder, library, tmp_path / "z.parquet", workers=0)
    rows = pq.read_table(tmp_path / "z.parquet").to_pylist()
    unseen = [row for row in rows if row["reason"] == NO_VECTOR]
    assert {row["smiles"] for row in unseen} == {"CCC"}
    assert done.embedded == 40 - len(unseen)


def test_an_interrupted_write_leaves_nothing(embedder, library, tmp_path, monkeypatch):
    tables = vectors._table

    def interrupted(result, schema):
        if result.rows[0].line > 1:
            raise KeyboardInterrupt
        return tables(result, schema)

    monkeypatch.setattr(vectors, "_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_vectors(embedder, library, tmp_path / "new" / "z.parquet", chunk=8, workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["lib.smi"]


def test_files_that_are_in_the_way_are_refused(embedder, library, tmp_path):
    out = tmp_path / "z.parquet"
    write_vectors(embedder, library, out)
    before = out.read_bytes()
    with pytest.raises(Refusal, match="exists: give another --out, or --force"):
        write_vectors(embedder, library, out)
    with pytest.raises(Refusal, match="is the input itself"):
        write_vectors(embedder, out, out, force=True)
    with pytest.raises(Refusal, match=r"must end in \.parquet"):
        write_vectors(embedder, library, tmp_path / "z.csv")
    with pytest.raises(Refusal, match="no such"):
        write_vectors(embedder, tmp_path / "none.smi", tmp_path / "x.parquet")
    assert out.read_bytes() == before
    write_vectors(embedder, library, out, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lib.smi", "z.parquet"]


def test_a_library_without_molecules_gives_an_empty_table(embedder, tmp_path):
    (tmp_path / "empty.smi").write_text("\n\n")
    done = write_vectors(embedder, tmp_path / "empty.smi", tmp_path / "z.parquet")
    assert (done.rows, pq.read_table(tmp_path / "z.parquet").num_rows) == (0, 0)
