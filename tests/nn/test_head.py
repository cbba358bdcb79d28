import itertools

import pytest
import torch

from molgnn.nn.head import MLPHead


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_the_head_has_as_many_hidden_layers_as_asked_for(layers):
    head = MLPHead(6, 4, hidden=5, layers=layers)
    linear = [part for part in head.modules() if isinstance(part, torch.nn.Linear)]
    widths = [6, *[5] * layers, 4]
    assert [(part.in_features, part.out_features) for part in linear] == list(
        itertools.pairwise(widths)
    )
    assert head(torch.randn(3, 6)).shape == (3, head.out_dim) == (3, 4)


def test_the_output_is_not_squashed():
    torch.manual_seed(0)
    logits = MLPHead(6, 50)(torch.randn(20, 6) * 100)
    assert logits.min() < -5
    assert logits.max() > 5


def test_dropout_acts_in_training_alone():
    head, h = MLPHead(6, 4, dropout=0.5), torch.randn(3, 6)
    assert not torch.equal(head.train()(h), head(h))
    assert torch.equal(head.eval()(h), head(h))
