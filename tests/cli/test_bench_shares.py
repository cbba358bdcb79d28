"""Shares of labels in `bench accuracy`: which rows stay, and that all of them are as ever."""

import numpy as np
import pandas as pd
import pytest

from molgnn.cli.bench.accuracy import Bench
from molgnn.cli.bench.arms import arms_of
from molgnn.cli.bench.planned import Planned
from molgnn.cli.bench.shares import drawn
from molgnn.cli.bench.suites import Case, table_path, write_table
from molgnn.data.readers.reader import file_sha256

RING = ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CC1", "C1CCC1", "c1ccsc1", "c1ccoc1", "C1CCNC1")
RINGS = ["C" * i + ring for ring in RING for i in range(1, 8)]
CHAINS = ["C" * (i + 1) for i in range(260)]
CASES = [
    Case("moleculenet", "bbbp", 1, 0),
    Case("tdc", "caco2_wang", 1, 0),
    Case("moleculeace", "CHEMBL1_Ki", 1, 0),
    Case("antibiotic", "ecoli", 1, 4),
]


def put(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False)


@pytest.fixture
def data(tmp_path):
    """A set of each suite. Inactive in bbbp: 6 rows of train, one of valid and of test."""
    part = ["train"] * 200 + ["valid"] * 40 + ["test"] * 20
    active = [int(i not in (3, 50, 51, 90, 91, 150, 210, 250)) for i in range(260)]
    put(tmp_path / "moleculenet" / "bbbp.csv", smiles=CHAINS, p_np=active, split=part)
    for name, smiles in (("train_val", RINGS), ("test", ["CC", "CCC", "CC", "CO", "C1CC1"])):
        put(tmp_path / "tdc" / "caco2_wang" / f"{name}.csv", Drug_ID="x", Drug=smiles, Y="1.250")
    head = {"smiles": CHAINS[:50], "exp_mean [nM]": 1, "y": 2, "cliff_mol": 0}
    put(tmp_path / "moleculeace" / "CHEMBL1_Ki.csv", **head, split=["train"] * 40 + ["test"] * 10)
    active = [i % 2 for i in range(200)]
    put(tmp_path / "antibiotic" / "ecoli.csv", smiles=CHAINS[:200], activity=active)
    return tmp_path


@pytest.fixture
def table(data):
    """The table of a case, written and read back."""

    def made(case, part="test"):
        path = table_path(case, data, data / "out", part)
        write_table(case, data, path, part)
        return pd.read_csv(path)

    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.suite)
def test_a_share_is_of_train_and_of_valid_and_leaves_the_test_rows_whole(case, table):
    whole = table(case).split.value_counts()
    for share in (0.1, 0.25, 0.5):
        found = table(case._replace(share=share)).split.value_counts()
        assert found["test"] == whole["test"]
        for part in ("train", "valid"):  # each class is rounded, and keeps one row at least
            assert found[part] == pytest.approx(share * whole[part], abs=1.5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.suite)
def test_rows_of_a_smaller_share_are_among_those_of_a_larger_one_in_their_order(case, table):
    few, half, whole = (
        list(map(tuple, table(case._replace(share=share))[["smiles", "split"]].to_numpy()))
        for share in (0.1, 0.5, 1)
    )
    assert [row for row in half if row in set(few)] == few
    assert [row for row in whole if row in set(half)] == half
    assert len(few) < len(half) < len(whole)


def test_they_are_drawn_by_the_seed_even_where_the_split_is_given(table, data):
    case = CASES[0]._replace(share=0.1)
    found = [table(case._replace(seed=seed)).smiles.tolist() for seed in (0, 1, 0)]
    assert found[0] == found[2] != found[1]
    for share, names in ((0.1, 2), (1, 1)):
        of = [case._replace(seed=seed, share=share) for seed in (0, 1)]
        assert len({table_path(one, data, data / "out", "test") for one in of}) == names


def test_each_class_stays_in_each_part(table):
    for seed in range(5):
        found = table(Case("moleculenet", "bbbp", seed, 0, 0.1))
        counts = {part: (len(of), of.p_np.sum()) for part, of in found.groupby("split")}
        assert counts == {"train": (20, 19), "valid": (5, 4), "test": (20, 19)}


def test_of_several_targets_rows_that_have_a_label_are_drawn(table, data):
    a, b = ["1"] * 50 + [""] * 60, [""] * 50 + ["0"] * 40 + [""] * 20
    part = ["train"] * 100 + ["test"] * 10
    put(data / "moleculenet" / "sider.csv", smiles=CHAINS[:110], a=a, b=b, split=part)
    found = table(Case("moleculenet", "sider", 0, 0, 0.2))
    assert found.split.value_counts().to_dict() == {"train": 18, "test": 10}
    assert found[found.split == "train"][["a", "b"]].notna().any(axis=1).all()


def test_the_table_for_validation_holds_the_same_rows_but_those_of_test(table):
    case = CASES[1]._replace(share=0.3)
    whole, valid = table(case), table(case, "valid")
    assert valid.values.tolist() == whole[whole.split != "test"].values.tolist()


def test_the_share_of_each_row_to_be_drawn_is_the_same():
    part, labels = np.array(["train"] * 20, dtype=object), np.array([["1"]] * 20, dtype=object)
    times = sum(drawn(part, labels, 0.25, seed, False).astype(int) for seed in range(400))
    assert times.sum() == 400 * 5
    assert times.min() > 60  # of 100 ± 9
    assert times.max() < 140


def test_a_case_says_its_share():
    assert str(CASES[0]) == "moleculenet bbbp seed 1"
    assert str(CASES[0]._replace(share=0.1)) == "moleculenet bbbp seed 1, 10 % of labels"
    assert str(CASES[3]._replace(share=0.025)) == (
        "antibiotic ecoli seed 1 fold 4, 2.5 % of labels"
    )


def test_with_all_labels_tables_and_keys_are_those_from_before_there_were_shares(data, monkeypatch):
    """Frozen, by the code of before: other ones would make each run on record anew. Options are
    not part of what is frozen: each option that molgnn learns makes another key."""
    monkeypatch.setattr("molgnn.train.folder.plain", lambda o: [o.seed, o.data.name, o.data.path])
    options = arms_of(["default"], ["model=network"])["default"]
    bench, found = Bench(data / "out", data, "test", cut=False), {}
    for case in CASES:
        path = table_path(case, data, data / "out", "test")
        write_table(case, data, path, "test")
        key = bench._key(Planned(case, "default", options, 1), path)
        found[path.name] = (file_sha256(path)[:12], key[:12])
    assert found == {
        "moleculenet-bbbp-test-624db5.csv": ("624db59f14e0", "a099a670e7e1"),
        "tdc-caco2_wang-1-test-3ab4c929c520.csv": ("32ba4f7ef643", "af49897ddf07"),
        "moleculeace-CHEMBL1_Ki-1-test-98057e.csv": ("22a6dd6ef089", "f624fe999376"),
        "antibiotic-ecoli-1-4-test-8baa6d.csv": ("cb6d4d976b78", "3ac232722abd"),
    }
