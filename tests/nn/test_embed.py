import torch
import torch.nn.functional as F

from molgnn.chem.features import ATOM_SIZES
from molgnn.nn.embed import FieldEmbedding

SIZES = (3, 2, 5)


def codes(n=20):
    torch.manual_seed(0)
    return torch.stack([torch.randint(size, (n,)) for size in SIZES], dim=1)


def one_hot(codes):
    columns = zip(codes.T, SIZES, strict=True)
    return torch.cat([F.one_hot(column, size) for column, size in columns], dim=1).float()


def test_the_embedding_is_a_linear_layer_on_one_hots():
    embed = FieldEmbedding(SIZES, 7)
    torch.testing.assert_close(embed(codes()), one_hot(codes()) @ embed.weight)


def test_its_gradient_is_that_of_the_linear_layer():
    embed, target = FieldEmbedding(SIZES, 7), torch.randn(20, 7)
    dense = embed.weight.detach().clone().requires_grad_()
    F.mse_loss(embed(codes()), target).backward()
    F.mse_loss(one_hot(codes()) @ dense, target).backward()
    torch.testing.assert_close(embed.weight.grad, dense.grad)


def test_it_starts_as_a_linear_layer_on_the_same_input_would():
    torch.manual_seed(0)
    weight = FieldEmbedding(ATOM_SIZES, 300).weight
    linear = torch.nn.Linear(sum(ATOM_SIZES), 300).weight
    assert abs(weight.std() / linear.std() - 1) < 0.02
    assert weight.abs().max() <= linear.abs().max() * 1.01


def test_every_field_has_rows_of_its_own():
    embed = FieldEmbedding(SIZES, 2)
    for field, size in enumerate(SIZES):
        for code in range(size):
            row = torch.zeros(1, len(SIZES), dtype=torch.long)
            row[0, field] = code
            embed.zero_grad()
            embed(row).sum().backward()
            touched = embed.weight.grad[:, 0].nonzero().flatten()
            assert sum(SIZES[:field]) + code in touched


def test_no_atoms_give_no_rows():
    assert FieldEmbedding(SIZES, 4)(torch.zeros(0, 3, dtype=torch.long)).shape == (0, 4)


def test_codes_that_training_never_met_get_the_mean_of_those_it_did():
    embed = FieldEmbedding(SIZES, 4)
    before = embed.weight.detach().clone()
    embed.fill_unseen([torch.tensor(c) for c in ([3, 1, 0], [0, 4], [1, 1, 0, 0, 2])])
    after = embed.weight.detach()
    seen = [0, 1, 4, 5, 6, 9]
    assert torch.equal(after[seen], before[seen])
    torch.testing.assert_close(after[2], 0.75 * before[0] + 0.25 * before[1])
    torch.testing.assert_close(after[3], before[4])
    expected = (before[5] + before[6] + 2 * before[9]) / 4
    torch.testing.assert_close(after[7:9], expected.expand(2, -1))


def test_a_field_that_training_never_met_is_neutral():
    embed = FieldEmbedding(SIZES, 4)
    embed.fill_unseen([torch.zeros(size, dtype=torch.long) for size in SIZES])
    assert not embed.weight.any()
