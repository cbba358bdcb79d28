"""Libraries made ready, and the batches of them."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from molgnn.chem.descriptors import molecule_features
from molgnn.chem.graph import featurize
from molgnn.chem.smiles import canonical, parse
from molgnn.data.packed.build import build_library
from molgnn.errors import Refusal
from molgnn.train.pretrain import prepared, stream
from molgnn.train.pretrain.excluded import Excluded
from molgnn.train.pretrain.prepared import prepare
from molgnn.train.pretrain.stream import Stream, held_out, windows


@pytest.fixture
def small_parts(monkeypatch):
    """Record batches of 16 rows, shards of 64, windows of 48 molecules."""
    build = partial(build_library, chunk=16, shard=64)
    monkeypatch.setattr(prepared, "build_library", build)
    monkeypatch.setattr(stream, "WINDOW", 48)


def made(options, folder, blocks=()):
    return prepare(options.data, folder, Excluded(options.data), blocks)


def atoms_of(graphs):
    """What tells molecules apart here: their atoms' codes."""
    return sorted(graphs.select([i]).atoms.tobytes() for i in range(len(graphs)))


def test_every_molecule_that_is_not_held_out_comes_once_an_epoch(
    options_for, tmp_path, small_parts, drug_texts
):
    molecules = made(options_for(), tmp_path)
    batches = Stream(molecules, 10, 32, seed=0)
    whole = featurize(drug_texts)[0]
    for epoch in (0, 1):
        parts = list(batches.batches(epoch))
        found = [name for graphs in parts for name in atoms_of(graphs)]
        assert sorted(found + atoms_of(batches.valid())) == atoms_of(whole)
        assert len(parts) == batches.steps(epoch)
    assert len(batches) == len(whole) - 10


def test_epochs_and_seeds_have_orders_of_their_own_that_stay(options_for, tmp_path, small_parts):
    molecules = made(options_for(), tmp_path)

    def order(seed, epoch):
        batches = Stream(molecules, 10, 32, seed).batches(epoch)
        return [graphs.atoms.tobytes() for graphs in batches]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_the_batches_from_any_step_on_are_those_that_would_have_come(
    options_for, tmp_path, small_parts, monkeypatch
):
    batches = Stream(made(options_for(), tmp_path), 10, 20, seed=3)
    whole = [graphs.atoms.tobytes() for graphs in batches.batches(0)]
    for skip in range(len(whole) + 1):
        assert [g.atoms.tobytes() for g in batches.batches(0, skip)] == whole[skip:]
    read = []
    monkeypatch.setattr(batches, "_part", lambda n, part=batches._part: read.append(n) or part(n))
    list(batches.batches(0, len(whole) - 1))
    assert len(read) < len(batches.prepared.counts) / 2  # windows that are skipped are not read


def test_windows_hold_about_as_many_molecules_as_they_should():
    counts = np.array([4096] * 40 + [0, 100])
    parts = windows(counts, 0, 0)
    assert sorted(np.concatenate(parts).tolist()) == np.flatnonzero(counts).tolist()
    assert all(counts[part].sum() <= stream.WINDOW + 4096 for part in parts)


def test_a_tenth_at_most_is_held_out_of_a_few_batches():
    assert held_out(np.array([4096, 0, 4096, 1]), 2000).sum() == 819
    assert held_out(np.array([5]), 2000).tolist() == [0]
    held = held_out(np.array([4096] * 40 + [3]), 1001)
    assert held.sum() == 1001
    assert (held > 0).sum() == 8
    assert held.max() < 150
    assert (held_out(np.array([1] * 300), 2000) <= 1).all()


def test_of_a_sorted_file_molecules_of_all_sizes_are_held_out(tmp_path, options_for):
    path = tmp_path / "sorted.smi"
    path.write_text("\n".join("C" * n for n in range(1, 201)))
    batches = Stream(made(options_for(library=(str(path),)), tmp_path / "p"), 2000, 32, seed=0)
    sizes = batches.valid().num_atoms
    assert len(sizes) == 20
    assert sizes.min() < 40
    assert sizes.max() > 160
    learnt = np.concatenate([graphs.num_atoms for graphs in batches.batches(0)])
    assert sorted([*sizes, *learnt]) == list(range(1, 201))


