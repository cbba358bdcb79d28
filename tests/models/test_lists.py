"""Predictions for atoms and bonds: in the order of the input, whoever stands beside them."""

import numpy as np
import pandas as pd
import pytest
import torch
from rdkit import Chem

from molgnn.chem.graph import featurize
from molgnn.chem.trace import featurize_traced
from molgnn.data.batch import to_batch
from molgnn.data.scaling import decode
from molgnn.data.targets import Task, widths
from molgnn.models.build import ENCODERS, build_model
from molgnn.models.ensemble import Predictor
from molgnn.models.lists import mean_and_spread

TASKS = [
    Task("size", "regression", mean=3.0, std=2.0),
    Task("charge", "regression", mean=1.0, std=0.5, level="atom"),
    Task("site", "multiclass", classes=("0", "1", "2"), level="atom"),
    Task("order", "binary", classes=("0", "1"), level="bond"),
]
TEXTS = ["CCO", "C", "CC(=O)Oc1ccccc1C(=O)O", "C1CC1.Cl", "[H]OC([2H])=O", "c1ccc2[nH]ccc2c1"]


@pytest.fixture(scope="module")
def predictor_with():
    """predictor_with(encoder, members, tasks) -> a small untrained ensemble."""

    def make(encoder="dmpnn", members=1, tasks=TASKS, recipe="parent"):
        torch.manual_seed(0)
        options = {"name": encoder, "dim": 12}
        # A multiple of 4: with others MKL on AMD rounds a row by where it lies in memory.
        head = {"name": "mlp", "hidden": 12}
        models = [build_model(options, "mean", head, widths(tasks)) for _ in range(members)]
        return Predictor(models, tasks, recipe)

    return make


def ends_of(bond):
    return bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_tiles_give_what_the_plain_forward_pass_gives(predictor_with, encoder):
    model = predictor_with(encoder)
    graphs = featurize(TEXTS)[0]
    (found,) = model.predict_levels(graphs)
    with torch.inference_mode():
        logits = model.members[0](to_batch(graphs))
    for level in ("molecule", "atom", "bond"):
        expected = decode(logits[level].numpy(), model.tasks_at(level))
        np.testing.assert_allclose(found[level], expected, rtol=1e-4, atol=1e-5)


def test_molecules_have_the_bits_that_a_screen_gives_them(predictor_with):
    model, graphs = predictor_with(members=2), featurize(TEXTS)[0]
    each = model.predict_levels(graphs)
    np.testing.assert_array_equal(
        np.stack([member.molecule for member in each]), model.predict_members(graphs)
    )


@pytest.mark.parametrize("encoder", ["dmpnn", "gat"])
def test_no_bit_of_an_atom_depends_on_the_molecules_beside_it(predictor_with, encoder):
    model, graphs = predictor_with(encoder), featurize(TEXTS * 9)[0]
    (together,) = model.predict_levels(graphs)
    (alone,) = model.predict_levels(graphs.select([2]))
    some = together.select([2, 2 + len(TEXTS)])
    for level in ("atom", "bond"):
        count = len(alone[level])
        np.testing.assert_array_equal(some[level][:count], alone[level])
        np.testing.assert_array_equal(some[level][count:], alone[level])


@pytest.mark.parametrize("recipe", ["none", "parent", "neutral"])
def test_another_spelling_gives_the_same_values_to_the_same_atoms(predictor_with, recipe):
    model, generator = predictor_with(recipe=recipe), np.random.default_rng(0)
    for text in ("CC(=O)Oc1ccccc1C(=O)NCF", "C[N+](C)(C)CC(=O)[O-].Cl", "O=C(O)/C=C\\c1cc[nH]c1"):
        mol = Chem.MolFromSmiles(text)
        for atom in mol.GetAtoms():
            atom.SetIntProp("first", atom.GetIdx())
        order = generator.permutation(mol.GetNumAtoms()).tolist()
        moved = Chem.RenumberAtoms(mol, order)
        spelt = Chem.MolToSmiles(moved, canonical=False)
        out = list(map(int, moved.GetProp("_smilesAtomOutputOrder").strip("[],").split(",")))
        mapped = [order[i] for i in out]
        first, second = (model.predict([t]).iloc[0] for t in (text, spelt))
        np.testing.assert_allclose(
            second["charge"], first["charge"][mapped], atol=1e-5, equal_nan=True
        )
        ends = {
            frozenset((b.GetBeginAtomIdx(), b.GetEndAtomIdx())): b.GetIdx() for b in mol.GetBonds()
        }
        there = Chem.MolFromSmiles(spelt)
        bonds = [
            ends[frozenset(mapped[atom] for atom in ends_of(bond))] for bond in there.GetBonds()
        ]
        np.testing.assert_allclose(second["order"], first["order"][bonds], atol=1e-5)


