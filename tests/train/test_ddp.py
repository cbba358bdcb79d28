"""Two processes on one CPU train the network that one process trains."""

import multiprocessing
import time

import numpy as np
import pytest
from safetensors.torch import load_file

from molgnn.train.members import launch

OPTIONS = {"accelerator": "cpu", "epochs": 2, "batch_size": 16}


@pytest.mark.slow  # it starts two processes, each of which imports torch
def test_two_processes_give_the_weights_of_one(table, fit):
    def holes(rows):
        for i, row in enumerate(rows):
            if i % 3:
                row["active"] = ""

    path = table(holes)
    one, two = (fit(path, ["y", "active"], out=str(n), devices=n, **OPTIONS) for n in (1, 2))
    left, right = (load_file(r.folder / "model" / "model.safetensors") for r in (one, two))
    for name, tensor in left.items():
        np.testing.assert_allclose(right[name], tensor, atol=1e-4, err_msg=name)
    for a, b in zip(one.metrics["history"][0], two.metrics["history"][0], strict=True):
        assert b["train_loss"] == pytest.approx(a["train_loss"], rel=1e-3)
        assert b["valid_loss"] == pytest.approx(a["valid_loss"], rel=1e-3)


class _Interrupted:
    """As Fabric is when SIGTERM comes to the first process: the others know nothing of it."""

    def launch(self, work):
        self.process = multiprocessing.get_context("spawn").Process(target=work, args=(600,))
        self.process.start()
        raise KeyboardInterrupt


def test_an_interrupt_leaves_no_process_that_trains_on():
    fabric = _Interrupted()
    with pytest.raises(KeyboardInterrupt):
        launch(fabric, time.sleep)
    assert not fabric.process.is_alive()
