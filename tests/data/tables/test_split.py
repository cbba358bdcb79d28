"""Splits: disjoint, complete, repeatable, and each true to its name."""

import numpy as np
import pytest

from molgnn.chem.scaffold import murcko
from molgnn.chem.smiles import parse
from molgnn.data.tables.leak import leak_report, render
from molgnn.data.tables.split import STRATEGIES, Split, split
from molgnn.errors import Refusal

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccsc1", "c1ccoc1", "C1CC1", "C1CCC1"]
SMILES = [ring + "C" * i for i in range(1, 12) for ring in RINGS[: 1 + (5 * i) % 8]]
SMILES += ["C" * i for i in range(1, 6)]
Y = np.arange(len(SMILES), dtype=float)
COLUMN = [("train", "Valid", "TEST")[i % 3] for i in range(len(SMILES))]


def labels(part: Split):
    out = np.full(len(SMILES), -1)
    for i, rows in enumerate(part.parts().values()):
        out[rows] = i
    return out


@pytest.mark.parametrize("name", STRATEGIES)
def test_parts_are_disjoint_complete_and_repeatable(name):
    first = split(SMILES, Y, name=name, seed=3, column_values=COLUMN)
    rows = np.concatenate(list(first.parts().values()))
    assert sorted(rows.tolist()) == list(range(len(SMILES)))
    assert {part.dtype for part in first.parts().values()} == {np.dtype("int64")}
    second = split(SMILES, Y, name=name, seed=3, column_values=COLUMN)
    np.testing.assert_array_equal(labels(first), labels(second))


@pytest.mark.parametrize("name", ["random", "stratified", "balanced_scaffold", "kfold"])
def test_another_seed_gives_another_split(name):
    splits = [labels(split(SMILES, Y, name=name, seed=seed)) for seed in (0, 1)]
    assert (splits[0] != splits[1]).any()


@pytest.mark.parametrize("name", ["random", "stratified"])
@pytest.mark.parametrize("sizes", [(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.1, 0), (1, 0, 0)])
def test_sizes_are_kept(name, sizes):
    parts = split(SMILES, Y, name=name, sizes=sizes).parts().values()
    for rows, size in zip(parts, sizes, strict=True):
        assert abs(len(rows) - size * len(SMILES)) <= 1


def test_stratified_gives_each_part_its_share_of_every_class():
    y = np.array([[1.0]] * 20 + [[0.0]] * 170 + [[np.nan]] * 10)
    for rows in split(["C"] * 200, y, name="stratified").parts().values():
        share = len(rows) / 200
        assert abs((y[rows] == 1).sum() - 20 * share) <= 1
        assert abs(np.isnan(y[rows]).sum() - 10 * share) <= 1


def test_stratified_gives_each_part_its_share_of_every_tenth_of_the_values():
    y = np.random.default_rng(0).lognormal(size=500)
    for rows in split(["C"] * 500, y, name="stratified").parts().values():
        tenth = np.searchsorted(np.quantile(y, np.linspace(0, 1, 11)[1:-1]), y[rows])
        assert np.ptp(np.bincount(tenth, minlength=10)) <= 2


@pytest.mark.parametrize("name", ["scaffold", "balanced_scaffold"])
def test_a_scaffold_stays_in_one_part(name):
    part = labels(split(SMILES, name=name, sizes=(0.6, 0.2, 0.2)))
    of_scaffold = {}
    for text, where in zip(SMILES, part, strict=True):
        of_scaffold.setdefault(murcko(parse(text)), set()).add(where)
    assert max(map(len, of_scaffold.values())) == 1
    assert set(part) == {0, 1, 2}


def test_the_largest_scaffolds_train_and_the_seed_plays_no_part():
    sets = [labels(split(SMILES, name="scaffold", seed=seed)) for seed in (0, 9)]
    np.testing.assert_array_equal(*sets)
    scaffolds = [murcko(parse(text)) for text in SMILES]
    largest = max(set(scaffolds), key=scaffolds.count)
    assert {p for p, s in zip(sets[0], scaffolds, strict=True) if s == largest} == {0}


