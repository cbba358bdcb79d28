"""scikit-learn's own checks of estimators, and why some of them cannot hold for molecules.

Most of them feed rows of numbers. So they run twice: on the estimators as they are, which must
refuse numbers, and on subclasses that spell each row of numbers as a molecule, where nearly all
of them must pass.
"""

import re

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted

from molgnn.sklearn import MolGNNClassifier, MolGNNRegressor

if not hasattr(estimator_checks, "estimator_checks_generator"):
    pytest.skip("scikit-learn 1.5 gives no list of its checks", allow_module_level=True)

from sklearn.utils.validation import validate_data

TINY = {
    "model": "network",
    "encoder": {"name": "dmpnn", "dim": 8, "depth": 1},
    "head": {"name": "mlp", "hidden": 16},
    "epochs": 4,
    "batch_size": 10,
    "lr": 0.05,
    "validation_fraction": 0.0,
    "recipe": "none",
    "accelerator": "cpu",
}
ATOMS = ("C", "N", "O", "S", "P", "B", "[SiH2]", "[Se]", "[GeH2]", "[Te]")


def spelt(X):
    """A chain for each row, with as many atoms of a kind as a feature says: in halves, from -2."""
    counts = np.clip(np.rint(2 * X.astype(float)), -4, 4).astype(int) + 4
    return ["F" + "".join(ATOMS[j % 10] * count for j, count in enumerate(row)) for row in counts]


class _SaidToTakeNumbers:
    """scikit-learn checks no more than ``clone`` where an estimator takes no array (n, d)."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = False
        tags.input_tags.two_d_array = True
        return tags


class PlainRegressor(_SaidToTakeNumbers, MolGNNRegressor):
    """As it is."""


class PlainClassifier(_SaidToTakeNumbers, MolGNNClassifier):
    """As it is."""


class _Spells(_SaidToTakeNumbers):
    """Reads an array (n, d) as scikit-learn asks for, and hands molecules on."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(spelt(validate_data(self, X)), y, sample_weight)

    def _outputs(self, X):
        check_is_fitted(self)
        return super()._outputs(spelt(validate_data(self, X, reset=False)))


class SpellingRegressor(_Spells, MolGNNRegressor):
    """Behind an array of numbers."""


class SpellingClassifier(_Spells, MolGNNClassifier):
    """Behind an array of numbers."""


NO_MOLECULES = "feeds rows of numbers, which are no molecules: the spelling estimators run it"
SKIPPED = {"check_array_api_input": ("skips", "runs only where SCIPY_ARRAY_API is set")}
# check: (what comes of it, why); what is not named here passes.
REFUSED = (
    "check_all_zero_sample_weights_error",
    "check_class_weight_classifiers",
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_one_label",
    "check_classifiers_one_label_sample_weights",
    "check_classifiers_regression_target",
    "check_classifiers_train",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_estimators_empty_data_messages",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_regressor_data_not_an_array",
    "check_regressor_multioutput",
    "check_regressors_int",
    "check_regressors_no_decision_function",
    "check_regressors_train",
    "check_requires_y_none",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weights_list",
    "check_sample_weights_not_an_array",
    "check_sample_weights_not_overwritten",
    "check_sample_weights_pandas_series",
    "check_sample_weights_shape",
    "check_supervised_y_2d",
)
PLAIN = SKIPPED | dict.fromkeys(REFUSED, ("refuses numbers", NO_MOLECULES))
SPELLING = SKIPPED | {
    "check_sample_weight_equivalence_on_dense_data": (
        "fails",
        "a row that is there twice falls into two batches, one of weight 2 into one, and single "
        "precision would miss the tolerance of 1e-7: test_estimators has it for one batch",
    )
}
CASES = [
    (PlainRegressor(**TINY), PLAIN),
    (PlainClassifier(**TINY), PLAIN),
    (SpellingRegressor(**TINY), SPELLING),
    (SpellingClassifier(**TINY), SPELLING),
]
REFUSALS = re.compile("neither a text nor an RDKit molecule|X must be one column of SMILES")


def outcome(estimator, check):
    """passes, skips, fails, or refuses numbers: a failure for which our refusal is the reason."""
    try:
        check(estimator)
    except estimator_checks.SkipTest:
        return "skips"
    except Exception as error:  # noqa: BLE001 (a check may raise anything; it is its verdict)
        said = ""
        while error is not None:
            said, error = f"{said}{type(error).__name__}: {error}\n", error.__context__
        return "refuses numbers" if REFUSALS.search(said) else f"fails: {said}"
    return "passes"


def cases():
    for estimator, listed in CASES:
        for _, check in estimator_checks.estimator_checks_generator(estimator):
            inner = check.func  # the check without the estimator's name
            options = getattr(inner, "keywords", {})
            name = getattr(inner, "func", inner).__name__
            said = ",".join(f"{key}={value}" for key, value in options.items())
            case = f"{type(estimator).__name__}-{name}({said})"
            yield pytest.param(estimator, check, listed.get(name, ("passes",))[0], id=case)


@pytest.mark.parametrize("estimator, check, expected", list(cases()))
def test_each_of_its_checks_does_as_listed(estimator, check, expected):
    assert outcome(estimator, check).startswith(expected)


@pytest.mark.parametrize("estimator", [MolGNNRegressor(**TINY), MolGNNClassifier(**TINY)])
def test_scikit_learn_itself_leaves_estimators_of_text_alone(estimator):
    """Hence the subclasses: the tags are right, and with them it checks ``clone`` only."""
    with pytest.warns(SkipTestWarning, match="Can't test estimator MolGNN"):
        found = estimator_checks.check_estimator(estimator)
    assert [(result["check_name"], result["status"]) for result in found] == [
        ("check_estimator_cloneable", "passed")
    ]


def test_a_check_that_does_other_than_listed_would_be_seen():
    def check_passing(estimator):
        pass

    def check_failing(estimator):
        raise AssertionError("wrong")

    def check_refused(estimator):
        estimator.fit([[1.0, 2.0]] * 3, [1, 2, 3])

    found = [outcome(CASES[0][0], c) for c in (check_passing, check_failing, check_refused)]
    assert found == ["passes", "fails: AssertionError: wrong\n", "refuses numbers"]
