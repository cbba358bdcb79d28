import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest

from molgnn.chem.graph import featurize
from molgnn.data.library import read_library
from molgnn.data.packed.build import build_library
from molgnn.data.packed.library import PackedLibrary, packed_folder
from molgnn.data.packed.unpack import Shard
from molgnn.errors import Refusal

AWKWARD = [
    "[Na+].[Cl-] salt", "C" * 3000 + " long", "é umlaut", "*", "[2H]O[2H]", "F/C=C/F e",
    "C[C@H](N)C(=O)O l-alanine", "xx", "", "[U] 0", "O=C1OC1 =cmd", "CN(C)(C)(C)C", "c1ccccc1 日本",
]  # fmt: skip


@pytest.fixture
def awkward(tmp_path):
    path = tmp_path / "lib.smi"
    path.write_text("\n".join(AWKWARD) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def packed(awkward, tmp_path):
    """The folder of the packed library: two batches a shard, two shards."""
    build_library(awkward, tmp_path / "packed", recipe="none", chunk=4, shard=8, workers=0)
    return tmp_path / "packed"


def test_every_graph_row_and_reason_comes_back(awkward, packed):
    parts = PackedLibrary(packed).parts()
    for part, rows in zip(parts, read_library(awkward).chunks(4), strict=True):
        graphs, positions, reasons = featurize([row.text for row in rows], "none")
        for name in ("atoms", "bonds", "bond_ends", "atom_offsets", "bond_offsets"):
            there, expected = getattr(part.graphs, name), getattr(graphs, name)
            np.testing.assert_array_equal(there, expected)
            assert there.dtype == expected.dtype
        np.testing.assert_array_equal(part.positions, positions)
        assert part.reasons == reasons
        assert list(part.rows) == rows


def test_counts_and_hashes_are_those_of_the_library(awkward, packed):
    library, there = read_library(awkward), PackedLibrary(packed)
    assert sum(1 for _ in library) == there.manifest["counts"]["rows"]
    for name in ("files", "hashes", "sha256", "lines", "blank_lines", "header_lines"):
        assert getattr(there, name) == getattr(library, name)
    assert there.size(str(awkward)) == os.path.getsize(awkward)


def test_any_tool_opens_a_shard(packed):
    table = pd.read_feather(packed / "shard-00000.arrow")
    assert list(table) == ["file", "line", "id", "smiles", "reason", "atoms", "bonds"]
    assert table["id"][2] == "umlaut"
    assert len(table["atoms"][1]) == 3000
    assert table["bonds"][0].tolist() == []
    words = Shard(packed / "shard-00000.arrow", ()).facts["atom_words"]
    assert [words[i][0] for i in table["atoms"][0]] == [11, 17]


NAMES = [
    "a\nb.smi", "=cmd.smi", 'comma, "quote".smi', "ü.smi", b"not-\xff-utf8.smi", "-dash.smi",
    "a\u202eb.smi",
]  # fmt: skip


def test_hostile_file_names_come_back_as_they_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [os.fsdecode(name) for name in NAMES]
    for name in names:
        with open(name, "w") as file:
            file.write("CC a\nxx b\n")
    build_library(names, "out", chunk=4, shard=4, workers=0)
    rows = [row for part in PackedLibrary("out").parts() for row in part.rows]
    assert [row.file for row in rows] == [name for name in names for _ in range(2)]
    rejects = (tmp_path / "out" / "rejects.csv").read_text(encoding="utf-8")
    assert "not-\\udcff-utf8.smi,2,xx," in rejects
    assert "'=cmd.smi,2" in rejects


def damage(packed, name, change):
    facts = json.loads((packed / name).read_text())
    change(facts)
    (packed / name).write_text(json.dumps(facts))


@pytest.mark.parametrize(
    "key, value, said",
    [
        ("version", 2, "manifest.json: version 2, this molgnn reads version 1"),
        ("features", "abc", r"other atom and bond features \(abc"),
        ("format", "zip", "not the manifest of a packed library"),
        ("shards", [{"name": "../../x", "bytes": 1, "sha256": ""}], "manifest.json: damaged"),
        ("counts", {}, "manifest.json: damaged"),
    ],
)
def test_another_manifest_is_refused_by_name(packed, key, value, said):
    damage(packed, "manifest.json", lambda facts: facts.update({key: value}))
    with pytest.raises(Refusal, match=said):
        PackedLibrary(packed)


def test_a_damaged_shard_is_refused_by_name(packed):
    path = packed / "shard-00001.arrow"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(Refusal, match=r"shard-00001\.arrow: damaged: \d+ bytes, not \d+: bring"):
        PackedLibrary(packed)
    path.write_bytes(whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:])
    with pytest.raises(Refusal, match=r"shard-00001\.arrow: damaged: its sha256 is not"):
        list(PackedLibrary(packed).parts())
    path.unlink()
    with pytest.raises(Refusal, match=r"shard-00001\.arrow: the shard is missing"):
        PackedLibrary(packed)


