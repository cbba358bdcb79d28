"""Over-smoothing of a network: a row a molecule, measured as in prediction."""

import pandas as pd
import pytest
import torch

from molgnn.chem.graph import featurize
from molgnn.data.batch import to_batch
from molgnn.models.build import ENCODERS, build_model
from molgnn.models.smoothing import atom_distances
from molgnn.nn.smoothing import mean_length, mean_pairwise_distance, relative_distance


def encoder_of(spec):
    torch.manual_seed(0)
    return build_model(**spec, out_dim=1).encoder


@pytest.mark.parametrize("name", ENCODERS)
def test_each_molecule_has_the_distances_of_its_own_atoms(name, spec_of, graphs):
    encoder = encoder_of(spec_of(name, jk="cat")).eval()
    table = atom_distances(encoder, graphs)
    assert list(table.columns) == ["distance", "length", "relative"]
    assert len(table) == len(graphs)
    for row in range(0, len(graphs), 7):
        batch = to_batch(graphs.select([row]))
        with torch.no_grad():
            h = encoder(batch.x, batch.edge_index, batch.edge_attr)
        for column, measure in zip(
            table, (mean_pairwise_distance, mean_length, relative_distance), strict=True
        ):
            expected = measure(h, batch.graph_id, 1).item()
            assert table[column][row] == pytest.approx(expected, rel=1e-4)


def test_a_molecule_of_one_atom_has_no_distance_and_no_part_in_the_mean(spec_of):
    encoder = encoder_of(spec_of("gcn"))
    graphs, _, _ = featurize(["CCO", "C", "CC(=O)N"], "none")
    table = atom_distances(encoder, graphs)
    assert table["distance"].isna().tolist() == [False, True, False]
    pair = table["distance"][[0, 2]]
    assert table.mean()["distance"] == pytest.approx(pair.sum() / 2)


def test_more_molecules_than_fit_a_batch_are_each_as_alone(spec_of, graphs):
    encoder = encoder_of(spec_of("gin"))
    many = atom_distances(encoder, graphs.select([*range(len(graphs))] * 6))
    few = atom_distances(encoder, graphs)
    assert len(many) > 256
    again = pd.concat([few] * 6, ignore_index=True)
    pd.testing.assert_frame_equal(many, again, rtol=1e-4)


def test_it_measures_as_in_prediction_and_leaves_the_network_as_it_was(spec_of, graphs):
    encoder = encoder_of(spec_of("gcn", norm="batch", dropout=0.5)).train()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    table = atom_distances(encoder, graphs)
    assert encoder.training
    assert all(module.training for module in encoder.modules())
    after = encoder.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    pd.testing.assert_frame_equal(table, atom_distances(encoder.eval(), graphs))
    assert not encoder.training


def test_no_molecules_give_a_table_without_rows(spec_of):
    table = atom_distances(encoder_of(spec_of("gcn")), featurize([])[0])
    assert list(table.columns) == ["distance", "length", "relative"]
    assert len(table) == 0
