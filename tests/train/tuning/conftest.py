"""Small searches on the table of the train floor."""

import pytest

import molgnn

TINY = {"name": "dmpnn", "dim": 8, "depth": 2}
SPACE = {
    "encoder": {"dim": {"low": 4, "high": 16, "step": 4}},
    "readout": {"choices": ["sum", "mean"]},
    "optim": {"lr": {"low": 0.0005, "high": 0.02, "log": True}},
}


@pytest.fixture
def tune(tmp_path):
    """tune(path, ...) -> a finished search of tiny networks in ``tmp_path``."""

    def search(path, targets="y", out="study", **options):
        tiny = {"epochs": 3, "encoder": TINY, "split": "column", "space": SPACE, "trials": 4}
        slow = {"optim": {"lr": 3e-3, "warmup": 0.0}, "model": "network"}
        return molgnn.tune(path, targets, out=tmp_path / out, **tiny | slow | options)

    return search


@pytest.fixture(scope="session")
def values():
    """values(tuned) -> what each trial came to."""
    return lambda tuned: [(row["state"], row["value"]) for row in tuned.trials]
