"""What is explained of a network that is sampled, or says how far it may be off: its mean."""

import numpy as np
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.targets import Task, widths
from molgnn.models.build import build_model
from molgnn.models.ensemble import Predictor
from molgnn.screen.explain.gradients import attribute
from molgnn.screen.explain.target import network_scores, target_of

TASKS = [
    Task("y", "regression", mean=3.0, std=2.0, spread="variance"),
    Task("kind", "multiclass", classes=("0", "1", "2")),
    Task("z", "regression", mean=1.0, std=0.5, spread="evidential"),
]


@pytest.mark.parametrize("samples", [0, 4])
def test_attributions_add_up_to_the_mean(samples):
    torch.manual_seed(0)
    head = {"name": "mlp", "hidden": 8, "dropout": 0.3, "samples": samples}
    model = build_model({"name": "gin", "dim": 8, "depth": 2}, "mean", head, widths(TASKS))
    predictor = Predictor([model], TASKS)
    graphs = featurize(["CC(=O)Oc1ccccc1C(=O)O", "C", "C1CC1F"])[0]
    for column in ("y", "kind=1", "z"):
        target = target_of(predictor, column)
        scores = network_scores(predictor, target, graphs)
        found = attribute(predictor, target, graphs)
        np.testing.assert_allclose(found.score, scores, atol=1e-4)
        distance = np.abs(found.score - found.baseline)
        assert (np.abs(found.gap) <= np.maximum(0.01 * distance, 1e-4)).all()
        if column in ("y", "z"):
            place = predictor.columns.index(column)
            mean = predictor.predict_graphs(graphs)[0][:, place]
            np.testing.assert_allclose(scores, mean, atol=1e-5)
