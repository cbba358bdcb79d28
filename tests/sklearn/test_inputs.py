"""What estimators take for molecules and labels, what they refuse, and how they say so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score

from molgnn.chem.graph import featurize
from molgnn.sklearn import MolGNNRegressor
from molgnn.sklearn.inputs import column, featurized

ROOT = Path(__file__).parents[2]
BOTH = pytest.mark.parametrize("kind", ["regressor", "classifier"])


def test_any_column_of_texts_will_do(regressor, table, smiles):
    y = table["logS"]
    columns = [
        smiles,
        tuple(smiles),
        np.array(smiles),
        np.array(smiles, dtype=object)[:, None],
        table["smiles"],
        table[["smiles"]],
        table["smiles"].astype("string"),
        pd.Series(smiles, index=range(100, 160)),
    ]
    first = regressor().fit(smiles, y)
    for X in columns:
        np.testing.assert_array_equal(first.predict(X), first.predict(smiles))
    np.testing.assert_array_equal(
        regressor().fit(columns[3], y).predict(smiles), first.predict(smiles)
    )
    assert first.predict([]).shape == (0,)
    assert not hasattr(first, "n_features_in_")


def test_rdkit_molecules_are_their_smiles_whatever_they_carry(fitted, smiles):
    model = fitted("regressor")
    plain = [Chem.MolFromSmiles(text) for text in smiles]
    with_hydrogens = [Chem.AddHs(mol) for mol in plain]
    kekulised = [Chem.Mol(mol) for mol in plain]
    for mol in kekulised:
        Chem.Kekulize(mol, clearAromaticFlags=True)
    blocks = [Chem.MolToMolBlock(mol) for mol in plain]
    for X in (plain, np.array(plain, dtype=object)[:, None], with_hydrogens, kekulised, blocks):
        np.testing.assert_allclose(model.predict(X), model.predict(smiles), atol=1e-5)
    again = MolGNNRegressor(**model.get_params()).fit(plain, model.predict(smiles))
    assert again.predict(plain).shape == (60,)


def test_the_graph_of_a_molecule_is_that_of_its_smiles():
    """Same atoms and bonds with the same codes: only their order may be another."""
    lines = (ROOT / "data" / "approved_drugs.smi").read_text().splitlines()
    drugs = [line.split("\t")[0] for line in lines[::9]]  # salts and stereo among them
    mols = [Chem.AddHs(Chem.MolFromSmiles(text)) for text in drugs]
    graphs = featurized(column(mols), np.arange(len(mols)), "none")[1]
    expected = featurize(drugs, "none")[0]
    np.testing.assert_array_equal(graphs.num_atoms, expected.num_atoms)
    np.testing.assert_array_equal(graphs.num_bonds, expected.num_bonds)
    for i in range(len(mols)):
        one, other = graphs.select([i]), expected.select([i])
        for field in ("atoms", "bonds"):
            rows = [sorted(map(tuple, getattr(g, field).tolist())) for g in (one, other)]
            assert rows[0] == rows[1], drugs[i]


@BOTH
def test_a_text_that_is_no_molecule_is_named_with_its_row(fitted, kind):
    model = fitted(kind)
    cases = [
        (["CCO", "C1CC"], r"^X\[1\] is 'C1CC': not valid SMILES$"),
        (["CN(C)(C)(C)C", "", "CC"], r"X\[0\] is 'CN.*valence.*\(and 1 more such rows\)"),
        (["CC", None], r"X\[1\] is None: neither a text nor an RDKit molecule"),
        ([float("nan")], r"X\[0\] is nan: neither a text"),
        ([Chem.Mol()], r"X\[0\] is '': empty"),
        ([Chem.MolFromSmiles("CN(C)(C)(C)C", sanitize=False)], r"X\[0\] .*valence for atom # 1 N"),
        ("CCO", "X is one molecule, 'CCO': give a list"),
        ([["CC", "CCC"]], r"one column .* shape \(1, 2\)"),
    ]
    for X, said in cases:
        with pytest.raises(ValueError, match=said):
            model.predict(X)
    with pytest.raises(ValueError, match=r"^X\[2\] is 'C1CC': not valid SMILES$"):
        clone(model).fit(["CCO", "CC", "C1CC"], [0, 1, 1])
    with pytest.raises(TypeError, match="sparse"):
        model.predict(csr_matrix(np.eye(2)))


def test_repeated_molecules_stay_rows(regressor):
    model = regressor(validation_fraction=0.0).fit(["CCO"] * 3 + ["CC"] * 3, [1, 2, 3, 4, 5, 6])
    assert len(model._source.parts.train) == 6
    assert model.model_.tasks[0].mean == pytest.approx(3.5)


def test_several_targets_with_missing_labels(regressor, smiles, table):
    y = np.stack([table["logS"], -3 * table["logS"] + 1], axis=1)
    y[::3, 1] = np.nan
    y[7] = np.nan
    model = regressor().fit(smiles, y)
    predicted = model.predict(smiles)
    assert predicted.shape == (60, 2)
    assert len(model._source.dataset) == 59  # a row without any label teaches nothing
    assert model.model_.tasks[1].mean == pytest.approx(np.nanmean(y[:, 1]))
    known = ~np.isnan(y)
    each = [r2_score(y[k, t], predicted[k, t]) for t, k in enumerate(known.T)]
    assert model.score(smiles, y) == pytest.approx(np.mean(each))
    assert np.isfinite(cross_val_score(regressor(), smiles, y, cv=2)).all()


def test_one_target_keeps_the_shape_of_y(regressor, smiles, table):
    y = table["logS"].to_numpy()
    flat, tall = regressor().fit(smiles, y), regressor().fit(smiles, y[:, None])
    assert flat.predict(smiles).shape == (60,)
    np.testing.assert_array_equal(tall.predict(smiles), flat.predict(smiles)[:, None])


def test_targets_are_called_as_pandas_calls_them(regressor, classifier, table, smiles, soluble):
    def names(model):
        return [task.name for task in model.model_.tasks]

    two = table[["logS"]].assign(double=2 * table["logS"])
    assert names(regressor(epochs=1).fit(smiles, table["logS"])) == ["logS"]
    assert names(regressor(epochs=1).fit(smiles, two)) == ["logS", "double"]
    assert names(regressor(epochs=1).fit(smiles, two.to_numpy())) == ["y0", "y1"]
    series = pd.Series(soluble, name="class")
    assert names(classifier(epochs=1).fit(smiles, series)) == ["class"]


@pytest.mark.parametrize(
    "y, said",
    [
        (None, "requires y to be passed"),
        ([1.0, 2.0], "inconsistent numbers of samples"),
        ([1.0, np.nan, 2.0], "y contains NaN: a label may be missing only"),
        ([1.0, np.inf, 2.0], "infinity"),
        ([2.0, 2.0, 2.0], "'y' is 2 for every training molecule"),
        (["a", "b", "c"], "could not convert|dtype|numeric"),
        (pd.Series([1.0, 2.0, 3.0], name="smiles"), "needed for another column: rename it"),
        ([[1, np.nan], [2, np.nan], [3, np.nan]], "'y1' has no label"),
    ],
)
def test_a_regressor_refuses_labels_it_cannot_learn(regressor, y, said):
    with pytest.raises(ValueError, match=said):
        regressor().fit(["C", "CC", "CCC"], y)


@pytest.mark.parametrize(
    "y, said",
    [
        (None, "requires y to be passed"),
        (["a", "b"], "inconsistent numbers of samples"),
        (["a", "a", "a"], "number of classes has to be greater than one; got 1 class"),
        (["a", None, "b"], "y contains NaN"),
        ([0.5, 1.5, 2.5], "continuous"),
        ([[0, 1], [1, 0], [1, 1]], "y should be a 1d array"),
    ],
)
def test_a_classifier_refuses_labels_it_cannot_learn(classifier, y, said):
    with pytest.raises(ValueError, match=said):
        classifier().fit(["C", "CC", "CCC"], y)


@pytest.mark.parametrize(
    "classes",
    [["low", "high"], [3, -1], [True, False], ["a", "b", "c"], [0, 1, 2, 7], [1.0, 2.0]],
    ids=str,
)
def test_classes_of_any_kind_come_back_with_probabilities(classifier, smiles, classes):
    y = np.array([classes[i % len(classes)] for i in range(60)])
    model = classifier(members=2).fit(smiles, y)
    np.testing.assert_array_equal(model.classes_, np.unique(classes))
    assert model.classes_.dtype == y.dtype
    probability = model.predict_proba(smiles)
    assert probability.shape == (60, len(classes))
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, atol=1e-12)
    predicted = model.predict(smiles)
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted, model.classes_[probability.argmax(axis=1)])
    assert model.model_.tasks[0].kind == ("binary" if len(classes) == 2 else "multiclass")
    assert model.model_.tasks[0].classes == tuple(map(str, model.classes_))


def test_a_classifier_learns_which_class_is_which(classifier):
    """Chains of carbon and of nitrogen: nothing but the order of the classes could go wrong."""
    X = ["C" * n for n in range(2, 14)] + ["N" * n for n in range(2, 14)] + ["O", "OO", "OOO"] * 4
    y = ["carbon"] * 12 + ["nitrogen"] * 12 + ["oxygen"] * 12
    three = classifier(epochs=20, lr=0.02, readout="mean").fit(X, y)
    assert three.score(X, y) == 1.0
    two = classifier(epochs=20, lr=0.02, readout="mean", loss="focal").fit(X[:24], y[:24])
    assert two.score(X[:24], y[:24]) == 1.0
    assert two.predict_proba(["CCCC"])[0, 0] > 0.5 > two.predict_proba(["NNNN"])[0, 0]
