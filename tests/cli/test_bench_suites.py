"""The protocols of `bench accuracy`: which rows train, validate and test, on made and real sets."""

import numpy as np
import pandas as pd
import pytest

from molgnn.chem.scaffold import murcko
from molgnn.chem.smiles import parse
from molgnn.cli.bench.anchors import PUBLISHED, SOURCES, bar
from molgnn.cli.bench.protocols import FOLDS
from molgnn.cli.bench.suites import (
    SUITES,
    Case,
    files_of,
    published_of,
    sets_of,
    table_path,
    targets_of,
    write_table,
)
from molgnn.cli.main import main

RING = ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CC1", "C1CCC1", "c1ccsc1", "c1ccoc1", "C1CCNC1")
RINGS = ["C" * i + ring for ring in RING for i in range(1, 8)]
TEST = ["CC", "CCC", "CC", "CO", "C1CC1"]


def table(case, data, out, part="test"):
    path = table_path(case, data, out, part)
    write_table(case, data, path, part)
    return pd.read_csv(path)


@pytest.fixture
def data(tmp_path):
    """caco2_wang with 56 rings and a row that is no molecule, and 5 test rows; 200 rows of ecoli,
    of which half are active; CHEMBL1_Ki with 40 training rows and 10 of test."""
    for folder in ("tdc/caco2_wang", "antibiotic", "moleculeace"):
        (tmp_path / folder).mkdir(parents=True)
    for part, smiles in (
        ("train_val", [*RINGS, "C("]),
        ("test", ["CC", "CCC", "CC", "CO", "C1CC1"]),
    ):
        frame = pd.DataFrame({"Drug_ID": "x", "Drug": smiles, "Y": "1.250"})
        frame.to_csv(tmp_path / "tdc" / "caco2_wang" / f"{part}.csv", index=False)
    active = [i % 2 for i in range(200)]
    frame = pd.DataFrame({"smiles": ["C" * (i + 1) for i in range(200)], "activity": active})
    frame.to_csv(tmp_path / "antibiotic" / "ecoli.csv", index=False)
    frame = pd.DataFrame({"smiles": ["C" * (i + 1) for i in range(50)], "exp_mean [nM]": 1, "y": 2})
    frame["cliff_mol"], frame["split"] = 0, ["train"] * 40 + ["test"] * 10
    frame.to_csv(tmp_path / "moleculeace" / "CHEMBL1_Ki.csv", index=False)
    return tmp_path


def test_tdc_splits_its_training_rows_by_scaffold_and_seed_and_keeps_the_official_test(
    data, tmp_path
):
    seen = []
    for seed in (0, 1, 2, 0):
        found = table(Case("tdc", "caco2_wang", seed, 0), data, tmp_path / "out")
        assert found.columns.tolist() == ["smiles", "Y", "split"]
        assert found.smiles[found.split == "test"].tolist() == TEST
        whole = found[(found.split != "test") & (found.smiles != "C(")]
        assert whole.smiles.tolist() == RINGS
        of = {part: {murcko(parse(s, "none")) for s in rows.smiles}
              for part, rows in whole.groupby("split")}  # fmt: skip
        assert not of["train"] & of["valid"]
        assert (whole.split == "train").sum() == 7 * 7  # of eight scaffolds of seven molecules
        seen.append(found.split.tolist())
    assert seen[0] == seen[3]
    assert not seen[0] == seen[1] == seen[2]


def test_labels_are_written_as_they_were_given(data, tmp_path):
    case = Case("tdc", "caco2_wang", 0, 0)
    table(case, data, tmp_path / "out")
    path = table_path(case, data, tmp_path / "out", "test")
    assert path.read_text().splitlines()[1].startswith("Cc1ccccc1,1.250,")
    assert targets_of(path) == ("Y",)


def test_a_large_scaffold_that_does_not_fit_validates(data, tmp_path):
    smiles = [*("C" * i + "c1ccccc1" for i in range(1, 40)), "C1CC1", "C1CCC1"]
    frame = pd.DataFrame({"Drug_ID": "x", "Drug": smiles, "Y": 1})
    frame.to_csv(data / "tdc" / "caco2_wang" / "train_val.csv", index=False)
    found = table(Case("tdc", "caco2_wang", 0, 0), data, tmp_path / "out")
    assert found.split.tolist() == ["valid"] * 39 + ["train"] * 2 + ["test"] * 5


