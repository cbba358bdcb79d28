"""A classifier of molecules."""

from collections.abc import Mapping

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_consistent_length

from molgnn.errors import Refusal
from molgnn.sklearn.estimator import MoleculeEstimator


class MolGNNClassifier(ClassifierMixin, MoleculeEstimator):
    """A graph network, or another ``model``, that predicts classes of molecules.

    X, and all parameters not named here, are as for ``MolGNNRegressor``. y (n,) holds two or more
    classes: text, whole numbers or booleans. ``loss`` is cross_entropy or focal. ``class_weight``
    is for networks: None, balanced (each class weighs the same in all), or a dict from class to
    weight.
    ``validation_fraction`` is that of each class, rounded down, so that each one is trained on.

    Fitted: ``classes_``, ``model_``, ``history_``.
    """

    _owner = "MolGNNClassifier"

    def __init__(
        self,
        *,
        model="blend",
        encoder="dmpnn",
        readout="sum",
        head="mlp",
        loss="cross_entropy",
        class_weight=None,
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
        self.class_weight = class_weight
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
        too; a row of weight 0 is as good as absent.

        Raises ValueError for what cannot be learnt from: no molecule, one class alone.
        """
        from molgnn.sklearn import inputs

        with inputs.value_errors():
            items = inputs.column(X)
            name, given = inputs.labels(y)
            check_consistent_length(items, given)
            weight = inputs.weights(sample_weight, len(items))
            rows = np.flatnonzero(weight)
            classes, found = np.unique(given[rows], return_inverse=True)
            if len(classes) < 2:
                raise ValueError(
                    f"The number of classes has to be greater than one; got {len(classes)} class"
                )
            codes = np.full(len(items), np.nan)
            codes[rows] = found
            self._train(
                items,
                rows,
                [name],
                codes[:, None],
                weight,
                codes,
                "binary" if len(classes) == 2 else "multiclass",
                tuple(map(str, classes)),
                self._class_weights(name, classes, found, weight[rows]),
            )
        self.classes_ = classes
        return self

    def _class_weights(self, name, classes, codes, weight) -> str | dict[str, list[float]]:
        """The weight of each class for the loss. Balanced: by what its rows weigh, so that a row of
        weight 2 counts as two rows here too."""
        if self.class_weight is None:
            return "none"
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            totals = np.bincount(codes, weights=weight)
            return {name: (totals.sum() / (len(classes) * totals)).tolist()}
        weights = compute_class_weight(self.class_weight, classes=classes, y=classes[codes])
        return {name: weights.astype(float).tolist()}

    def predict(self, X) -> np.ndarray:
        """The most probable class (n,)."""
        most = self.predict_proba(X).argmax(axis=1)  # first: it says so where nothing was fitted
        return self.classes_[most]

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, C), columns in the order of ``classes_``: the mean over members."""
        outputs = self._outputs(X)
        return outputs if outputs.shape[1] > 1 else np.hstack([1.0 - outputs, outputs])

    def _adopt(self, told: dict) -> None:
        """Classes as they were before a bundle made text of them. One that does not tell, such as
        a bundle of ``molgnn train``, has whole numbers if they look like it."""
        (task,) = self.model_.tasks
        looks = "<i8" if all(map(str.isdecimal, task.classes)) else "<U"
        kind = told.get("classes", looks)
        names = np.array(task.classes)
        self.classes_ = names == "True" if kind == "|b1" else _as(kind, names)
        if told.get("class_weight") is not None:
            pairs = zip(self.classes_.tolist(), told["class_weight"], strict=True)
            self.class_weight = dict(pairs)

    def _told(self) -> dict:
        told = {"classes": self.classes_.dtype.str}
        if isinstance(self.class_weight, Mapping):
            weights = [self.class_weight.get(label, 1.0) for label in self.classes_.tolist()]
            told["class_weight"] = [float(weight) for weight in weights]
        return told


def _as(kind: str, names: np.ndarray) -> np.ndarray:
    """Names of classes as values of numpy's type ``kind``."""
    try:
        return names.astype(kind)
    except (TypeError, ValueError):
        raise Refusal(f"the bundle is damaged: its classes are no {kind}: {names}") from None
