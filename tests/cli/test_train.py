"""``molgnn train``: Hydra's grammar, our exit codes."""

import json

import pytest
import torch
import yaml
from safetensors.torch import load_file

from molgnn.cli.epochs import EpochLog
from molgnn.cli.figures import verdict
from molgnn.cli.main import main
from molgnn.cli.train import check
from molgnn.models.build import ENCODERS
from molgnn.models.pretrained import load_pretrained

QUICK = ["model=network", "fit=quick", "encoder.dim=8", "encoder.depth=2", "fit.epochs=1"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table(here):
    """Forty chains with a label that grows along them."""
    lines = [f"{'C' * (1 + i % 20)}{'O' * (i // 20)},{0.1 * i:.1f},{i % 2}" for i in range(40)]
    (here / "lib,v2.csv").write_text("\n".join(["smiles,y,active", *lines]) + "\n")
    return ["data=csv", "data.path='lib,v2.csv'", "data.split.name=random"]


def code_of(words):
    """The exit code: Hydra's own run ends in SystemExit, ours returns."""
    try:
        return main(words)
    except SystemExit as stop:
        return stop.code


def test_a_run_prints_its_figures_and_where_the_model_is(table, here, capsys):
    words = ["train", *table, "data.targets=[y]", *QUICK, "out=runs/mine"]
    assert code_of(words) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["rmse", "mae", "r2", "spearman"]
    assert [line.split()[0] for line in lines[1:4]] == ["train", "valid", "test"]
    assert "identical molecules:" in out
    assert "molgnn screen runs/mine/model LIBRARY" in lines[-1]
    assert "40 molecules from 40 rows of lib,v2" in err
    assert "epoch 1: loss" in err
    metrics = json.loads((here / "runs/mine/metrics.json").read_text())
    assert metrics["epochs"] == [1]
    assert main(["predict", "runs/mine", "lib,v2.csv", "--out", "p.csv", "--quiet"]) == 0
    assert len((here / "p.csv").read_text().splitlines()) == 41


def test_the_same_command_again_is_refused_and_force_replaces(table, capsys):
    words = ["train", *table, "data.targets=[y]", *QUICK, "out=runs/mine"]
    assert code_of(words) == 0
    capsys.readouterr()
    assert code_of(words) == 1
    (line,) = [t for t in capsys.readouterr().err.splitlines() if t.startswith("molgnn: ")]
    assert "holds this run, finished" in line
    assert code_of([*words, "force=true"]) == 0


def test_overrides_reach_the_run(table, here):
    words = ["encoder=gin", "readout=mean", "encoder.norm=layer", "optim.lr=0.01", "seed=5"]
    assert code_of(["train", *table, "data.targets=[active]", *QUICK, *words, "out=r"]) == 0
    config = yaml.safe_load((here / "r" / "config.yaml").read_text())
    assert (config["encoder"]["name"], config["encoder"]["norm"]) == ("gin", "layer")
    assert (config["readout"], config["optim"]["lr"], config["seed"]) == ({"name": "mean"}, 0.01, 5)


def test_a_run_begins_with_a_pretrained_encoder(table, here, pretrain, capsys):
    state = load_pretrained(pretrain(options={"dim": 16})).encoder_state
    words = ["model=network", "fit=quick", "fit.epochs=2", "data.targets=[y]", "pretrained=encoder"]
    for mode in ("full", "frozen", "staged"):
        own = ["finetune.frozen_epochs=1"] if mode == "staged" else []
        assert code_of(["train", *table, *words, *own, f"finetune={mode}", f"out={mode}"]) == 0
        assert f"(gin from encoder, {mode}, 2 epochs)" in capsys.readouterr().err
        card = json.loads((here / mode / "model" / "config.json").read_text())
        assert (card["model"]["encoder"]["dim"], card["pretrained"]["mode"]) == (16, mode)
        weights = load_file(here / mode / "model" / "model.safetensors")
        learnt = [k for k, t in state.items() if not torch.equal(t, weights[f"0.encoder.{k}"])]
        assert ("convs.0.nn.0.weight" in learnt) == (mode != "frozen")
    assert code_of(["train", *table, *words, "encoder=gat", "out=r"]) == 1
    assert "its encoder is gin, not gat" in capsys.readouterr().err


def test_without_a_folder_runs_go_below_runs_by_date(table, here):
    assert code_of(["train", *table, "data.targets=[y]", *QUICK]) == 0
    assert len(list(here.glob("runs/**/metrics.json"))) == 1
    assert not (here / "outputs").exists()  # Hydra's own habit


def test_a_sweep_runs_every_combination(table, here):
    words = ["train", "-m", *table, "data.targets=[y]", *QUICK, "seed=0,1"]
    assert code_of(words) == 0
    seeds = [yaml.safe_load(path.read_text())["seed"] for path in here.rglob("config.yaml")]
    assert sorted(seeds) == [0, 1]
    assert len(list(here.rglob("metrics.json"))) == 2


@pytest.mark.parametrize(
    "words, said",
    [
        (["data.targets=[z]"], "no column 'z': the columns are 'smiles', 'y', 'active'"),
        (["data.targets=[smiles]"], "line 2: column 'smiles' holds 'C', which is no finite number"),
        (["data.targets=[y]", "data.path=."], "folder"),
        (["data.targets=[y]", "encoder.dim=0"], "encoder.dim=0"),
        (["data.targets=[y]", "head=binary"], "a binary target is 0 or 1"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_1(table, words, said, capsys):
    assert code_of(["train", *table, *QUICK, *words, "out=r"]) == 1
    err = capsys.readouterr().err
    (line,) = [text for text in err.splitlines() if text.startswith("molgnn: ")]
    assert said in line
    assert "Traceback" not in err


def test_help_lists_the_groups_with_their_choices(capsys):
    assert main(["train", "--help"]) == 0
    said = capsys.readouterr().out
    assert f"encoder  {', '.join(sorted(ENCODERS))}" in said
    assert "finetune frozen, full, layerwise, staged" in said
    assert "solubility" in said
    assert "antibiotic" not in said  # recipes are of screen


def test_cfg_job_prints_every_option_and_trains_nothing(here, capsys):
    assert code_of(["train", "--cfg", "job"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["fit"]["epochs"] == 30
    assert list(here.iterdir()) == []


def test_progress_without_a_terminal_is_ten_lines_a_member(capsys):
    log = EpochLog(50)
    for member in range(2):
        for epoch in range(1, 51):
            row = {"epoch": epoch, "train_loss": 1.0, "valid_loss": None}
            log(member, row | {"molecules_per_second": 1000.0})
    log.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    assert lines[0] == "network 1 epoch 5: loss 1.0000, 1,000 molecules/s"


@pytest.mark.parametrize(
    "words, said",
    [
        (["mine.csv"], "molgnn train data=csv 'data.path=mine.csv'"),
        (["data=lib/mine.csv"], "'data.path=lib/mine.csv'"),
        (["--data", "csv"], "without dashes"),
        (["epochs=5"], "did you mean fit.epochs?"),
        (["epochs=5", "batch=64"], "did you mean fit.epochs?"),
        (["encoder=null"], "unknown encoder None: choose one of chebnet"),
        (["encoder=5", "readout=7"], "unknown encoder 5"),
        (["=5"], "key=value"),
        (["out=[a]"], "must be a text"),
        (["out=${foo}"], "must be a text"),
        (["data=csv", "data.target=y", "name=a"], "unknown option of data 'target': choose one"),
        (["solubility"], "key=value"),
        (["data.path=mine.csv"], "a table of your own is data=csv 'data.path=mine.csv'"),
        (["data=esol", "data.path=mine.csv"], "data=esol is a named data set: a table of your own"),
        (["data.split=random"], "did you mean data.split.name=random?"),
    ],
)
def test_first_mistakes_are_answered_with_what_to_type(words, said, capsys):
    assert main(["train", *words]) == 1
    assert said in capsys.readouterr().err


def test_a_forest_that_does_better_is_named():
    forest = {"baseline": {"test": {"rmse": 1.0}}}
    assert "rmse 1.000, network 1.500" in verdict({"test": {"rmse": 1.5}} | forest)[0]
    assert verdict({"test": {"rmse": 0.5}} | forest) == []
    assert verdict({"test": {"roc_auc": 0.5, "pr_auc": 0.2}, "baseline": {}}) == []


@pytest.mark.parametrize(
    "words, said",
    [
        (["force=no"], "force=no: must be true or false"),
        (["out="], "give a folder"),
        (["out=taken/x"], "taken is a file"),
        (["seed=4294967296"], "below 2^32"),
        (["data.targets=[y]"], "leave data.targets"),
    ],
)
def test_what_hydra_would_let_through_is_refused(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    try:
        code = main(["train", "data=solubility", *words])
    except SystemExit as stop:  # a refusal inside Hydra's job
        code = stop.code
    assert code == 1
    assert said in capsys.readouterr().err


def test_units_are_given_as_plain_options():
    check(["data=csv", "data.path=t.csv", "data.targets=[y]", "data.units={y: mg/L}"])


def test_a_refused_table_is_one_line_on_stderr(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("smiles,y\nCCO,1\nCCC,abc\n")
    with pytest.raises(SystemExit):
        main(["train", "data=csv", "data.path=t.csv", "data.targets=[y]", "out=r"])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "t.csv: line 3" in lines[0]
    assert not (tmp_path / "r").exists()


def test_a_verdict_is_by_the_validation_molecules_and_names_what_can_be_done():
    better = {"valid": {"rmse": 1.0}, "test": {"rmse": 9.0}}
    figures = {"valid": {"rmse": 2.0}, "test": {"rmse": 1.0}, "baseline": better}
    (line,) = verdict(figures)
    assert "does better on valid (rmse 1.000, network 2.000): try model=blend" in line
    (line,) = verdict(figures, ["atom"])
    assert "try fit=ensemble" in line
    assert verdict(figures | {"valid": {"rmse": 0.5}}) == []


def test_a_run_is_called_after_its_table(here, capsys):
    from molgnn.cli.train import called, composed

    words = ["data=csv", "data.path=lib/mine.v2.csv.gz", "data.targets=[y]"]
    assert composed(words).out.startswith("runs/mine/")
    assert composed([*words, "data.name=his"]).out.startswith("runs/his/")
    assert composed(["data=esol"]).out.startswith("runs/esol/")
    assert called("", None) == "table"


def test_a_verdict_on_a_model_without_a_network_names_no_network():
    figures = {"test": {"rmse": 2.0}, "baseline": {"test": {"rmse": 1.0}}, "parts": ["mean"]}
    (line,) = verdict(figures)
    assert "this model 2.000): try model=blend" in line
    (line,) = verdict(figures | {"parts": ["hybrid", "boosting"]})
    assert "this model 2.000): try fit=ensemble" in line
