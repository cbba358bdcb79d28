"""Folds of repeated cross-validation: disjoint, complete, and each true to its rule."""

import numpy as np
import pytest

from molgnn.chem.scaffold import murcko
from molgnn.chem.smiles import parse
from molgnn.data.tables.folds import RULES, cross_splits
from molgnn.errors import Refusal

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccsc1", "c1ccoc1", "C1CC1", "C1CCC1"]
SMILES = [ring + "C" * i for i in range(1, 14) for ring in RINGS[: 1 + (5 * i) % 8]]
SMILES += ["C" * i for i in range(1, 6)]
SCAFFOLDS = np.array([murcko(parse(text, "none")) for text in SMILES])
CLASSES = np.array([i % 7 == 0 for i in range(len(SMILES))], dtype=float)[:, None]


def rows(splits):
    return [[part.tolist() for part in split.parts().values()] for each in splits for split in each]


@pytest.mark.parametrize("name", RULES)
def test_folds_are_disjoint_and_cover_everything_once_a_repeat(name):
    for repeat in cross_splits(SMILES, CLASSES, name=name, folds=4, repeats=2):
        everything = list(range(len(SMILES)))
        assert sorted(np.concatenate([split.test for split in repeat])) == everything
        for split in repeat:
            assert sorted(np.concatenate(list(split.parts().values()))) == everything
            assert 0 < len(split.valid) < 0.2 * len(SMILES)
            assert len(split.train) > len(SMILES) / 2


@pytest.mark.parametrize("name", RULES)
def test_folds_repeat_and_do_not_depend_on_the_number_of_repeats(name):
    few = cross_splits(SMILES, CLASSES, name=name, repeats=1, seed=3)
    many = cross_splits(SMILES, CLASSES, name=name, repeats=3, seed=3)
    assert rows(few) == rows(many[:1])
    assert len({str(rows([repeat])) for repeat in many}) == 3
    assert rows(few) != rows(cross_splits(SMILES, CLASSES, name=name, repeats=1, seed=4))


@pytest.mark.parametrize("name", RULES)
def test_folds_follow_from_molecules_and_classes_not_from_other_labels(name):
    noise = np.random.default_rng(0).normal(size=(len(SMILES), 1))
    plain, more = (cross_splits(SMILES, y, name=name) for y in (CLASSES, np.c_[CLASSES, noise]))
    assert rows(plain) == rows(more)


def test_random_folds_are_equally_large():
    for repeat in cross_splits(SMILES, CLASSES, folds=5, repeats=2):
        sizes = [len(split.test) for split in repeat]
        assert max(sizes) - min(sizes) <= 1


def test_stratified_folds_and_their_valid_parts_keep_the_share_of_the_classes():
    y = np.zeros((200, 1))
    y[::10] = 1  # 20 actives
    for repeat in cross_splits(["C"] * 200, y, name="stratified", folds=5, repeats=3):
        for split in repeat:
            assert y[split.test].sum() == 4
            assert y[split.valid].sum() in (1, 2)  # of 16


def test_no_scaffold_stands_in_two_parts():
    for repeat in cross_splits(SMILES, CLASSES, name="scaffold", folds=4, repeats=3):
        for split in repeat:
            parts = [set(SCAFFOLDS[part]) for part in split.parts().values()]
            assert sum(map(len, parts)) == len(set(SCAFFOLDS))


@pytest.mark.parametrize(
    "wish, said",
    [
        ({"name": "scafold"}, "unknown split 'scafold': choose one of random, scaffold, strat"),
        ({"folds": 1}, "folds 1: at least 2"),
        ({"repeats": 0}, "repeats 0: at least 1"),
        ({"seed": -1}, "seed -1: at least 0"),
        ({"folds": 500}, "500 folds of 65 molecules leave too few to train: fewer folds"),
        ({"folds": 9, "name": "scaffold"}, "9 folds of 9 scaffolds leave too few to train"),
    ],
)
def test_what_cannot_be_is_refused(wish, said):
    with pytest.raises(Refusal, match=said):
        cross_splits(SMILES, CLASSES, **wish)


def test_two_folds_of_which_one_is_a_single_scaffold_are_refused():
    smiles = [RINGS[0] + "C" * i for i in range(20)] + RINGS[1:3]
    with pytest.raises(Refusal, match="2 folds of 3 scaffolds leave too few"):
        cross_splits(smiles, np.zeros((22, 1)), name="scaffold", folds=2)