def test_no_molecule_of_an_excluded_file_is_learnt_from_in_whatever_salt_or_spelling(
    options_for, tmp_path, small_parts, drug_texts
):
    table = tmp_path / "test.csv"
    kekule = "C1=CC=CC=C1"
    texts = [*drug_texts[:20], "c1ccccc1.Cl"]
    library = tmp_path / "more.smi"
    library.write_text("\n".join([*drug_texts[:60], kekule, "[Na+].[O-]c1ccccc1"]))
    table.write_text("smiles,y\n" + "\n".join(f"{text},1" for text in [*texts, "notasmiles"]))
    options = options_for(library=(str(library),), exclude=(str(table),))
    molecules = made(options, tmp_path / "p")
    assert len(molecules) == 60 - 20 + 1  # benzene is gone, phenolate is not
    kept = [molecules.part(number) for number in range(len(molecules.counts))]
    found = [name for graphs in kept for name in atoms_of(graphs)]
    gone = featurize(texts)[0]
    benzene = atoms_of(gone.select([len(gone) - 1]))
    assert not set(benzene) & set(found)
    assert sorted(found) == atoms_of(featurize([*drug_texts[20:60], "[O-]c1ccccc1"])[0])


def test_excluded_lists_of_the_same_molecules_have_the_same_hash(options_for, tmp_path):
    one, two = tmp_path / "a.smi", tmp_path / "b.csv"
    one.write_text("CCO x\nc1ccccc1 y\n")
    two.write_text("id,smiles\n1,C1=CC=CC=C1\n2,OCC\n3,OCC\n")
    hashes = {Excluded(options_for(exclude=(str(p),)).data).sha256 for p in (one, two)}
    assert len(hashes) == 1


def test_descriptors_stand_beside_their_own_molecules(
    options_for, tmp_path, small_parts, drug_texts
):
    table = tmp_path / "test.smi"
    table.write_text("\n".join(drug_texts[5:9]))
    molecules = made(options_for(exclude=(str(table),)), tmp_path / "p", blocks=["rdkit2d"])
    graphs = molecules.part(0)
    chosen = [text for i, text in enumerate(drug_texts[:16]) if not 5 <= i < 9]
    expected = molecule_features([parse(text) for text in chosen], ["rdkit2d"])
    np.testing.assert_array_equal(graphs.features, expected)
    assert atoms_of(graphs) == atoms_of(featurize(chosen)[0])


def test_several_blocks_stand_side_by_side_and_counts_take_a_byte_each(
    options_for, tmp_path, small_parts, drug_texts
):
    made(options_for(), tmp_path, blocks=["rdkit2d"])
    both = made(options_for(), tmp_path, blocks=["rdkit2d", "morgan"]).part(0).features
    mols = [parse(text) for text in drug_texts[:16]]
    np.testing.assert_array_equal(both, molecule_features(mols, ["rdkit2d", "morgan"]))
    assert both.dtype == np.float32
    assert np.load(tmp_path / "morgan" / "000000.npy").dtype == np.uint8
    assert np.load(tmp_path / "rdkit2d" / "000000.npy").dtype == np.float32


def test_an_interrupted_preparation_goes_on_with_what_is_missing(
    options_for, tmp_path, small_parts, monkeypatch
):
    whole = made(options_for(), tmp_path / "a", blocks=["rdkit2d"])
    folder = tmp_path / "b"
    written = []

    def stop(what, rows):
        if what == "rdkit2d":
            written.append(rows)
        if len(written) == 3:
            raise KeyboardInterrupt

    options = options_for()
    with pytest.raises(KeyboardInterrupt):
        prepare(options.data, folder, Excluded(options.data), ["rdkit2d"], stop)
    left = {path.name: path.stat().st_mtime_ns for path in (folder / "rdkit2d").glob("*.npy")}
    assert 0 < len(left) < len(whole.counts)
    again = made(options, folder, blocks=["rdkit2d"])
    for number in range(len(whole.counts)):
        one, two = whole.part(number), again.part(number)
        np.testing.assert_array_equal(one.features, two.features)
    for name, when in left.items():
        assert (folder / "rdkit2d" / name).stat().st_mtime_ns == when


