"""``molgnn bench featurize`` on a few molecules: the shape of its answer, not the speed."""

import json

from molgnn.cli.main import main


def test_bench_featurize_gives_every_side_its_rate_and_ratio(tmp_path, capsys):
    library, out = tmp_path / "library.smi", tmp_path / "figures.json"
    library.write_text("CCO a\nC( bad\nc1ccccc1 b\nCCN.Cl c\n" * 20)
    arguments = ["--library", str(library), "--rounds", "2", "--json", str(out)]
    assert main(["bench", "featurize", *arguments]) == 0
    figures = json.loads(out.read_text())
    assert (figures["molecules"], figures["route"]) == (60, "binary")
    graphs, features = {"MolFromSmiles", "featurize", "plain loop"}, {"descriptors", "RDKit's own"}
    assert set(figures["ratio"]) == graphs | features
    assert len(figures["descriptors_per_own"]) == 2
    assert all(len(ratios) == 2 for ratios in figures["ratio"].values())
    assert figures["ratio"]["MolFromSmiles"] == [1, 1]
    shown = capsys.readouterr().out
    assert "plain loop" in shown
    assert "times RDKit's own rate" in shown


def test_bench_featurize_refuses_a_library_without_a_molecule(tmp_path, capsys):
    library = tmp_path / "bad.smi"
    library.write_text("C( bad\n")
    assert main(["bench", "featurize", "--library", str(library)]) == 1
    assert "bad.smi: no molecule" in capsys.readouterr().err


def test_figures_that_could_not_be_written_are_refused_before_the_work(tmp_path, capsys):
    (tmp_path / "there.json").write_text("")
    for name, said in (("there.json", "exists already"), ("no/x.json", "make it first")):
        assert main(["bench", "pretrain", "--json", str(tmp_path / name)]) == 1
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
