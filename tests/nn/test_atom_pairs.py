"""Pairs of atoms within molecules, and what tells their bonds."""

import numpy as np
import pytest
import torch
from rdkit import Chem
from torch_geometric.nn import InnerProductDecoder

from molgnn.chem.graph import featurize, pack
from molgnn.nn.pairs import (
    TYPES,
    PairDecoder,
    balanced_nats,
    bond_types,
    inner_products,
    pair_frequencies,
    pairs_of,
    type_weights,
)

BOND = {"SINGLE": 1, "DOUBLE": 2, "TRIPLE": 3, "AROMATIC": 4}


def graphs_of(texts):
    return featurize(texts, "none")[0]


def plain_pairs(texts):
    """(molecule, i, j, type) of every pair, by RDKit."""
    for number, text in enumerate(texts):
        mol = Chem.MolFromSmiles(text)
        for i in range(mol.GetNumAtoms()):
            for j in range(i + 1, mol.GetNumAtoms()):
                bond = mol.GetBondBetweenAtoms(i, j)
                yield number, i, j, BOND[str(bond.GetBondType())] if bond else 0


def test_every_pair_of_a_molecule_stands_once_with_the_bond_that_rdkit_says(texts):
    texts = [*texts, "C1CCCCC1C#CC=C" * 8]
    pairs, expected = pairs_of(graphs_of(texts)), list(plain_pairs(texts))
    place = pairs.places.numpy()
    length = pairs.length
    found = (
        [(place // length**2)[k].item() for k in range(len(place))],
        place // length % length,
        place % length,
    )
    for (number, i, j, kind), b, row, column, own in zip(
        expected, *found, pairs.types.tolist(), strict=True
    ):
        assert (number, i, j, kind) == (b, row, column, own)
    assert pairs.graph_id.tolist() == [number for number, *_ in expected]


def test_lone_atoms_and_no_molecules_have_no_pairs():
    for texts in (["C", "[Na+]"], []):
        graphs = graphs_of(texts)
        pairs = pairs_of(graphs)
        z = torch.randn(len(graphs.atoms), 4)
        assert len(pairs.types) == 0
        assert PairDecoder(4)(z, pairs).shape == (len(TYPES), 0)
        assert inner_products(z, pairs).shape == (0,)


def test_the_decoder_is_the_bilinear_form_of_each_type(texts):
    graphs = graphs_of(texts)
    pairs, decoder = pairs_of(graphs), PairDecoder(6)
    torch.nn.init.normal_(decoder.bias)
    z = torch.randn(len(graphs.atoms), 6)
    logits = decoder(z, pairs)
    for k, (number, i, j, _) in enumerate(plain_pairs(texts)):
        start = graphs.atom_offsets[number]
        left, right = z[start + i], z[start + j]
        for kind in range(len(TYPES)):
            form = (decoder.forms[kind] + decoder.forms[kind].t()) / 2
            expected = left @ form @ right / 6**0.5 + decoder.bias[kind]
            assert logits[kind, k].item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-5)


def test_which_end_is_named_first_does_not_matter():
    mol = Chem.MolFromSmiles("CC(=O)Nc1ccccc1")
    order = np.random.default_rng(0).permutation(mol.GetNumAtoms())
    one, two = pack([mol]), pack([Chem.RenumberAtoms(mol, order.tolist())])
    decoder, z = PairDecoder(5), torch.randn(mol.GetNumAtoms(), 5)
    first, second = decoder(z, pairs_of(one)), decoder(z[order], pairs_of(two))
    size = mol.GetNumAtoms()
    grid = torch.zeros(len(TYPES), size, size)
    grid[:, *np.triu_indices(size, 1)] = first
    grid = (grid + grid.transpose(1, 2))[:, order][:, :, order]
    torch.testing.assert_close(second, grid[:, *np.triu_indices(size, 1)])


def test_neighbours_in_the_batch_do_not_matter(texts):
    decoder, graphs = PairDecoder(5), graphs_of(texts)
    z = torch.randn(len(graphs.atoms), 5)
    whole, start, at = decoder(z, pairs_of(graphs)), 0, 0
    for number, size in enumerate(graphs.num_atoms.tolist()):
        alone = decoder(z[start : start + size], pairs_of(graphs.select([number])))
        torch.testing.assert_close(alone, whole[:, at : at + alone.size(1)])
        start, at = start + size, at + alone.size(1)


def test_inner_products_are_those_of_pyg(texts):
    graphs = graphs_of(texts)
    z, pairs = torch.randn(len(graphs.atoms), 5), pairs_of(graphs)
    ends = np.array([(graphs.atom_offsets[n] + i, graphs.atom_offsets[n] + j)
                     for n, i, j, _ in plain_pairs(texts)]).T  # fmt: skip
    expected = InnerProductDecoder()(z, torch.from_numpy(ends), sigmoid=False)
    torch.testing.assert_close(inner_products(z, pairs), expected)


def test_the_balanced_loss_is_torchs_with_class_weights():
    logits, types = torch.randn(5, 200), torch.randint(0, 5, (200,))
    weights = torch.rand(5) + 0.1
    expected = torch.nn.functional.cross_entropy(logits.t(), types, weight=weights)
    torch.testing.assert_close(balanced_nats(logits, types, weights), expected)


def test_the_weights_of_training_are_undone_where_types_are_told():
    frequencies = torch.tensor([0.9, 0.05, 0.02, 0.001, 0.029])
    true = torch.distributions.Dirichlet(20 * frequencies + 0.1).sample((500,)).t()
    trained = (true * type_weights(frequencies).unsqueeze(1)).log()  # the optimum of the loss
    assert (trained.argmax(0) != true.argmax(0)).any()
    assert bond_types(trained, frequencies).equal(true.argmax(0))


def test_frequencies_are_shares_of_the_pairs(texts):
    kinds = [kind for *_, kind in plain_pairs(texts)]
    expected = np.bincount(kinds, minlength=5) / len(kinds)
    np.testing.assert_allclose(pair_frequencies(graphs_of(texts)), expected, rtol=1e-6, atol=2e-6)
