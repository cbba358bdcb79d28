"""The tables of `bench accuracy`: made from the rows of its CSV, and from nothing else."""

from molgnn.cli.bench.measured import COLUMNS, read_csv, write_csv
from molgnn.cli.bench.scoreboard import tables

GIVEN = """\
suite,set,split,metric,model,seed,value,seconds,train_seconds,predict_seconds,part,labels
moleculenet,esol,scaffold,rmse,a,0,1.0,11.0,10.0,1.0,test,1
moleculenet,esol,scaffold,rmse,b,0,1.2,21.0,20.0,1.0,test,1
moleculenet,bbbp,scaffold,roc_auc,a,0,0.7,31.0,30.0,1.0,test,1
moleculenet,bbbp,scaffold,roc_auc,b,0,0.9,41.0,40.0,1.0,test,1
moleculenet,esol,scaffold,rmse,a,1,1.1,11.0,10.0,1.0,test,1
moleculenet,esol,scaffold,rmse,b,1,,21.0,20.0,1.0,test,1
"""
PUBLISHED = {
    "moleculenet": {"esol": {"D": 1.05, "U (3D)": 0.5}, "bbbp": {"D": 0.71, "RF": 0.8}},
    "moleculeace": {"x": {"RF": 0.7}, "y": {"RF": 0.5}},
    "antibiotic": {"ecoli": {"Stokes": 0.896}},
}
GOLDEN = """\
**moleculenet**, test

| set | metric | a | b | D | U (3D) | RF |
| --- | --- | --- | --- | --- | --- | --- |
| esol | RMSE ↓ | **1.050 ± 0.071** | – | 1.050 | 0.500 | – |
| bbbp | ROC-AUC % ↑ | 70.0 | **90.0** | 71.0 | – | 80.0 |
| seconds a run: train + predict |  | 16.7 + 1.00 | 26.7 + 1.00 |  |  |  |
"""


def row(suite, name, metric, seed, value, split="official", part="test", labels=1):
    cells = (suite, name, split, metric, "a", seed, value, 3.0, 2.0, 1.0, part, labels)
    return dict(zip(COLUMNS, cells, strict=True))


def table(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def test_a_given_csv_gives_the_golden_table(tmp_path):
    (tmp_path / "accuracy.csv").write_text(GIVEN)
    rows = read_csv(tmp_path / "accuracy.csv")
    text = tables(rows, PUBLISHED)
    assert text.startswith(GOLDEN)
    assert text.splitlines()[-1] == "moleculenet: bars met: a 1 of 2, b 1 of 2"
    assert "Mean ± standard deviation of 2 seeds." in text
    write_csv(rows, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == GIVEN


def test_validation_figures_stand_alone():
    text = tables([row("moleculenet", "esol", "rmse", 0, 0.1, part="valid")], PUBLISHED)
    assert table(text)[:3] == [["set", "metric", "a"], ["---"] * 3, ["esol", "RMSE ↓", "0.100"]]
    assert text.endswith(
        "moleculenet: validation figures; bars are of test sets, so none is counted\n"
    )


def test_the_mean_over_sets_is_taken_seed_by_seed_and_is_the_bar_of_moleculeace():
    rows = [
        row("moleculeace", name, metric, seed, value + 0.1 * seed + (metric != "rmse"))
        for seed in (0, 1)
        for name, value in (("x", 0.6), ("y", 0.5))
        for metric in ("rmse", "rmse_cliffs")
    ]
    text = tables(rows, PUBLISHED)
    lines = {(line[0], line[1]): line[2:] for line in table(text)}
    assert lines["x", "RMSE ↓"] == ["**0.650 ± 0.071**", "0.700"]
    assert lines["mean of 2 sets", "RMSE ↓"] == ["**0.600 ± 0.071**", "0.600"]
    assert lines["mean of 2 sets", "RMSE of cliffs ↓"] == ["1.600 ± 0.071", "–"]
    assert text.endswith("moleculeace: bars met: a 1 of 1; set by set: a 1 of 2\n")


def test_folds_of_a_seed_are_one_value_and_the_pooled_figure_another():
    rows = [
        row("antibiotic", "ecoli", "roc_auc", seed, value, split)
        for seed, values in ((0, (0.8, 1.0, 0.85)), (1, (0.9, 1.0, 0.86)))
        for split, value in zip(("fold 0", "fold 1", "pooled"), values, strict=True)
    ]
    text = tables(rows, PUBLISHED)
    assert table(text)[2:] == [
        ["ecoli", "ROC-AUC, mean of folds ↑", "**0.925 ± 0.035**", "0.896"],
        ["ecoli", "ROC-AUC, pooled ↑", "0.855 ± 0.007", "–"],
        ["seconds a run: train + predict", "", "2.0 + 1.00"],
    ]
    assert text.endswith("antibiotic: bars met: a 1 of 1\n")


def test_a_csv_from_before_there_were_shares_is_of_all_labels(tmp_path):
    old = "\n".join(line.rpartition(",")[0] for line in GIVEN.splitlines()) + "\n"
    (tmp_path / "old.csv").write_text(old)
    rows = read_csv(tmp_path / "old.csv")
    assert {row["labels"] for row in rows} == {1}
    assert tables(rows, PUBLISHED).startswith(GOLDEN)


def test_each_share_of_labels_has_tables_of_its_own_and_published_figures_stand_beside_all():
    rows = [
        row("moleculenet", name, metric, 0, value, labels=share)
        for share in (0.1, 1)
        for name, metric, value in (("esol", "rmse", 2 - share), ("bbbp", "roc_auc", share / 2))
    ]
    text = tables(rows, PUBLISHED)
    few, whole = text.split("**moleculenet**, ")[1:]
    assert few.startswith("test, 10 % of labels\n")
    assert whole.startswith("test, all labels\n")
    assert table(few)[0] == ["set", "metric", "a"]
    assert table(few)[2] == ["esol", "RMSE ↓", "1.900"]
    assert few.endswith("moleculenet: 10 % of labels; bars are of all, so none is counted\n\n")
    assert table(whole)[2] == ["esol", "RMSE ↓", "**1.000**", "1.050", "0.500", "–"]
    assert whole.endswith("moleculenet: bars met: a 1 of 2\n")
    assert tables(rows[:2], PUBLISHED) == few[:-1].join(["**moleculenet**, ", ""])
