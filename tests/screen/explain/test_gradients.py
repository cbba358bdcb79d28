"""Integrated gradients: complete, of any encoder, whatever the batch and the order of the atoms."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from rdkit import Chem
from torch import nn

from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.chem.graph import featurize
from molgnn.data.batch import to_batch
from molgnn.data.targets import Task
from molgnn.models.build import ENCODERS, READOUTS
from molgnn.models.ensemble import Predictor
from molgnn.models.property import PropertyModel
from molgnn.nn.embed import BondedAtoms, FieldEmbedding
from molgnn.nn.mpnn import MPNNEncoder
from molgnn.nn.readout import SumReadout
from molgnn.screen.explain.gradients import attribute
from molgnn.screen.explain.hiding import hidden
from molgnn.screen.explain.paths import BondByBond, Stand, hidden_embedding, logits_at
from molgnn.screen.explain.target import network_scores, target_of

SHIPPED = Path(__file__).parents[3] / "data" / "solubility.csv"
SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "C", "N[C@@H](C)C(=O)O", "C1CC1F", "[Na+].[O-]CC")
GRAPHS = featurize(SMILES)[0]


def all_hidden(graphs):
    return hidden(graphs, np.ones(len(graphs.atoms), dtype=bool))


def test_attributions_of_the_shipped_model_add_up_to_score_minus_baseline(solubility):
    texts = pd.read_csv(SHIPPED).smiles[::60]
    graphs = featurize(texts)[0]
    found = attribute(solubility, target_of(solubility, None), graphs)
    distance = np.abs(found.score - found.baseline)
    assert len(graphs) > 20
    assert (distance > 0.05).mean() > 0.8
    assert (np.abs(found.gap) <= np.maximum(0.01 * distance, 1e-4)).all()
    np.testing.assert_allclose(found.score, solubility.predict_graphs(graphs)[0][:, 0], atol=1e-4)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_attributions_are_complete_for_every_encoder(encoder, model_of):
    check_complete(model_of(encoder))


@pytest.mark.parametrize("readout", READOUTS)
def test_attributions_are_complete_for_every_readout(readout, model_of):
    check_complete(model_of("dmpnn", readout))


def check_complete(model):
    target = target_of(model, "logS")
    found = attribute(model, target, GRAPHS)
    distance = np.abs(found.score - found.baseline)
    assert distance.max() > 0.01
    assert np.abs(found.atoms).max() > 1e-4
    assert (np.abs(found.gap) <= np.maximum(0.011 * distance, 1e-4)).all()
    # The path's ends are what ordinary scoring gives for the molecule, and for it hidden.
    np.testing.assert_allclose(found.score, network_scores(model, target, GRAPHS), atol=1e-4)
    baseline = network_scores(model, target, all_hidden(GRAPHS))
    np.testing.assert_allclose(found.baseline, baseline, atol=1e-4)


def test_descriptors_beside_the_graph_have_a_share_of_their_own(model_of):
    blocks = ("morgan",)
    model = model_of(blocks=blocks)
    graphs = featurize(SMILES, "parent", blocks)[0]
    found = attribute(model, target_of(model, None), graphs)
    assert np.abs(found.features).max() > 1e-3
    distance = np.abs(found.score - found.baseline)
    assert (np.abs(found.gap) <= np.maximum(0.011 * distance, 1e-4)).all()


@pytest.mark.parametrize("column", ["toxic", "class=b"])
def test_classes_are_explained_by_their_log_odds(column, model_of):
    model = model_of()
    found = attribute(model, target_of(model, column), GRAPHS)
    p = model.predict_graphs(GRAPHS)[0][:, model.columns.index(column)]
    np.testing.assert_allclose(found.score, np.log(p / (1 - p)), atol=1e-4)


def test_batches_equal_a_loop_over_molecules_and_points(model_of):
    """The oracle: the gradient of the embedding vectors themselves, by finite steps of none of the
    machinery but the network: one molecule, one point, one atom at a time."""
    model = model_of("dmpnn", members=2)
    target = target_of(model, "logS")
    found = attribute(model, target, GRAPHS, points=(4,))
    nodes, weights = np.polynomial.legendre.leggauss(4)
    for molecule in range(len(GRAPHS)):
        graph = GRAPHS.part(molecule, molecule + 1)
        total = np.zeros(len(graph.atoms))
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            total += weight * slopes_of_atoms(model, target, graph, node)
        atoms = slice(*GRAPHS.atom_offsets[molecule : molecule + 2])
        np.testing.assert_allclose(found.atoms[atoms], total, rtol=1e-3, atol=1e-5)


def slopes_of_atoms(model, target, graph, at):
    """(e - b) . dF/de for each atom, from the gradient of every table's output."""
    total = np.zeros(len(graph.atoms))
    for member in model.members:
        outputs = []

        def on_the_way(table, _, out, outputs=outputs):
            base = hidden_embedding(table).detach()
            point = (base + at * (out.detach() - base)).requires_grad_()
            outputs.append((table.sizes, point, out.detach() - base))
            return point

        tables = [part for part in member.modules() if isinstance(part, FieldEmbedding)]
        handles = [table.register_forward_hook(on_the_way) for table in tables]
        target.score(member(to_batch(graph))["molecule"]).sum().backward()
        for handle in handles:
            handle.remove()
        for sizes, point, way in outputs:
            if sizes == ATOM_SIZES:
                total += (point.grad * way).sum(dim=1).numpy() / len(model.members)
    return total


