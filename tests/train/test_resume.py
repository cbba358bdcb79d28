"""A run that is killed and started again gives the weights of one that was never interrupted."""

import hashlib
import signal
import subprocess
import sys

import pytest

import molgnn
from molgnn.cli.main import main
from molgnn.errors import Refusal
from molgnn.train.checkpoint import load_checkpoint

EPOCHS = 40


@pytest.fixture
def command(table, tmp_path):
    """command(out) -> the words of ``molgnn train`` for two tiny members."""
    options = (
        "data=csv",
        f"data.path={table()}",
        "data.targets=[y]",
        "data.split.name=column",
        "model=network",
        "encoder=gin",
        "encoder.dim=8",
        "encoder.dropout=0.1",
        f"fit.epochs={EPOCHS}",
        "fit.members=2",
        "fit.ema=0.9",
        "fit.baseline=false",
        "fit.valid=choose",
    )
    return lambda out: ["train", *options, f"out={tmp_path / out}"]


def digest(folder):
    return hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_after_a_kill_the_same_command_gives_the_same_bytes(command, tmp_path, capsys):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = [sys.executable, "-m", "molgnn.cli.main", *command("killed")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("network 2 epoch 8:"):
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    assert not (killed / "metrics.json").exists()
    state = load_checkpoint(killed / "checkpoints" / "member_1.safetensors")[1]
    assert 8 <= state["epoch"] < EPOCHS

    assert main(command("killed")) == 0
    said = capsys.readouterr().err
    assert "going on with the unfinished run" in said
    assert "network 1 " not in said  # the first member was finished
    assert "network 2 epoch 4:" not in said
    assert main(command("whole")) == 0
    assert digest(killed) == digest(whole)
    assert not (killed / "checkpoints").exists()


def test_a_table_that_changed_after_the_kill_is_refused_by_name(tmp_path):
    table, out = tmp_path / "t.csv", tmp_path / "run"
    rows = [f"{'C' * n}O,{n}" for n in range(1, 30)]
    table.write_text("\n".join(["smiles,y", *rows]) + "\n")
    tiny = {"model": "network", "encoder": {"name": "dmpnn", "dim": 8}}
    options = {**tiny, "split": "random", "baseline": False}

    def stop_at_two(member: int, row: dict) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        molgnn.fit(table, "y", out=out, epochs=4, epoch_done=stop_at_two, **options)
    table.write_text("\n".join(["smiles,y", *rows[1:]]) + "\n")
    with pytest.raises(Refusal, match="its data has changed"):
        molgnn.fit(table, "y", out=out, epochs=4, **options)