def test_the_published_scaffold_split_comes_out_of_the_published_table(molgnn_data):
    """The table lists ties in the order opposite to that of the table it was made from."""
    lines = (molgnn_data / "moleculenet" / "esol.csv").read_text().splitlines()[:0:-1]
    smiles, published = zip(*(line.split(",")[::2] for line in lines), strict=True)
    given = split(smiles, name="column", column_values=published)
    for part, rows in split(smiles, name="scaffold").parts().items():
        np.testing.assert_array_equal(rows, given.parts()[part])


def test_the_column_is_followed():
    part = labels(split(SMILES, name="column", column_values=COLUMN))
    np.testing.assert_array_equal(part, np.arange(len(SMILES)) % 3)


def test_a_column_without_valid_sets_a_tenth_of_train_aside_and_may_have_no_test():
    given = split(["C"] * 50, name="column", column_values=["training"] * 50, seed=1)
    assert [len(rows) for rows in given.parts().values()] == [45, 5, 0]
    given = split(["C"] * 50, name="column", column_values=["train"] * 40 + ["test"] * 10)
    assert given.test.tolist() == list(range(40, 50))
    assert len(given.valid) == 4


def test_every_molecule_is_tested_in_one_fold_and_validated_in_one():
    folds = [split(SMILES, name="kfold", fold=i, folds=4) for i in range(4)]
    for part in ("valid", "test"):
        rows = np.concatenate([fold.parts()[part] for fold in folds])
        assert sorted(rows.tolist()) == list(range(len(SMILES)))
    np.testing.assert_array_equal(folds[0].valid, folds[1].test)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"name": "rondom"}, "unknown split 'rondom': choose one of balanced_scaffold, column"),
        ({"sizes": (0.8, 0.1)}, "three shares"),
        ({"sizes": (0.8, 0.1, 0.2)}, "sum to 1"),
        ({"sizes": (0, 0.5, 0.5)}, "leaves none for training"),
        ({"name": "column", "column_values": ["train", "dev"]}, "'dev' .molecule 2, CC. names no"),
        ({"name": "column", "column_values": ["train", ""]}, "'' .molecule 2"),
        ({"name": "column", "column_values": ["test", "test"]}, "leaves none for training"),
        ({"name": "column"}, "needs the column"),
        ({"name": "stratified"}, "needs labels"),
        ({"name": "kfold", "folds": 2}, "at least 3 folds"),
        ({"name": "kfold", "fold": 5}, "fold 5 of 5"),
    ],
)
def test_a_split_that_cannot_be_is_refused(options, message):
    with pytest.raises(Refusal, match=message):
        split(["C", "CC"], **options)


def _split(train, valid, test):
    return Split(*(np.array(rows, dtype=np.int64) for rows in (train, valid, test)))


def test_the_leak_report_counts_molecules_in_two_parts_and_near_ones():
    smiles = ["CCO", "c1ccccc1C", "OCC", "CCCCCCN", "C(O)C", "c1ccccc1C"]
    report = leak_report(smiles, _split([0, 1], [2, 3], [4, 5]))
    assert report["identical"] == {"train-valid": 1, "train-test": 2, "valid-test": 1}
    test = report["similarity"]["test"]
    assert (test["mean"], test["median"], test["share_ge_0.9"], test["sampled"]) == (1, 1, 1, 2)
    assert report["similarity"]["valid"]["share_ge_0.9"] == 0.5
    text = render(report)
    assert text.splitlines()[0] == (
        "identical molecules: 1 in train and valid, 2 in train and test, 1 in valid and test"
    )
    assert 2 <= len(text.splitlines()) <= 4


def test_a_clean_split_says_so_and_a_large_test_set_is_drawn_from():
    report = leak_report(SMILES, split(SMILES, name="scaffold"), sample=3, seed=5)
    assert report["seed"] == 5
    assert report["similarity"]["test"]["sampled"] == 3 < report["similarity"]["test"]["molecules"]
    assert render(report).startswith("identical molecules: none in two parts")
    assert "3 drawn of" in render(report)
    assert report == leak_report(SMILES, split(SMILES, name="scaffold"), sample=3, seed=5)


def test_a_split_without_test_has_a_report():
    report = leak_report(["CC", "CCC"], _split([0, 1], [], []))
    assert report["similarity"] == {}
    assert len(render(report).splitlines()) == 2