def test_a_tenth_of_moleculeaces_training_rows_validates_by_the_seed(data, tmp_path):
    case = Case("moleculeace", "CHEMBL1_Ki", 0, 0)
    parts = [table(case._replace(seed=s), data, tmp_path / "out").split for s in (0, 1)]
    for part in parts:
        assert part.value_counts().to_dict() == {"train": 36, "test": 10, "valid": 4}
        assert (part[40:] == "test").all()
    assert parts[0].tolist() != parts[1].tolist()
    assert targets_of(table_path(case, data, tmp_path / "out", "test")) == ("y",)


def test_ten_folds_share_the_actives_and_test_each_row_once(data, tmp_path):
    tested = np.zeros(200)
    for fold in range(FOLDS):
        found = table(Case("antibiotic", "ecoli", 0, fold), data, tmp_path / "out")
        counts = {p: (len(r), r.activity.sum()) for p, r in found.groupby("split")}
        assert counts == {"test": (20, 10), "valid": (18, 9), "train": (162, 81)}
        tested += found.split == "test"
    assert (tested == 1).all()


def test_a_table_for_validation_holds_no_test_row_and_another_source_makes_another(data, tmp_path):
    case, out = Case("moleculeace", "CHEMBL1_Ki", 0, 0), tmp_path / "out"
    whole, valid = table(case, data, out), table(case, data, out, "valid")
    assert valid.values.tolist() == whole[whole.split != "test"].values.tolist()
    before = table_path(case, data, out, "test")
    source = data / "moleculeace" / "CHEMBL1_Ki.csv"
    source.write_text(source.read_text().replace("CC,1,2,", "CC,1,3,"))
    assert table_path(case, data, out, "test") != before


def test_each_set_with_a_closed_name_has_published_figures_and_each_suite_a_source():
    assert set(SOURCES) == set(SUITES)
    for name, published in PUBLISHED.items():
        assert list(published) == list(SUITES[name].metrics)


def test_a_bar_is_the_best_figure_that_can_be_compared():
    assert bar(PUBLISHED["moleculenet"]["esol"], True) == 1.050  # GEM and Uni-Mol need 3D
    assert bar(PUBLISHED["moleculenet"]["bbbp"], False) == 0.720
    assert bar(PUBLISHED["tdc"]["cyp2d6_veith"], False) == 0.723  # its audited best saw the labels
    assert bar(PUBLISHED["tdc"]["lipophilicity_astrazeneca"], True) == 0.467
    assert bar({}, True) is None


def test_the_real_sets_have_their_columns_and_their_published_figures(molgnn_data, tmp_path):
    for suite in SUITES:
        if not (molgnn_data / suite).is_dir():
            pytest.skip(f"needs real data: {molgnn_data} holds no {suite}")
        published = published_of(suite, molgnn_data)
        for name in sets_of(suite, molgnn_data):
            assert files_of(Case(suite, name, 0, 0), molgnn_data)
            assert published[name]
    means = np.mean(
        [list(row.values()) for row in published_of("moleculeace", molgnn_data).values()], 0
    )
    assert means.round(3).tolist() == [0.825, 0.667, 0.692]
    found = table(Case("tdc", "caco2_wang", 1, 0), molgnn_data, tmp_path)
    assert found.split.value_counts().to_dict() == {"train": 637, "test": 182, "valid": 91}
    found = table(Case("antibiotic", "ecoli", 0, 9), molgnn_data, tmp_path)
    assert (len(found), found.activity[found.split == "test"].sum()) == (2335, 12)


def test_a_real_set_goes_from_its_file_to_the_table(molgnn_data, tmp_path, monkeypatch, capsys):
    if not (molgnn_data / "moleculenet" / "freesolv.csv").is_file():
        pytest.skip(f"needs real data: {molgnn_data} holds no moleculenet/freesolv.csv")
    for picture in ("learning_curve", "predictions"):
        monkeypatch.setattr(f"molgnn.train.plots.{picture}", lambda *_: None)
    small = [
        "--set",
        "model=network",
        "encoder=sgc",
        "encoder.dim=8",
        "fit.epochs=1",
        "--out",
        str(tmp_path),
    ]
    only = ["--suite", "moleculenet", "--sets", "freesolv", "--seeds", "0"]
    assert main(["bench", "accuracy", *only, *small]) == 0
    printed = capsys.readouterr().out
    assert "| freesolv | RMSE ↓ |" in printed
    assert "| 2.082 | 2.764 | 1.877 | 1.620 |" in printed
    assert printed.endswith("moleculenet: bars met: default 0 of 1\n")