def test_a_table_has_one_value_for_each_atom_as_written_and_none_where_there_is_no_atom(
    predictor_with,
):
    table = predictor_with().predict([*TEXTS, "C(C"])
    assert list(table) == [*("size", "charge", "site=0", "site=1", "site=2", "order", "reason")]
    assert [len(values) for values in table["charge"][:6]] == [3, 1, 13, 4, 5, 9]
    assert [len(values) for values in table["order"][:6]] == [2, 0, 13, 3, 4, 10]
    assert np.isnan(table["charge"][3]).tolist() == [False] * 3 + [True]  # the chloride
    assert np.isnan(table["charge"][4]).tolist() == [True] + [False] * 4
    assert np.isnan(table["charge"][6])
    assert table["reason"].tolist() == [""] * 6 + ["not valid SMILES"]
    shares = sum(np.stack(table[f"site={i}"][0:1].tolist()) for i in range(3))
    np.testing.assert_allclose(shares, 1)


def test_an_ensemble_gives_mean_and_deviation_of_each_atom(predictor_with):
    model = predictor_with(members=3)
    graphs, _, _, traces = featurize_traced(["CCO"])
    each = np.stack([member.atom[:, 0] for member in model.predict_levels(graphs)])
    table = model.predict(["CCO"])
    np.testing.assert_allclose(table["charge"][0], each.mean(axis=0))
    np.testing.assert_allclose(table["charge_std"][0], each.std(axis=0, ddof=1))
    assert list(table)[:2] == ["size", "size_std"]
    assert len(traces) == 1


def test_a_model_of_atoms_alone_has_no_column_for_molecules(predictor_with):
    model = predictor_with(tasks=TASKS[1:2])
    assert model.columns == []
    assert model.list_columns == ["charge"]
    assert list(model.predict("CCO")) == ["charge", "reason"]
    assert model.predict_graphs(featurize(TEXTS)[0])[0].shape == (6, 0)
    assert model.embed(["CCO"]).shape == (1, 12)
    assert isinstance(model.predict([]), pd.DataFrame)


def test_swapping_the_ends_of_a_bond_does_not_change_it(predictor_with):
    member, graphs = predictor_with().members[0], featurize(["CC(=O)OC"])[0]
    batch = to_batch(graphs)
    half = batch.edge_index.size(1) // 2
    atoms = member.encoder(batch.x, batch.edge_index, batch.edge_attr)
    ends, codes = batch.edge_index[:, :half], batch.edge_attr[:half]
    torch.testing.assert_close(
        member.bond_head(atoms, ends, codes), member.bond_head(atoms, ends.flip(0), codes)
    )


def test_no_bit_of_a_mean_with_shares_depends_on_the_molecules_beside_it():
    each = np.random.default_rng(0).normal(size=(3, 200, 2))
    shares = np.full(3, 1 / 3)
    mean, spread = mean_and_spread(each, shares)
    for start in (0, 1, 7, 199):
        for stop in (start + 1, start + 5):
            alone = mean_and_spread(np.ascontiguousarray(each[:, start:stop]), shares)
            np.testing.assert_array_equal(alone[0], mean[start:stop])
            np.testing.assert_array_equal(alone[1], spread[start:stop])
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(spread, each.std(axis=0, ddof=1), rtol=1e-12)
