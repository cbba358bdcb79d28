"""A model that was sent to another process gives what it gives here."""

import pickle

import numpy as np
import pytest
import torch

from molgnn.chem.graph import featurize

TEXTS = ["CCO", "no molecule", "c1ccccc1", ""]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_job_predicts_as_its_model(precision, spec_of, predictor_of):
    model = predictor_of(spec_of(), members=2)
    work = pickle.loads(pickle.dumps(model.job(precision)))()
    graphs, rows, reasons = featurize(TEXTS)
    for found in (work(TEXTS), work(graphs)):
        mean, std = model.predict_graphs(graphs, precision)
        np.testing.assert_array_equal(found.mean, mean)
        np.testing.assert_array_equal(found.std, std)
        assert found.score_seconds > 0
    found = work(TEXTS)
    assert found.positions.tolist() == rows.tolist() == [0, 2]
    assert found.reasons == reasons
    assert found.route == "binary"


def test_a_model_beyond_the_cpu_stays_where_it_is(spec_of, predictor_of):
    model = predictor_of(spec_of())
    model.device = torch.device("meta")
    assert model.job() is None