class Linear(nn.Module):
    """Atom vectors are embedding sums and nothing else."""

    def __init__(self):
        super().__init__()
        self.start, self.out_dim = BondedAtoms(ATOM_SIZES, BOND_SIZES, 4), 4

    def forward(self, x, edge_index, edge_attr):
        return self.start(x, edge_index, edge_attr)


def test_a_linear_model_has_its_terms_as_attributions():
    torch.manual_seed(0)
    encoder, head = Linear(), nn.Linear(4, 1)
    network = PropertyModel(encoder, SumReadout(4, scale=1.0), head)
    model = Predictor([network], [Task("y", "regression", std=3.0)], "parent")
    found = attribute(model, target_of(model, "y"), GRAPHS, points=(2,))
    with torch.no_grad():
        for table, codes, ends, values in (
            (encoder.start.atoms, GRAPHS.atoms, 1, found.atoms),
            (encoder.start.bonds, GRAPHS.bonds, 2, found.bonds),
        ):
            way = table(torch.from_numpy(codes.astype(int))) - hidden_embedding(table)
            exact = ends * 3.0 * (way @ head.weight[0])
            np.testing.assert_allclose(values, exact.numpy(), rtol=1e-4, atol=1e-5)


def test_the_order_of_atoms_does_not_change_what_each_adds(model_of):
    model = model_of("dmpnn")
    mol = Chem.MolFromSmiles(SMILES[0])
    order = np.random.default_rng(0).permutation(mol.GetNumAtoms()).tolist()
    renumbered = Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False)
    match = Chem.MolFromSmiles(renumbered).GetSubstructMatch(mol)
    first, second = (
        attribute(model, target_of(model, None), featurize([text])[0]).atoms
        for text in (SMILES[0], renumbered)
    )
    assert match != tuple(range(len(match)))
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    by_rank = {r: first[i] for i, r in enumerate(ranks)}
    for i, place in enumerate(match):
        assert second[place] == pytest.approx(by_rank[ranks[i]], abs=1e-4)


def test_a_matrix_for_each_bond_equals_one_for_each_kind():
    torch.manual_seed(0)
    encoder = MPNNEncoder(ATOM_SIZES, BOND_SIZES, dim=8, depth=3, residual=True)
    batch = to_batch(GRAPHS)
    graph = batch.x, batch.edge_index, batch.edge_attr
    torch.testing.assert_close(BondByBond(encoder)(*graph), encoder(*graph), rtol=1e-4, atol=1e-5)


def test_explaining_leaves_no_hook_in_the_network(model_of):
    model = model_of()
    attribute(model, target_of(model, None), GRAPHS)
    assert all(not part._forward_hooks for part in model.members[0].modules())


def test_hooks_go_where_the_forward_pass_fails(model_of):
    member = model_of().members[0]
    bad = SimpleNamespace(**to_batch(GRAPHS)._asdict() | {"edge_index": None})
    ones = torch.ones(len(GRAPHS.atoms))
    with pytest.raises((TypeError, AttributeError, ValueError)):
        logits_at(member, bad, Stand(ones, torch.ones(len(GRAPHS.bonds)), ones))
    assert all(not part._forward_hooks for part in member.modules())