def test_pieces_are_learnt_from_once_each_and_none_that_is_excluded(
    options_for, tmp_path, drug_texts
):
    whole = made(options_for(), tmp_path / "whole")
    more = made(options_for(pieces=0.8, workers=0), tmp_path / "a")
    two = made(options_for(pieces=0.8, workers=2), tmp_path / "b")
    text = (tmp_path / "a" / "pieces-0.8.smi").read_text()
    assert text == (tmp_path / "b" / "pieces-0.8.smi").read_text()
    assert more.counts.tolist() == two.counts.tolist()
    different = {canonical(parse(line)) for line in [*text.split(), *drug_texts]}
    assert len(whole) == 200 < 260 < len(more) == len(different)
    sizes = [graphs.num_atoms for graphs in (whole.part(0), more.part(0))]
    assert sizes[1].min() < sizes[0].min() < sizes[0].max() < sizes[1].max()
    held = tmp_path / "held.smi"
    held.write_text("\n".join(text.split()[:40]))
    left = made(options_for(pieces=0.8, exclude=(str(held),)), tmp_path / "c")
    assert len(left) == len(different - {canonical(parse(line)) for line in text.split()[:40]})


def test_no_piece_is_made_of_an_excluded_molecule(options_for, tmp_path, drug_texts):
    """Those that are excluded hold selenium, and no other molecule does."""
    marked = [f"C[Se]CC{'C' * n}OC(C)CNC" for n in range(60)]
    library, held = tmp_path / "marked.smi", tmp_path / "held.csv"
    rows = [text for pair in zip(drug_texts, marked, strict=False) for text in pair]
    library.write_text("\n".join(rows))
    held.write_text("smiles\n" + "\n".join(f"{text}.Cl" for text in marked))
    of_all = made(options_for(library=(str(library),), pieces=1.0), tmp_path / "a")
    options = options_for(library=(str(library),), pieces=1.0, exclude=(str(held),))
    made(options, tmp_path / "b")
    (own,) = (tmp_path / "b").glob("pieces-1-*.smi")
    every = (tmp_path / "a" / "pieces-1.smi").read_text().split()
    kept = own.read_text().split()
    assert len(of_all) > 120
    assert 0 < len(kept) < len(every)
    assert any("Se" in text for text in every)
    assert not any("Se" in text for text in kept)
    left = iter(every)
    assert all(text in left for text in kept)  # the same ones, in the same order


def test_repeats_are_learnt_from_once(options_for, tmp_path):
    path = tmp_path / "repeats.smi"
    path.write_text("\n".join(["CCO", "OCC", "CCN"] * 30 + ["C" * n for n in range(4, 40)]))
    assert len(made(options_for(library=(str(path),)), tmp_path / "p")) == 38


def test_a_list_without_a_molecule_is_refused_and_bad_rows_are_counted(options_for, tmp_path):
    table = tmp_path / "held.csv"
    table.write_text("smiles,y\nbroken1,1\nbroken2,2\n")
    with pytest.raises(Refusal, match="none of 2 rows is a molecule"):
        Excluded(options_for(exclude=(str(table),)).data)
    table.write_text("smiles,y\nbroken1,1\nCCO,2\n")
    assert Excluded(options_for(exclude=(str(table),)).data).unreadable == 1


def test_a_list_may_name_its_column_as_it_likes(options_for, tmp_path, drug_texts):
    library, usual, same = (tmp_path / name for name in ("library.csv", "usual.csv", "same.csv"))
    library.write_text("mine\n" + "\n".join(drug_texts[:60]))
    usual.write_text("smiles\n" + drug_texts[0])
    same.write_text("mine\n" + drug_texts[1])
    options = options_for(library=(str(library),), smiles="mine", exclude=(str(usual), str(same)))
    assert len(made(options, tmp_path / "p")) == 58


def test_pieces_of_another_share_want_another_folder(options_for, tmp_path, smiles_file):
    made(options_for(pieces=0.5), tmp_path / "p")
    with pytest.raises(Refusal, match=r"another data\.prepared"):
        made(options_for(pieces=0.8), tmp_path / "p")
    packed = options_for(library=(str(tmp_path / "p" / "library"),), pieces=0.5)
    with pytest.raises(Refusal, match="is packed already"):
        made(packed, tmp_path / "q")
    with pytest.raises(Refusal, match="a share"):
        options_for(pieces=1.5)


