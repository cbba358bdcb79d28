"""A model for tests of the screen floor, which only needs something that scores graphs."""

import numpy as np
import pytest

from molgnn.data.targets import Task

SIZE = Task("size", "regression", "atoms")


class FakeModel:
    """Column c scores a molecule with (c + 1) times its number of atoms: quick, deterministic,
    independent of the batch, and full of ties. ``broken`` maps a number of atoms to another score.
    """

    recipe, name, sha256, device, card = "none", "fake", "5a" * 32, "cpu", {}
    list_columns = ()

    def __init__(self, tasks=(SIZE,), members=1, broken=None):
        self.tasks = list(tasks)
        self.columns = [column for task in tasks for column in task.columns]
        self.num_members = members
        self.broken = broken or {}

    def job(self, precision):
        """It stays in this process: nothing is gained by sending it to another."""

    def choose_precision(self, column):
        return {"used": "fp32", "reason": "it has nothing to round"}

    def predict_graphs(self, graphs, precision="fp32"):
        size = [self.broken.get(int(n), float(n)) for n in graphs.num_atoms]
        mean = np.outer(size, np.arange(1, len(self.columns) + 1))
        return mean, np.full(mean.shape, 0.5 if self.num_members > 1 else 0.0)


@pytest.fixture
def fake_model():
    return FakeModel
