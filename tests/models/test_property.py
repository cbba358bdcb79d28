"""The assembled network: every encoder with every readout."""

import itertools

import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.batch import to_batch
from molgnn.models.build import ENCODERS, READOUTS, build_model

PAIRS = list(itertools.product(ENCODERS, READOUTS))
each_pair = pytest.mark.parametrize("encoder, readout", PAIRS)


def make(spec):
    torch.manual_seed(0)
    return build_model(**spec, out_dim=2)


@pytest.fixture
def batch(graphs):
    return to_batch(graphs.select(range(12)))


@each_pair
def test_a_molecule_scores_the_same_alone_and_in_a_batch(encoder, readout, spec_of, graphs):
    model = make(spec_of(encoder, readout)).eval()
    alone = torch.cat([model(to_batch(graphs.select([row])))["molecule"] for row in range(12)])
    together = model(to_batch(graphs.select(range(12))))["molecule"]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@each_pair
def test_molecules_of_one_atom_have_scores(encoder, readout, spec_of):
    model = make(spec_of(encoder, readout)).eval()
    scores = model(to_batch(featurize(["C", "[Na+]", "O"], "none")[0]))["molecule"]
    assert scores.shape == (3, 2)
    assert torch.isfinite(scores).all()
    assert not torch.allclose(scores[0], scores[2])


@each_pair
def test_three_steps_lower_the_loss(encoder, readout, spec_of, batch):
    model = make(spec_of(encoder, readout)).train()
    target = torch.randn(batch.num_graphs, 2)
    step = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(4):
        loss = (model(batch)["molecule"] - target).square().mean()
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@each_pair
def test_gradients_reach_every_parameter(encoder, readout, spec_of, batch):
    model = make(spec_of(encoder, readout, norm="none")).train()
    (model(batch)["molecule"] * torch.randn(batch.num_graphs, 2)).sum().backward()
    cold = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert cold == []


@pytest.mark.parametrize(
    ("encoder", "readout"),
    [*((e, "sum") for e in ENCODERS), *(("dmpnn", r) for r in READOUTS if r != "sum")],
)
def test_twenty_molecules_are_memorised(encoder, readout, spec_of, graphs):
    spec = spec_of(encoder, readout, dim=32)
    spec["head"]["hidden"] = 32
    model, batch = make(spec).train(), to_batch(graphs.select(range(20)))
    labels = torch.randn(20, 2, generator=torch.Generator().manual_seed(1))
    step = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(400):
        loss = (model(batch)["molecule"] - labels).square().mean()
        if loss.item() < 0.05:
            return
        step.zero_grad()
        loss.backward()
        step.step()
    pytest.fail(f"mean squared error {loss.item():.3f} of labels with variance 1")


def test_embedding_is_what_the_head_sees(spec_of, batch):
    model = make(spec_of("gin", "mean_max")).eval()
    vectors = model.embed(batch)
    assert tuple(vectors.shape) == (12, model.readout.out_dim) == (12, 16)
    torch.testing.assert_close(model.head(vectors), model(batch)["molecule"])