def test_a_packed_library_is_taken_as_it_is(options_for, tmp_path, smiles_file, small_parts):
    build_library(str(smiles_file), tmp_path / "packed", workers=0)
    one = made(options_for(library=(str(tmp_path / "packed"),)), tmp_path / "p")
    two = made(options_for(), tmp_path / "q")
    assert not (tmp_path / "p" / "library").exists()
    assert len(one) == len(two)
    assert one.sha256 == two.sha256


def test_a_bad_row_of_the_library_is_no_molecule(options_for, tmp_path, library):
    molecules = made(options_for(library=(str(library),)), tmp_path / "p", blocks=["rdkit2d"])
    assert len(molecules) == 10  # the forty good rows are four times the same
    assert len(molecules.part(0).features) == 10


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda folder: (folder / "rdkit2d" / "000000.npy").write_bytes(b"no array"), "damaged"),
        (lambda folder: np.save(folder / "rdkit2d" / "000000.npy", np.zeros((3, 2))), "damaged"),
        (
            lambda folder: np.save(folder / "rdkit2d" / "000000.npy", np.zeros(200, "c8")),
            r"damaged: complex64 of \(200,\) for 200 molecules",
        ),
        (lambda folder: (folder / "rdkit2d" / "facts.json").write_text(""), "damaged"),
        (lambda folder: (folder / "rdkit2d" / "facts.json").unlink(), "facts.json is missing"),
        (
            lambda folder: (folder / "rdkit2d" / "facts.json").write_text(json.dumps({"a": 1})),
            "another library",
        ),
    ],
)
def test_what_was_spoilt_in_between_is_refused(options_for, tmp_path, spoil, said):
    options = options_for()
    made(options, tmp_path / "p", blocks=["rdkit2d"])
    spoil(tmp_path / "p")
    with pytest.raises(Refusal, match=said):
        made(options, tmp_path / "p", blocks=["rdkit2d"]).part(0)


def test_another_library_in_the_folder_is_refused(options_for, tmp_path, library):
    made(options_for(), tmp_path / "p")
    with pytest.raises(Refusal, match="packed from"):
        made(options_for(library=(str(library),)), tmp_path / "p")


def test_a_library_that_has_changed_or_is_read_otherwise_is_refused(options_for, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("a,b\n" + "\n".join(f"C{'C' * n},N{'C' * n}" for n in range(30)))
    made(options_for(library=(str(path),), smiles="a"), tmp_path / "p")
    with pytest.raises(Refusal, match=r"packed with data\.smiles=a: remove that folder"):
        made(options_for(library=(str(path),), smiles="b"), tmp_path / "p")
    path.write_text(path.read_text() + "\nOCCO,OCCO")
    with pytest.raises(Refusal, match=r"two\.csv has changed since it was packed"):
        made(options_for(library=(str(path),), smiles="a"), tmp_path / "p")


def test_a_library_without_a_molecule_says_where_the_reasons_are(options_for, tmp_path):
    path = tmp_path / "bad.smi"
    path.write_text("nonsense\nrubbish\n")
    with pytest.raises(Refusal, match=r"none of 2 rows is a molecule: rejects\.csv"):
        made(options_for(library=(str(path),)), tmp_path / "p")


def test_nothing_left_to_learn_from_is_refused(options_for, tmp_path, smiles_file):
    options = options_for(exclude=(str(smiles_file),))
    molecules = made(options, tmp_path / "p")
    with pytest.raises(Refusal, match="0 molecules of it are left"):
        Stream(molecules, 10, 32, 0)


def test_a_stream_of_prepared_parts_travels_to_other_processes(options_for, tmp_path):
    import pickle

    molecules = made(options_for(), tmp_path / "p")
    molecules.part(0)
    there = pickle.loads(pickle.dumps(molecules))
    assert atoms_of(there.part(0)) == atoms_of(molecules.part(0))


def test_batches_do_not_depend_on_the_descriptors(options_for, tmp_path):
    with_them, without = (made(options_for(), tmp_path / "p", d) for d in (["rdkit2d"], []))
    pairs = zip(*(Stream(m, 10, 32, 0).batches(0) for m in (with_them, without)), strict=True)
    for one, two in pairs:
        assert replace(one, features=None).atoms.tobytes() == two.atoms.tobytes()
