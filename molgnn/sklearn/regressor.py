"""A regressor on molecules."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_consistent_length

from molgnn.sklearn.estimator import MoleculeEstimator


class MolGNNRegressor(RegressorMixin, MoleculeEstimator):
    """A graph network, or another ``model``, that predicts numbers from molecules.

    X holds SMILES, mol blocks or RDKit molecules: a list, an array (n,) or (n, 1), a pandas Series
    or a DataFrame with one column. y is (n,), or (n, T) for several targets at once, where NaN says
    that a label is missing. A text that is no molecule is a ValueError that names its row.

    ``model`` is blend (networks, boosted trees and a linear model, and for classes a forest),
    network (of which there can be several ``members``), hybrid, boosting, linear, forest,
    neighbours or mean, or a mapping with a name and options of
    ``molgnn.train.parts.ModelOptions``: ``{"name": "forest", "features": ["morgan"]}``. Features of
    molecules are computed where it needs some; what follows is for networks.

    ``encoder``, ``readout`` and ``head`` are names, or mappings with a name and options:
    ``{"name": "gin", "dim": 128, "depth": 4}``. ``loss`` is l2, l1, huber, quantile (``predict``
    then gives the median), mve or evidential (with standard deviations in ``model_.predict``), or a
    mapping of ``molgnn.train.options.LossOptions``;
    ``target_transform`` is auto, standardize, log10, rank or none. ``lr`` rises over two epochs and
    falls to its tenth.
    All rows are learnt from, and the weights are those of the last epoch, unless a
    ``validation_fraction`` of the rows, rounded down, is set aside at random: then its loss chooses
    the epoch, and with ``patience`` ends the training so many epochs after it.

    ``recipe`` is the standardisation: parent, none, neutral, tautomer. Repeated molecules are not
    merged: rows must match y.

    Fitted: ``model_`` (a ``molgnn`` model, with ``predict`` and ``embed``), ``history_`` (for each
    member that is a network, one dict an epoch). Fitted estimators, pickled ones too, hold the
    training molecules.
    """

    _owner = "MolGNNRegressor"

    def __init__(
        self,
        *,
        model="blend",
        encoder="dmpnn",
        readout="sum",
        head="mlp",
        loss="l2",
        target_transform="auto",
        epochs=30,
        batch_size=64,
        members=1,
        lr=1e-3,
        weight_decay=0.0,
        validation_fraction=0.0,
        patience=0,
        recipe="parent",
        accelerator="auto",
        random_state=None,
        verbose=0,
    ):
        self.model = model
        self.encoder = encoder
        self.readout = readout
        self.head = head
        self.loss = loss
        self.target_transform = target_transform
        self.epochs = epochs
        self.batch_size = batch_size
        self.members = members
        self.lr = lr
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.recipe = recipe
        self.accelerator = accelerator
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None):
        """Train anew. ``sample_weight`` (n,) multiplies a row's loss, in the choice of the epoch
        too, and its part in the scaling of labels; a row of weight 0 is as good as absent.
        Gradients are clipped, so that in small batches a row of huge weight counts for less.

        Raises ValueError for what cannot be learnt from: no molecule, no number, a constant target.
        """
        from molgnn.sklearn import inputs

        with inputs.value_errors():
            items = inputs.column(X)
            names, values, is_table = inputs.numbers(y)
            check_consistent_length(items, values)
            weight = inputs.weights(sample_weight, len(items))
            rows = np.flatnonzero((weight > 0) & ~np.isnan(values).all(axis=1))
            groups = np.zeros(len(items))
            self._train(items, rows, names, values, weight, groups, "regression")
        self._is_table = is_table
        return self

    def predict(self, X) -> np.ndarray:
        """(n,), or (n, T) where y had two dimensions: the mean over members, in the unit of y."""
        outputs = self._outputs(X)
        widths = [len(task.columns) for task in self.model_.tasks]
        values = outputs[:, np.cumsum([0, *widths[:-1]])]  # of quantiles, the median comes first
        return values if self._is_table else values[:, 0]

    def score(self, X, y, sample_weight=None) -> float:
        """R², of several targets the mean; labels that are missing are left out."""
        from sklearn.metrics import r2_score

        from molgnn.sklearn import inputs

        _, values, _ = inputs.numbers(y)
        if not np.isnan(values).any():
            return super().score(X, y, sample_weight)
        predicted = self.predict(X)
        check_consistent_length(predicted, values)
        weight = inputs.weights(sample_weight, len(values))
        scores = []
        for label, value in zip(values.T, predicted.T, strict=True):
            known = ~np.isnan(label)
            if known.sum() > 1:
                scores.append(r2_score(label[known], value[known], sample_weight=weight[known]))
        return float(np.mean(scores)) if scores else float("nan")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _more_tags(self) -> dict:
        return {**super()._more_tags(), "multioutput": True}

    def _adopt(self, told: dict) -> None:
        """What a bundle tells beside the model."""
        self._is_table = bool(told.get("table", len(self.model_.tasks) > 1))

    def _told(self) -> dict:
        """What a bundle must tell beside the model."""
        return {"table": self._is_table}