def test_a_shard_whose_bytes_make_no_sense_is_a_refusal_and_no_crash(packed, tmp_path):
    whole, path = (packed / "shard-00000.arrow").read_bytes(), tmp_path / "shard"
    outcomes = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        hurt = bytearray(whole[: -100 if seed % 10 == 0 else None])
        for at in rng.integers(0, len(hurt), 5):
            hurt[at] ^= int(rng.integers(1, 256))
        path.write_bytes(hurt)
        outcomes.append(outcome(path))
    assert "refused" in outcomes
    assert set(outcomes) <= {"read", "refused"}


def outcome(path):
    try:
        shard = Shard(path, ["lib.smi"])
        for number in range(shard.num_batches):
            shard.graphs(number)
    except Refusal as refusal:
        return "refused" if str(path) in str(refusal) else "refused without a name"
    return "read"


def test_folders_that_are_no_packed_library(packed, awkward, tmp_path):
    assert packed_folder([str(packed)]) == packed
    assert packed_folder([awkward]) is packed_folder([tmp_path]) is None
    with pytest.raises(Refusal, match="is screened alone"):
        packed_folder([awkward, packed])
    with pytest.raises(Refusal, match="no packed library here"):
        PackedLibrary(tmp_path)
    (packed / "manifest.json").write_text("{")
    with pytest.raises(Refusal, match="not readable as JSON"):
        PackedLibrary(packed)


def test_another_recipe_is_refused_by_name(packed):
    PackedLibrary(packed).require("none")
    with pytest.raises(Refusal, match=r"with 'none', the model wants 'parent': .*--recipe parent"):
        PackedLibrary(packed).require("parent")


def test_a_packed_library_can_be_moved(packed, tmp_path):
    before = [list(part.rows) for part in PackedLibrary(packed).parts()]
    shutil.move(packed, tmp_path / "elsewhere")
    assert [list(part.rows) for part in PackedLibrary(tmp_path / "elsewhere").parts()] == before


@pytest.mark.parametrize("dedupe", [False, True])
def test_parts_can_be_skipped_and_a_shard_without_a_wanted_one_is_not_opened(
    library, tmp_path, monkeypatch, dedupe
):
    options = {"recipe": "none", "chunk": 4, "shard": 12, "workers": 0, "dedupe": dedupe}
    build_library(library, tmp_path / "packed", **options)
    packed = PackedLibrary(tmp_path / "packed")
    parts = list(packed.parts())
    assert packed.part_rows() == [4] * 10 + [2]
    assert packed.fraction() == 1
    opened, real = [], packed._shard
    monkeypatch.setattr(
        packed, "_shard", lambda entry: (opened.append(entry["name"]), real(entry))[1]
    )
    skip = {0, 1, 2, 4, 10}
    left = [part for number, part in enumerate(parts) if number not in skip]
    for one, two in zip(left, packed.parts(skip), strict=True):
        assert list(one.rows) == list(two.rows)
        assert one.positions.tolist() == two.positions.tolist()
    assert opened == [f"shard-{number:05d}.arrow" for number in (1, 2, 3)]
