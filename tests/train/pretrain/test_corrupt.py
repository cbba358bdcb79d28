"""What the encoder does not get to see."""

import numpy as np
import pytest

from molgnn.chem.features import ATOM_FIELDS
from molgnn.chem.graph import featurize
from molgnn.chem.packed import ARRAYS
from molgnn.train.pretrain.corrupt import HIDDEN_ATOM, HIDDEN_BOND, TELLING, corrupt
from molgnn.train.pretrain.options import TermOptions


@pytest.fixture(scope="module")
def graphs(drug_texts):
    return featurize(drug_texts)[0]


def ends_of(graphs):
    return graphs.bond_ends + np.repeat(graphs.atom_offsets[:-1], graphs.num_bonds)[:, None]


def damaged(graphs, **terms):
    return corrupt(graphs, TermOptions(**terms), np.random.default_rng(0))


def test_the_given_graphs_stay_as_they_are(graphs):
    before = {name: getattr(graphs, name) for name in ARRAYS if name != "features"}
    copies = {name: array.copy() for name, array in before.items()}
    damaged(graphs, mask=0.5)
    for name, array in before.items():
        np.testing.assert_array_equal(array, copies[name])


def test_with_nothing_hidden_the_encoder_sees_all(graphs):
    seen = damaged(graphs, mask=0.0, shown=1.0)
    assert seen.graphs is graphs
    assert len(seen.decoded) == len(graphs.atoms)
    assert not seen.hidden.any()


def test_hidden_atoms_tell_nothing_and_others_their_own(graphs):
    seen = damaged(graphs, mask=0.3, drop=0.0, shown=0.0)
    hidden = np.zeros(len(graphs.atoms), bool)
    hidden[seen.decoded] = True
    assert seen.hidden.all()
    assert hidden.mean() == pytest.approx(0.3, abs=0.03)
    assert (seen.graphs.atoms[hidden] == HIDDEN_ATOM).all()
    np.testing.assert_array_equal(seen.graphs.atoms[~hidden], graphs.atoms[~hidden])
    assert not (graphs.atoms == HIDDEN_ATOM).all(axis=1).any()


def test_the_bonds_of_hidden_atoms_are_hidden_with_them(graphs):
    seen = damaged(graphs, mask=0.3, drop=0.0)
    hidden = (seen.graphs.atoms == HIDDEN_ATOM).all(axis=1)
    touched = hidden[ends_of(graphs)].any(axis=1)
    assert (seen.graphs.bonds[touched] == HIDDEN_BOND).all()
    np.testing.assert_array_equal(seen.graphs.bonds[~touched], graphs.bonds[~touched])
    np.testing.assert_array_equal(seen.graphs.bond_ends, graphs.bond_ends)


def test_where_a_bond_is_taken_away_neither_end_tells_of_it(graphs):
    seen = damaged(graphs, mask=0.2, drop=0.5)
    hidden = (seen.graphs.atoms == HIDDEN_ATOM).all(axis=1)
    there = {tuple(ends) for ends in ends_of(seen.graphs).tolist()}
    all_ends = ends_of(graphs)
    gone = np.array([tuple(ends) not in there for ends in all_ends.tolist()])
    touched = hidden[all_ends].any(axis=1)
    assert not gone[~touched].any()
    assert gone[touched].mean() == pytest.approx(0.5, abs=0.06)
    rows = np.unique(all_ends[gone])
    assert (seen.graphs.atoms[np.ix_(rows, TELLING)] == HIDDEN_ATOM[TELLING]).all()
    names = {ATOM_FIELDS[i].name for i in TELLING}
    assert {"degree", "num_hs", "hybridization", "is_in_ring"} <= names
    element = seen.graphs.atoms[rows][~hidden[rows], 0]
    np.testing.assert_array_equal(element, graphs.atoms[rows][~hidden[rows], 0])


def test_bonds_that_are_left_stay_with_their_molecules(graphs):
    seen = damaged(graphs, mask=0.4, drop=1.0).graphs
    assert len(seen) == len(graphs)
    assert seen.bond_offsets[-1] == len(seen.bonds) == len(seen.bond_ends) < len(graphs.bonds)
    for number in range(len(graphs)):
        size = graphs.num_atoms[number]
        own = seen.select([number])
        assert (own.bond_ends < size).all()
        before = {tuple(ends) for ends in graphs.select([number]).bond_ends.tolist()}
        assert {tuple(ends) for ends in own.bond_ends.tolist()} <= before


def test_the_same_numbers_hide_the_same(graphs):
    one, two = (damaged(graphs, mask=0.3) for _ in range(2))
    np.testing.assert_array_equal(one.graphs.atoms, two.graphs.atoms)
    np.testing.assert_array_equal(one.decoded, two.decoded)
