"""Estimators for scikit-learn: SMILES or RDKit molecules in, predictions out.

Estimators are made, cloned and listed without torch; it is imported by the first ``fit`` or
``load``.
"""

from molgnn.sklearn.classifier import MolGNNClassifier
from molgnn.sklearn.regressor import MolGNNRegressor

__all__ = ["MolGNNClassifier", "MolGNNRegressor"]
