"""What both estimators do alike: fit a model to molecules, keep it, load it."""

from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted


class MoleculeEstimator(BaseEstimator):
    """One column of molecules in. There are no features to count, so ``n_features_in_`` is never
    set. Subclasses say in ``_owner`` which bundles are theirs, in ``_told`` what a bundle must tell
    of them beside model and parameters, and read it again in ``_adopt``.
    """

    def _train(self, items, rows, names, y, weight, groups, kind, classes=(), class_weights="none"):
        """Fit to the molecules ``items[rows]``; y (n, T), ``weight`` and ``groups`` (n,) are those
        of all n, and validation molecules are drawn from each group. Sets ``model_`` (on the CPU)
        and ``history_``."""
        from molgnn.sklearn import inputs, training

        if len(rows) < 2:
            raise ValueError(
                f"Found array with {len(rows)} sample(s) while a minimum of 2 is required: rows of "
                "weight 0 and without labels do not count"
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        parts = training.set_aside(groups[rows], self.validation_fraction, seed)
        params = self.get_params(deep=False)
        options = training.options_of(params, kind, names, seed, class_weights)
        texts, graphs = inputs.featurized(items, rows, self.recipe)
        dataset = training.dataset_of(texts, graphs, names, y[rows])
        lesson = training.Lesson(options, dataset, parts)
        report = self._report if self.verbose else None
        self.model_, self.history_ = lesson.learn(weight[rows], classes, report)
        self._source = lesson

    def _report(self, member: int, row: dict) -> None:
        """One line an epoch, to stdout as scikit-learn's own estimators do."""
        valid = row["valid_loss"]
        judged = "" if valid is None else f", validation loss {valid:.4f}"
        of = f"member {member + 1}/{self.members}, " if self.members > 1 else ""
        epoch = f"epoch {row['epoch']}/{self.epochs}"
        print(f"[{type(self).__name__}] {of}{epoch}: loss {row['train_loss']:.4f}{judged}")

    def _outputs(self, X) -> np.ndarray:
        """The model's columns (n, O), the mean over its members."""
        check_is_fitted(self, "model_")
        from molgnn.sklearn import inputs

        with inputs.value_errors():
            items = inputs.column(X)
            rows, model = np.arange(len(items)), self.model_
            _, graphs = inputs.featurized(items, rows, model.recipe, model.blocks)
        return self.model_.predict_graphs(graphs)[0]

    def save(self, folder: str | PathLike, *, name: str | None = None, force: bool = False) -> None:
        """Write a bundle, which ``molgnn.load``, ``molgnn predict`` and ``molgnn screen`` take.

        It holds the training molecules with their labels. ``name`` is the folder's, if not given.
        Raises ValueError where ``folder`` holds something already, unless ``force``.
        """
        check_is_fitted(self, "model_")
        from molgnn.sklearn import inputs, keep

        with inputs.value_errors():
            keep.save(self, Path(folder), name, force)

    @classmethod
    def load(cls, folder: str | PathLike, *, device: str = "cpu") -> Self:
        """A fitted estimator from a bundle, saved by ``save`` or trained by ``molgnn train``: a
        folder, or the name of a bundled model. ``history_`` is empty: no bundle has it.

        Parameters that a bundle does not tell have their defaults. Raises ValueError for a folder
        that is no bundle, or one with other targets than this estimator predicts.
        """
        from molgnn.sklearn import inputs, keep

        with inputs.value_errors():
            return keep.load(cls, folder, device)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _more_tags(self) -> dict:
        """The same for scikit-learn 1.5."""
        return {"X_types": ["string"]}
